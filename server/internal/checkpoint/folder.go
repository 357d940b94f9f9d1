package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// prefix begins the name of a part.
const prefix = "checkpoint-"

// Points at which Folder.Hook is called.
const (
	PointWritten  = "checkpoint.written"  // a base is complete and durable under its temporary name
	PointNamed    = "checkpoint.named"    // it has its name; what it replaces is still there
	PointVerified = "checkpoint.verified" // it was read back; what it replaces is still there
	PointFolded   = "checkpoint.folded"   // one part of several that it replaces is gone, the others are there

	PointSegmentWritten  = "segment.written"  // a segment is complete and durable under its temporary name
	PointSegmentNamed    = "segment.named"    // it has its name
	PointSegmentVerified = "segment.verified" // it was read back
)

// points of the writing of one part.
type points struct{ written, named, verified string }

var (
	basePoints    = points{PointWritten, PointNamed, PointVerified}
	segmentPoints = points{PointSegmentWritten, PointSegmentNamed, PointSegmentVerified}
)

// ErrNotNewest: the part to be extended is not the newest one in the folder any more.
var ErrNotNewest = errors.New("another part of the checkpoint is the newest")

// Folder holds the checkpoint of one store: a base, and the segments that extend it. One goroutine at a time writes;
// the caller sees to it that one process uses the folder.
type Folder struct {
	Path string // created when the first part is written, mode 0700

	// Hook is called at the Point constants, for tests that fail or kill there; an error ends the write. Nil: no hook.
	Hook func(point string) error
}

// Part is one part on disk: a base or a segment.
type Part struct {
	Path  string
	Bytes int64 // of its sections

	number uint64
	sum    uint32 // of its manifest: the next segment names it
}

// at calls the hook.
func (f Folder) at(point string) error {
	if f.Hook == nil {
		return nil
	}
	return f.Hook(point)
}

// List returns the paths of the parts, newest first.
func (f Folder) List() ([]string, error) {
	numbers, err := list(f.Path, prefix)
	paths := make([]string, len(numbers))
	for i, n := range numbers {
		paths[i] = f.path(n)
	}
	return paths, err
}

func (f Folder) path(n uint64) string { return filepath.Join(f.Path, numbered(prefix, n)) }

// WriteBase makes a base: fn fills the sections; when it returns, they are made durable, the base gets its name, is
// read back, and all parts before it are removed. After an error those are still there, and nothing else is, except
// for an error that names a part: that one was not removed. A cancelled ctx ends the reading back.
func (f Folder) WriteBase(ctx context.Context, meta Meta, fn func(w *Writer) error) (Part, error) {
	before, err := f.prepare()
	if err != nil {
		return Part{}, err
	}
	next := uint64(1)
	if len(before) > 0 {
		next = before[0] + 1
	}
	part, err := f.write(ctx, next, manifest{meta: meta}, basePoints, fn)
	if err != nil {
		return Part{}, err
	}
	return part, f.remove(before)
}

// Extend makes a segment behind the newest part, in the same steps as WriteBase makes a base; nothing is removed.
// ErrNotNewest when newest is not the newest part on disk.
func (f Folder) Extend(ctx context.Context, newest Part, meta Meta, fn func(w *Writer) error) (Part, error) {
	before, err := f.prepare()
	if err != nil {
		return Part{}, err
	}
	if len(before) == 0 || before[0] != newest.number {
		return Part{}, fmt.Errorf("%w than %s", ErrNotNewest, newest.Path)
	}
	m := manifest{meta: meta, extends: newest.number, extendsSum: newest.sum}
	return f.write(ctx, newest.number+1, m, segmentPoints, fn)
}

// prepare makes the folder ready for a part, and returns the numbers of those that are there, highest first.
func (f Folder) prepare() ([]uint64, error) {
	if err := makeDir(f.Path); err != nil {
		return nil, err
	}
	if err := f.Clean(); err != nil {
		return nil, err
	}
	return list(f.Path, prefix)
}

// write writes a part under a temporary name, names it and reads it back.
func (f Folder) write(
	ctx context.Context, n uint64, m manifest, at points, fn func(w *Writer) error,
) (part Part, err error) {
	temp := filepath.Join(f.Path, tempPrefix+numbered(prefix, n))
	if part.sum, err = f.fill(temp, m, at, fn); err != nil {
		return Part{}, errors.Join(err, os.RemoveAll(temp))
	}
	part.Path, part.number = f.path(n), n
	if err := os.Rename(temp, part.Path); err != nil {
		return Part{}, errors.Join(err, os.RemoveAll(temp))
	}
	if part.Bytes, err = f.settle(ctx, part.Path, at); err != nil {
		return Part{}, errors.Join(fmt.Errorf("%s: %w", part.Path, err), f.remove([]uint64{n}))
	}
	return part, nil
}

// fill writes a part under its temporary name, and returns its manifest's checksum.
func (f Folder) fill(temp string, m manifest, at points, fn func(w *Writer) error) (sum uint32, err error) {
	w, err := newWriter(temp, m)
	if err != nil {
		return 0, err
	}
	if err := fn(w); err != nil {
		return 0, errors.Join(err, w.abort())
	}
	if sum, err = w.finish(); err != nil {
		return 0, err
	}
	return sum, f.at(at.written)
}

// settle makes the name durable, reads back, and returns the bytes of the sections.
func (f Folder) settle(ctx context.Context, path string, at points) (int64, error) {
	if err := syncDir(f.Path); err != nil {
		return 0, err
	}
	if err := f.at(at.named); err != nil {
		return 0, err
	}
	r, err := Open(path)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(r.Verify(ctx), r.Close()); err != nil {
		return 0, err
	}
	return r.Size(), f.at(at.verified)
}

// remove deletes parts, the newest first: what is left by a kill is a chain again. They lose their names first, so
// that a half-deleted one is never taken for one.
func (f Folder) remove(numbers []uint64) error {
	for i, n := range numbers {
		temp := filepath.Join(f.Path, tempPrefix+numbered(prefix, n))
		if err := os.Rename(f.path(n), temp); err != nil {
			return err
		}
		if err := os.RemoveAll(temp); err != nil {
			return err
		}
		if i == 0 && len(numbers) > 1 {
			if err := f.at(PointFolded); err != nil {
				return err
			}
		}
	}
	return nil
}

// Clean removes what interrupted writes left. Every write does so first.
func (f Folder) Clean() error { return removeTemporary(f.Path) }

// RemoveAll removes all parts: none of them fits.
func (f Folder) RemoveAll() error {
	numbers, err := list(f.Path, prefix)
	if err != nil {
		return err
	}
	return errors.Join(f.remove(numbers), f.Clean())
}
