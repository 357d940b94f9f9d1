package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Reader reads one part. Its methods are safe for concurrent use; each section has one reader at a time.
type Reader struct {
	path     string
	number   uint64
	manifest *manifest

	mu    sync.Mutex
	files []*os.File
}

// Open verifies a checkpoint's manifest and the sizes of its sections, whose content is verified while it is read.
// ErrNotCheckpoint, ErrNewer, ErrDamaged or ErrTruncated.
func Open(path string) (*Reader, error) {
	b, err := os.ReadFile(filepath.Join(path, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: it has no %s", path, ErrNotCheckpoint, manifestName)
	}
	if err != nil {
		return nil, err
	}
	m, err := decodeManifest(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, s := range m.sections {
		info, err := os.Stat(filepath.Join(path, s.name+sectionSuffix))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("%s: %w", path, truncatedf("section %s is missing", s.name))
		case err != nil:
			return nil, err
		case info.Size() < s.size:
			return nil, fmt.Errorf("%s: %w", path, truncatedf("section %s has %d bytes of %d", s.name, info.Size(), s.size))
		case info.Size() > s.size:
			return nil, fmt.Errorf("%s: %w", path, damagedf("section %s has %d bytes, not %d", s.name, info.Size(), s.size))
		}
	}
	return &Reader{path: path, manifest: m}, nil
}

// Path is the part's folder.
func (r *Reader) Path() string { return r.path }

// Part names the part for Folder.Extend, in a Reader of a Chain.
func (r *Reader) Part() Part {
	return Part{Path: r.path, Bytes: r.Size(), number: r.number, sum: r.manifest.sum}
}

// Meta says whose state it is.
func (r *Reader) Meta() Meta { return r.manifest.meta }

// Sections lists the names in the order in which they were started.
func (r *Reader) Sections() []string {
	names := make([]string, len(r.manifest.sections))
	for i, s := range r.manifest.sections {
		names[i] = s.name
	}
	return names
}

// Size is the bytes of all sections.
func (r *Reader) Size() int64 {
	var n int64
	for _, s := range r.manifest.sections {
		n += s.size
	}
	return n
}

// Section opens a section of size bytes, to be read by one goroutine until Close. Every byte it gives has been
// verified; at the first block that does not match, its error wraps ErrDamaged or ErrTruncated. ErrNoSection when
// there is none of that name.
func (r *Reader) Section(name string) (content io.Reader, size int64, err error) {
	for i := range r.manifest.sections {
		s := &r.manifest.sections[i]
		if s.name != name {
			continue
		}
		f, err := os.Open(filepath.Join(r.path, name+sectionSuffix))
		if err != nil {
			return nil, 0, err
		}
		r.mu.Lock()
		r.files = append(r.files, f)
		r.mu.Unlock()
		return &sectionReader{section: s, path: r.path, f: f}, s.size, nil
	}
	return nil, 0, fmt.Errorf("%s: %w: %q", r.path, ErrNoSection, name)
}

// Close closes the sections' files.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, f := range r.files {
		errs = append(errs, f.Close())
	}
	r.files = nil
	return errors.Join(errs...)
}

// Verify reads all sections against their checksums, on all cores.
func (r *Reader) Verify(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range r.manifest.sections {
		s := &r.manifest.sections[i]
		f, err := os.Open(filepath.Join(r.path, s.name+sectionSuffix))
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		g.Go(func() error {
			defer f.Close() // only read
			sr := &sectionReader{section: s, path: r.path, f: f}
			for {
				if err := ctx.Err(); err != nil {
					return context.Cause(ctx)
				}
				if err := sr.fill(); err != nil {
					if errors.Is(err, io.EOF) {
						return nil
					}
					return err
				}
				sr.have = nil
			}
		})
	}
	return g.Wait()
}

// sectionReader reads one section in blocks.
type sectionReader struct {
	*section
	path string
	f    *os.File
	next int // block
	buf  []byte
	have []byte // verified and not given out
	err  error
}

// Read gives verified bytes.
func (s *sectionReader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if len(s.have) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		// The block goes straight to where the caller wants it, and what does not fit there to the buffer.
		want := s.blockBytes()
		if want == 0 {
			return 0, s.end()
		}
		b = b[:min(len(b), want)]
		if err := s.block(b, s.room(want-len(b))); err != nil {
			clear(b) // nothing unverified leaves here
			return 0, err
		}
		s.have = s.buf[:want-len(b)]
		return len(b), nil
	}
	n := copy(b, s.have)
	s.have = s.have[n:]
	return n, nil
}

// WriteTo gives everything that is left.
func (s *sectionReader) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		if len(s.have) == 0 {
			if err := s.fill(); err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				return total, err
			}
		}
		n, err := w.Write(s.have)
		total += int64(n)
		s.have = s.have[n:]
		if err != nil {
			return total, err
		}
	}
}

// blockBytes is the size of the next block, 0 at the end.
func (s *sectionReader) blockBytes() int {
	return int(min(int64(blockSize), s.size-min(s.size, int64(s.next)*int64(blockSize))))
}

// fill reads and verifies the next block into the buffer. io.EOF at the end.
func (s *sectionReader) fill() error {
	if s.err != nil {
		return s.err
	}
	want := s.blockBytes()
	if want == 0 {
		return s.end()
	}
	if err := s.block(s.room(want), nil); err != nil {
		return err
	}
	s.have = s.buf[:want]
	return nil
}

// end notes that there is no further block.
func (s *sectionReader) end() error {
	s.err = io.EOF
	return s.err
}

// room returns n bytes of the buffer.
func (s *sectionReader) room(n int) []byte {
	if s.buf == nil {
		s.buf = make([]byte, s.blockBytes()) // the first block is the largest
	}
	return s.buf[:n]
}

// block reads and verifies the next block, its beginning into b and what is behind that into rest. Its error stays.
func (s *sectionReader) block(b, rest []byte) error {
	at, sum := int64(s.next)*int64(blockSize), uint32(0)
	for _, part := range [][]byte{b, rest} {
		if _, err := s.f.ReadAt(part, at); err != nil {
			if errors.Is(err, io.EOF) {
				err = truncatedf("section %s ends inside of block %d", s.name, s.next)
			}
			s.err = fmt.Errorf("%s: %w", s.path, err)
			return s.err
		}
		at += int64(len(part))
		sum = crc32.Update(sum, castagnoli, part)
	}
	if sum != s.sums[s.next] {
		s.err = fmt.Errorf("%s: %w", s.path, damagedf("block %d of section %s does not match its checksum", s.next, s.name))
		return s.err
	}
	s.next++
	return nil
}
