package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
)

// ReplaceFile puts a file in place of the one of its name, if there is one, mode 0600: after a crash there is the old
// one or the new one, whole. One goroutine at a time for a name.
func ReplaceFile(path string, content []byte) error {
	dir := filepath.Dir(path)
	temp := filepath.Join(dir, tempPrefix+filepath.Base(path))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, removeIfThere(temp))
	}
	return syncDir(dir)
}
