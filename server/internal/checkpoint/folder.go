package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// prefix begins the name of a checkpoint.
const prefix = "checkpoint-"

// Points at which Folder.Hook is called.
const (
	PointWritten  = "checkpoint.written"  // complete and durable under its temporary name
	PointNamed    = "checkpoint.named"    // has its name; the one before it is still there
	PointVerified = "checkpoint.verified" // read back; the one before it is still there
)

// Folder holds the checkpoints of one store, in practice one. One goroutine at a time writes; the caller sees to it that
// one process uses the folder.
type Folder struct {
	Path string // created when the first checkpoint is written, mode 0700

	// Hook is called at the Point constants, for tests that fail or kill there; an error ends the write. Nil: no hook.
	Hook func(point string) error
}

// at calls the hook.
func (f Folder) at(point string) error {
	if f.Hook == nil {
		return nil
	}
	return f.Hook(point)
}

// List returns the paths of the checkpoints, newest first.
func (f Folder) List() ([]string, error) {
	numbers, err := list(f.Path, prefix)
	paths := make([]string, len(numbers))
	for i, n := range numbers {
		paths[i] = f.path(n)
	}
	return paths, err
}

func (f Folder) path(n uint64) string { return filepath.Join(f.Path, numbered(prefix, n)) }

// Open opens the newest checkpoint; ErrNone when there is none. Should it be unusable there is none to fall back on: the
// ones before it are kept only until it was verified.
func (f Folder) Open() (*Reader, error) {
	paths, err := f.List()
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%w in %s", ErrNone, f.Path)
	}
	return Open(paths[0])
}

// Write makes a checkpoint: fn fills the sections; when it returns, they are made durable, the checkpoint gets its name,
// is verified, and all before it are removed. After an error the ones before it are still there, and nothing else is,
// except for an error that names a checkpoint: that one was removed, as far as that was possible. A cancelled ctx ends
// the verification.
func (f Folder) Write(ctx context.Context, meta Meta, fn func(w *Writer) error) (path string, err error) {
	if err := makeDir(f.Path); err != nil {
		return "", err
	}
	if err := f.Clean(); err != nil {
		return "", err
	}
	before, err := f.List()
	if err != nil {
		return "", err
	}
	next := uint64(1)
	if len(before) > 0 {
		n, _ := number(prefix, filepath.Base(before[0]))
		next = n + 1
	}
	temp := filepath.Join(f.Path, tempPrefix+numbered(prefix, next))
	if err := f.fill(temp, meta, fn); err != nil {
		return "", errors.Join(err, os.RemoveAll(temp))
	}
	path = f.path(next)
	if err := os.Rename(temp, path); err != nil {
		return "", errors.Join(err, os.RemoveAll(temp))
	}
	if err := f.settle(ctx, path); err != nil {
		return "", errors.Join(fmt.Errorf("%s: %w", path, err), os.RemoveAll(path))
	}
	return path, f.remove(before)
}

// fill writes a checkpoint under its temporary name.
func (f Folder) fill(temp string, meta Meta, fn func(w *Writer) error) error {
	w, err := newWriter(temp, meta)
	if err != nil {
		return err
	}
	if err := fn(w); err != nil {
		return errors.Join(err, w.abort())
	}
	if err := w.finish(); err != nil {
		return err
	}
	return f.at(PointWritten)
}

// settle makes the name durable and verifies.
func (f Folder) settle(ctx context.Context, path string) error {
	if err := syncDir(f.Path); err != nil {
		return err
	}
	if err := f.at(PointNamed); err != nil {
		return err
	}
	r, err := Open(path)
	if err != nil {
		return err
	}
	if err := errors.Join(r.Verify(ctx), r.Close()); err != nil {
		return err
	}
	return f.at(PointVerified)
}

// remove deletes checkpoints. They lose their names first, so that a half-deleted one is never taken for one.
func (f Folder) remove(paths []string) error {
	for _, path := range paths {
		temp := filepath.Join(f.Path, tempPrefix+filepath.Base(path))
		if err := os.Rename(path, temp); err != nil {
			return err
		}
		if err := os.RemoveAll(temp); err != nil {
			return err
		}
	}
	return nil
}

// Clean removes what interrupted writes left. Write does so first.
func (f Folder) Clean() error { return removeTemporary(f.Path) }

// RemoveAll removes all checkpoints: none of them fits.
func (f Folder) RemoveAll() error {
	paths, err := f.List()
	if err != nil {
		return err
	}
	return errors.Join(f.remove(paths), f.Clean())
}
