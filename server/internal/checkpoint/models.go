package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"
)

// ModelFormatVersion is the version of a model's file that this release writes and the newest that it reads.
// Version 1: the first.
const ModelFormatVersion = 1

const (
	modelMagic    = "AKINMODL"
	modelPrefix   = "model-"
	maxModelHead  = 8 + 4 + 8 + 8 + 2*(1+maxString) + 8 + crcSize
	modelHeadSize = 8 + 4 + 8 + 8 + 2*1 + 8 + crcSize // with empty strings
)

// PointModelKept is a point at which Models.Hook is called: the model is durable, and the ones before it are still
// there.
const PointModelKept = "model.kept"

// ModelMeta says what a model's file holds.
type ModelMeta struct {
	Lineage     string    // of Revision in the store whose papers the model is of, at most 255 bytes
	Revision    uint64    // that the store had reached when the model was kept
	Fingerprint string    // of the model, at most 255 bytes
	Created     time.Time // to the nanosecond
}

// Models holds the models of one store, each in a file of its own: in practice the one that serves, and for a moment
// its successor. The newest whole one is the one to serve. One goroutine at a time writes.
//
//	models/
//	  model-00000003
type Models struct {
	Path string // created with the first model, mode 0700

	// Hook is called at PointModelKept; an error ends the write. Nil: no hook.
	Hook func(point string) error
}

// ModelFile is one model on disk.
type ModelFile struct {
	ModelMeta
	Path   string
	Offset int64 // where the model's own bytes begin, which end with the file
	Size   int64 // of the model's own bytes
}

// Write makes a model durable, as the newest: once it returns, it survives the end of the process and of the machine.
// The ones before it stay until Prune.
func (m Models) Write(meta ModelMeta, model io.WriterTo) (path string, err error) {
	for _, s := range []string{meta.Lineage, meta.Fingerprint} {
		if len(s) > maxString {
			return "", fmt.Errorf("checkpoint: a name in ModelMeta has %d bytes, at most %d fit", len(s), maxString)
		}
	}
	if err := makeDir(m.Path); err != nil {
		return "", err
	}
	if err := removeTemporary(m.Path); err != nil {
		return "", err
	}
	numbers, err := list(m.Path, modelPrefix)
	if err != nil {
		return "", err
	}
	next := uint64(1)
	if len(numbers) > 0 {
		next = numbers[0] + 1
	}
	name := numbered(modelPrefix, next)
	temp := filepath.Join(m.Path, tempPrefix+name)
	if err := writeModel(temp, meta, model); err != nil {
		return "", errors.Join(err, removeIfThere(temp))
	}
	path = filepath.Join(m.Path, name)
	if err := os.Rename(temp, path); err != nil {
		return "", errors.Join(err, os.Remove(temp))
	}
	if err := syncDir(m.Path); err != nil {
		return "", errors.Join(err, os.Remove(path))
	}
	if m.Hook != nil {
		if err := m.Hook(PointModelKept); err != nil {
			return "", errors.Join(err, os.Remove(path))
		}
	}
	return path, nil
}

// writeModel writes and syncs one file. The head, which has the model's length, is written last.
func writeModel(path string, meta ModelMeta, model io.WriterTo) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	head := meta.head(0)
	_, err = f.Seek(int64(len(head)), io.SeekStart)
	if err == nil {
		var n int64
		n, err = model.WriteTo(f)
		head = meta.head(n)
	}
	if err == nil {
		_, err = f.WriteAt(head, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// head is what stands before a model of size bytes. Its length does not depend on size.
func (m *ModelMeta) head(size int64) []byte {
	be := binary.BigEndian
	b := append([]byte(nil), modelMagic...)
	b = be.AppendUint32(b, ModelFormatVersion)
	b = be.AppendUint64(b, uint64(m.Created.UnixNano()))
	b = be.AppendUint64(b, m.Revision)
	b = appendString(appendString(b, m.Lineage), m.Fingerprint)
	b = be.AppendUint64(b, uint64(size))
	return be.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// List describes the models, newest first, each with why it cannot be used where that is so: a file of another kind or
// release, damaged or cut short. The models' own bytes are verified by whoever reads them.
func (m Models) List() ([]ModelFile, []error, error) {
	numbers, err := list(m.Path, modelPrefix)
	if err != nil {
		return nil, nil, err
	}
	var files []ModelFile
	var faults []error
	for _, n := range numbers {
		path := filepath.Join(m.Path, numbered(modelPrefix, n))
		f, err := readModelHead(path)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", path, err))
			continue
		}
		files = append(files, f)
	}
	return files, faults, nil
}

func readModelHead(path string) (ModelFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return ModelFile{}, err
	}
	defer f.Close() // only read
	info, err := f.Stat()
	if err != nil {
		return ModelFile{}, err
	}
	b := make([]byte, min(maxModelHead, info.Size()))
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return ModelFile{}, err
	}
	out, err := decodeModelHead(b, info.Size())
	out.Path = path
	return out, err
}

// decodeModelHead verifies the head of a file of size bytes.
func decodeModelHead(b []byte, size int64) (ModelFile, error) {
	var out ModelFile
	if len(b) < len(modelMagic) || string(b[:len(modelMagic)]) != modelMagic {
		return out, fmt.Errorf("%w: it does not begin with %q", ErrNotCheckpoint, modelMagic)
	}
	if len(b) < modelHeadSize {
		return out, truncatedf("it has %d bytes", size)
	}
	d := decoder{rest: b[len(modelMagic):]}
	if v := d.uint32(); v > ModelFormatVersion {
		return out, fmt.Errorf("%w: it has format %d, this one reads up to %d", ErrNewer, v, ModelFormatVersion)
	} else if v != ModelFormatVersion {
		return out, damagedf("it has a format that never was")
	}
	out.Created = time.Unix(0, int64(d.uint64()))
	out.Revision = d.uint64()
	out.Lineage, out.Fingerprint = d.string(), d.string()
	n := d.uint64()
	used := len(b) - len(d.rest)
	sum := d.uint32()
	switch {
	case d.failed:
		return ModelFile{}, truncatedf("it ends within its head")
	case crc32.Checksum(b[:used], castagnoli) != sum:
		return ModelFile{}, damagedf("its head does not match its checksum")
	}
	out.Offset = int64(used + crcSize)
	if left := size - out.Offset; n > math.MaxInt64 || int64(n) > left {
		return ModelFile{}, truncatedf("it has %d bytes of a model of %d", left, n)
	} else if int64(n) < left {
		return ModelFile{}, damagedf("it has %d bytes behind its model", left-int64(n))
	}
	out.Size = int64(n)
	return out, nil
}

// Read calls fn with the model's own bytes, which it verifies itself.
func (f ModelFile) Read(fn func(r io.Reader, size int64) error) error {
	file, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer file.Close() // only read
	if err := fn(io.NewSectionReader(file, f.Offset, f.Size), f.Size); err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return nil
}

// Remove removes one model, durably.
func (m Models) Remove(path string) error {
	return errors.Join(os.Remove(path), syncDir(m.Path))
}

// Prune removes all but one.
func (m Models) Prune(keep string) error {
	numbers, err := list(m.Path, modelPrefix)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if name := numbered(modelPrefix, n); name != filepath.Base(keep) {
			if err := os.Remove(filepath.Join(m.Path, name)); err != nil {
				return err
			}
		}
	}
	return removeTemporary(m.Path)
}
