package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
)

// runRepair runs the command line and returns what it printed.
func runRepair(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := newCommand(nil)
	cmd.SetOut(&out)
	cmd.SetArgs(append([]string{"repair"}, args...))
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// TestRepairSaysWhatItWouldLoseFirst damages the newer of the two roots of a store.
func TestRepairSaysWhatItWouldLoseFirst(t *testing.T) {
	dir := t.TempDir()
	quiet := engine.Config{Dir: dir, TrainAt: -1, Logger: slog.New(slog.DiscardHandler)}
	e, err := engine.Open(t.Context(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b"} {
		if _, err := e.Upsert(t.Context(), []*paper.Paper{{ID: id, Title: "Words of " + id}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if out, err := runRepair(t, "--data", dir, "--yes"); err != nil || !strings.Contains(out, "nothing to repair") ||
		!strings.Contains(out, "papers 2") {
		t.Errorf("a whole store: %q, %v", out, err)
	}
	path := filepath.Join(dir, "papers.db")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(before)
	newer := 0
	if before[16+48] < before[4096+16+48] { // the transaction's number, a small one here
		newer = 4096
	}
	damaged[newer+16+50] ^= 1
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Open(t.Context(), quiet); err == nil || !strings.Contains(err.Error(), "akin-server repair") {
		t.Errorf("a start does not name the command: %v", err)
	}
	out, err := runRepair(t, "--data", dir)
	if err != nil || !strings.Contains(out, "would go on from there") || !strings.Contains(out, "Nothing was changed") {
		t.Errorf("%q, %v", out, err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, damaged) {
		t.Errorf("the file was changed without --yes: %v", err)
	}
	if out, err := runRepair(t, "--data", dir, "--yes"); err != nil || !strings.Contains(out, "is lost") {
		t.Errorf("%q, %v", out, err)
	}
	e, err = engine.Open(t.Context(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if out, err := runRepair(t, "--data", filepath.Join(dir, "nowhere")); err == nil {
		t.Errorf("a folder that is not there: %q", out)
	}
}

// TestRepairKeepsWhatCanBeReadOfDamagedPages destroys a page that holds papers.
func TestRepairKeepsWhatCanBeReadOfDamagedPages(t *testing.T) {
	dir := t.TempDir()
	quiet := engine.Config{Dir: dir, TrainAt: -1, Logger: slog.New(slog.DiscardHandler)}
	e, err := engine.Open(t.Context(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	papers := make([]*paper.Paper, 300)
	for i := range papers {
		papers[i] = &paper.Paper{
			ID: fmt.Sprintf("paper-%d", i), Title: fmt.Sprintf("A title of paper %d", i),
			Abstract: strings.Repeat("Words of it. ", 30),
		}
	}
	if _, err := e.Upsert(t.Context(), papers); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "papers.db")
	damaged, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := bytes.Index(damaged, []byte("A title of paper 150")) / 4096 * 4096
	clear(damaged[page : page+4096])
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := runRepair(t, "--data", dir)
	for _, want := range []string{"Of 300 papers", "Lost: ", "Nothing was changed"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%q, %v, want %q in it", out, err, want)
		}
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, damaged) {
		t.Errorf("the file was changed without --yes: %v", err)
	}
	out, err = runRepair(t, "--data", dir, "--yes")
	if err != nil || !strings.Contains(out, "papers.db.damaged-1") {
		t.Errorf("%q, %v", out, err)
	}
	e, err = engine.Open(t.Context(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	if err := e.Check(t.Context()); err != nil {
		t.Error(err)
	}
	stats, err := e.Stats(t.Context())
	if err != nil || stats.Papers < 250 || stats.Papers == 300 {
		t.Errorf("%d papers, %v", stats.Papers, err)
	}
}
