package main

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// TestARestoreThatIsKilledLeavesTheOldPapersOrTheBackups kills the restore command at its named points. The folder then
// holds what it held before, whole, or the backup, whole.
func TestARestoreThatIsKilledLeavesTheOldPapersOrTheBackups(t *testing.T) {
	for point, want := range map[string]string{store.PointRestoreChecked: "new", store.PointRestoreSwapped: "old"} {
		t.Run(point, func(t *testing.T) {
			folder, file := t.TempDir(), filepath.Join(t.TempDir(), "papers.backup")
			write := func(title string) {
				e := openFolder(t, folder)
				papers := make([]*paper.Paper, 50)
				for i := range papers {
					papers[i] = &paper.Paper{ID: string(rune('A' + i)), Title: title}
				}
				if _, err := e.Upsert(context.Background(), papers); err != nil {
					t.Fatal(err)
				}
				if err := e.Close(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			write("old")
			backup(t, folder, file)
			write("new")

			t.Setenv(failPoint, point+":1")
			if err := command(t, "restore", "--data", folder, "--replace", file).Run(); err == nil {
				t.Fatal("the restore was not killed")
			}
			e := openFolder(t, folder)
			if err := e.Check(context.Background()); err != nil {
				t.Error(err)
			}
			n := 0
			if err := e.Export(context.Background(), nil, func(p *paper.Paper) error {
				if n++; p.Title != want {
					t.Errorf("%s holds %q, want %q", p.ID, p.Title, want)
				}
				return nil
			}); err != nil || n != 50 {
				t.Errorf("%d papers, %v", n, err)
			}
			if err := e.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

// openFolder opens an engine on a folder without training.
func openFolder(t *testing.T, folder string) *engine.Engine {
	t.Helper()
	e, err := engine.Open(context.Background(), engine.Config{
		Dir: folder, TrainAt: -1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}
