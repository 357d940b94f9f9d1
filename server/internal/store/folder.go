package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Names inside a data folder.
const (
	fileName = "papers.db"
	lockName = "lock"
	tempMark = fileName + ".tmp-" // prefix of files that are not the store yet
)

// folder is a locked data folder.
type folder struct {
	dir  string
	lock *os.File
}

// holdsStore says why a folder has no store to look at, or nil.
func holdsStore(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, fileName)); err != nil {
		return folderError(dir, err)
	}
	return nil
}

// Exists reports whether a folder holds a store, be it a sound one or not.
func Exists(dir string) (bool, error) {
	_, err := os.Lstat(filepath.Join(dir, fileName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// makeFolder creates dir and the folders above it, as far as they are missing, and makes their names durable.
func makeFolder(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	var missing []string // from dir upwards
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		missing = append(missing, at)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, made := range missing {
		if err := syncFolder(filepath.Dir(made)); err != nil {
			return fmt.Errorf("%w: %w", errNotDurable, err)
		}
	}
	return nil
}

// syncFolder is syncDir; tests look at what it is called for.
var syncFolder = syncDir

// openFolder creates dir where it is missing, locks it, and removes leftovers of interrupted work.
func openFolder(dir string, timeout time.Duration) (*folder, error) {
	if err := makeFolder(dir); err != nil {
		if errors.Is(err, syscall.ENOTDIR) {
			return nil, fmt.Errorf("%w: %s: choose another path or move the file that is there", ErrNotFolder, dir)
		}
		return nil, folderError(dir, err)
	}
	lock, err := hold(dir, lockName, timeout)
	if err != nil {
		return nil, err
	}
	f := &folder{dir: dir, lock: lock}
	if err := f.clean(); err != nil {
		return nil, errors.Join(folderError(dir, err), lock.Close())
	}
	return f, nil
}

// Hold takes a lock of a name of its own in a folder that is there, for what is kept beside the store. It waits for
// another process to leave as Open does; ErrLocked when that stays. Closing gives it up.
func Hold(dir, name string) (io.Closer, error) { return hold(dir, name, defaultLockTimeout) }

// hold takes a lock in a folder, and notes the holder for the message of the next one.
func hold(dir, name string, timeout time.Duration) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, folderError(dir, err)
	}
	if err := waitLock(lock, dir, timeout); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := lock.Truncate(0); err != nil {
		return nil, errors.Join(folderError(dir, err), lock.Close())
	}
	_, err = lock.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	if err != nil && !errors.Is(err, syscall.ENOSPC) { // a full disk must not keep a store from being read
		return nil, errors.Join(folderError(dir, err), lock.Close())
	}
	return lock, nil
}

// waitLock tries for the lock until timeout.
func waitLock(lock *os.File, dir string, timeout time.Duration) error {
	const pause = 20 * time.Millisecond
	for waited := time.Duration(0); ; waited += pause {
		locked, err := tryLock(lock)
		if err != nil {
			return fmt.Errorf("locking %s: %w", dir, err)
		}
		if locked {
			return nil
		}
		if waited >= timeout {
			break
		}
		time.Sleep(pause)
	}
	holder := "another process"
	if pid, err := os.ReadFile(lock.Name()); err == nil && len(pid) > 0 && len(pid) < 20 {
		holder = "process " + strings.TrimSpace(string(pid))
	}
	return fmt.Errorf("%w: %s has %s open: stop it, or choose another folder", ErrLocked, holder, dir)
}

// clean removes temporary files.
func (f *folder) clean() error {
	left, err := filepath.Glob(filepath.Join(f.dir, tempMark+"*"))
	if err != nil {
		return err
	}
	for _, name := range left {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// close gives the folder up.
func (f *folder) close() error { return f.lock.Close() }

// path of the store's file.
func (f *folder) path() string { return filepath.Join(f.dir, fileName) }

// temp is the path of a file for a purpose, replaced when it exists.
func (f *folder) temp(purpose string) string { return filepath.Join(f.dir, tempMark+purpose) }

// replace gives a finished and synced temporary file the store's name.
func (f *folder) replace(temp string) error {
	if err := os.Rename(temp, f.path()); err != nil {
		return err
	}
	if err := syncDir(f.dir); err != nil {
		return fmt.Errorf("%w: %w", errNotDurable, err)
	}
	return nil
}

// errNotDurable: a file was renamed, and the disk did not say that this will last.
var errNotDurable = errors.New("a rename may not survive a power loss")

// syncDir makes names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// folderError says what to do about a folder that does not work.
func folderError(dir string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission) || readOnlyVolume(err):
		return fmt.Errorf("%w: %w: give this user write access to %s, or choose another folder", ErrReadOnlyFolder, err, dir)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: %w: choose another path", ErrNotFolder, err)
	}
	return fmt.Errorf("data folder %s: %w", dir, err)
}
