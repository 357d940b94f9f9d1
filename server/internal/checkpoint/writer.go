package checkpoint

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Writer takes the sections of a new part. Different sections may be written by different goroutines; all of them have
// returned when the function given to Folder.WriteBase or Folder.Extend returns.
type Writer struct {
	dir      string
	manifest manifest

	mu       sync.Mutex
	sections []*sectionWriter
}

func newWriter(dir string, m manifest) (*Writer, error) {
	meta := &m.meta
	for _, s := range []string{meta.Lineage, meta.Model, meta.Index} {
		if len(s) > maxString {
			return nil, fmt.Errorf("checkpoint: a name in Meta has %d bytes, at most %d fit", len(s), maxString)
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return &Writer{dir: dir, manifest: m}, nil
}

// Section starts a section. Its name has 1 to 64 of a-z, 0-9, '-' and '_', and is used once. Errors, of this call too,
// come from the first Write, and from the Folder in any case.
func (w *Writer) Section(name string) io.Writer {
	s := &sectionWriter{section: section{name: name}, buf: make([]byte, 0, blockSize)}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, other := range w.sections {
		if other.name == name {
			s.err = fmt.Errorf("checkpoint: section %q is written twice", name)
		}
	}
	if !validName(name) || len(w.sections) >= maxSections {
		s.err = fmt.Errorf("checkpoint: %q cannot be a section's name, or there are %d already", name, len(w.sections))
	}
	if s.err == nil {
		s.f, s.err = os.OpenFile(filepath.Join(w.dir, name+sectionSuffix), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	}
	w.sections = append(w.sections, s)
	return s
}

// finish makes the sections durable, then the manifest, then their names, and returns the manifest's checksum.
func (w *Writer) finish() (sum uint32, err error) {
	m := w.manifest
	var g errgroup.Group
	for _, s := range w.sections {
		g.Go(s.finish)
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	for _, s := range w.sections {
		m.sections = append(m.sections, s.section)
	}
	f, err := os.OpenFile(filepath.Join(w.dir, manifestName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	_, err = f.Write(m.encode())
	return m.sum, errors.Join(err, f.Sync(), f.Close(), syncDir(w.dir))
}

// abort closes the files, which are going to be removed.
func (w *Writer) abort() error {
	var errs []error
	for _, s := range w.sections {
		if s.f != nil {
			errs = append(errs, s.f.Close())
		}
	}
	return errors.Join(errs...)
}

// sectionWriter writes one section in blocks.
type sectionWriter struct {
	section
	f   *os.File
	buf []byte // of the present block
	raw int64  // bytes written since the last sync
	err error
}

// syncEvery is how many bytes of a section wait for the disk at most. A file system writes what waits before it lets
// another file's sync return: hundreds of megabytes of a base would hold up the store's commits for seconds.
const syncEvery = 8 << 20

// Write takes bytes of a section.
func (s *sectionWriter) Write(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	taken := 0
	for len(b) > 0 {
		if len(s.buf) == 0 && len(b) >= blockSize { // whole blocks need no copy
			if s.block(b[:blockSize]) != nil {
				return taken, s.err
			}
			b, taken = b[blockSize:], taken+blockSize
			continue
		}
		n := min(len(b), blockSize-len(s.buf))
		s.buf = append(s.buf, b[:n]...)
		b, taken = b[n:], taken+n
		if len(s.buf) == blockSize {
			if s.block(s.buf) != nil {
				return taken, s.err
			}
			s.buf = s.buf[:0]
		}
	}
	return taken, nil
}

// block writes one block and notes its checksum.
func (s *sectionWriter) block(b []byte) error {
	if _, s.err = s.f.Write(b); s.err == nil {
		s.sums = append(s.sums, crc32.Checksum(b, castagnoli))
		s.size += int64(len(b))
		if s.raw += int64(len(b)); s.raw >= syncEvery {
			s.raw, s.err = 0, s.f.Sync()
		}
	}
	return s.err
}

// finish writes the last block and makes the file durable.
func (s *sectionWriter) finish() error {
	if s.err == nil && len(s.buf) > 0 {
		s.err = s.block(s.buf)
	}
	if s.f == nil {
		return s.err
	}
	if s.err == nil {
		s.err = s.f.Sync()
	}
	return errors.Join(s.err, s.f.Close())
}
