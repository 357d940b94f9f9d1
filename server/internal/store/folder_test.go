package store

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestNewFoldersAreDurable: the name of each folder that was made is synced in the one above it, and no other is.
func TestNewFoldersAreDurable(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var synced []string
	syncFolder = func(dir string) error { synced = append(synced, dir); return syncDir(dir) }
	t.Cleanup(func() { syncFolder = syncDir })
	dir := filepath.Join(base, "a", "b", "data")
	open(t, dir, Options{})
	if want := []string{filepath.Join(base, "a", "b"), filepath.Join(base, "a"), base}; !slices.Equal(synced, want) {
		t.Errorf("synced %v, want %v", synced, want)
	}
	synced = nil
	open(t, filepath.Join(base, "a", "other"), Options{})
	if want := []string{filepath.Join(base, "a")}; !slices.Equal(synced, want) {
		t.Errorf("synced %v, want %v", synced, want)
	}
	if _, err := Survey(t.Context(), filepath.Join(base, "nowhere"), Options{}); err == nil {
		t.Error("a survey of nothing is no error")
	}
	if _, err := os.Stat(filepath.Join(base, "nowhere")); err == nil {
		t.Error("a survey made a folder")
	}
}
