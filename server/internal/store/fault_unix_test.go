//go:build unix

package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper/papertest"
)

// fillDisk writes until the disk is full, then says what still works.
func fillDisk(dir string) {
	s, err := Open(dir, Options{})
	if err != nil {
		fmt.Println("open", err)
		return
	}
	acked := 0
	for ; err == nil; acked++ {
		_, err = tryWrite(s, put(sample(fmt.Sprintf("a-%d", acked), acked)), put(sample(fmt.Sprintf("b-%d", acked), acked)))
	}
	acked-- // the last one failed
	fmt.Println("acknowledged", acked)
	fmt.Println("first error is ErrReadOnly:", errors.Is(err, ErrReadOnly), "and says why:",
		strings.Contains(err.Error(), syscall.EFBIG.Error()))
	_, err = tryWrite(s, put(sample("later", 1)))
	fmt.Println("later error is ErrReadOnly:", errors.Is(err, ErrReadOnly), errors.Is(s.Writable(), ErrReadOnly))
	intact := s.Count() == 2*acked && s.Revision() == uint64(2*acked)
	for i := range acked {
		for _, id := range []string{fmt.Sprintf("a-%d", i), fmt.Sprintf("b-%d", i)} {
			ordinal, ok, err := ordinalOf(s, id)
			papers, err2 := s.Papers([]uint64{ordinal}, true, nil)
			intact = intact && ok && err == nil && err2 == nil && papertest.SameContent(papers[0], sample(id, i))
		}
	}
	_, ok, err := ordinalOf(s, fmt.Sprintf("a-%d", acked))
	fmt.Println("reads go on:", intact, "half applied:", ok, err)
	fmt.Println("close", s.Close())
}

// child runs this test binary in a role and returns its lines.
func child(t *testing.T, role, dir string) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+role, dirEnv+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func TestAFullDiskStopsWritesAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	lines := child(t, "fill-disk", dir)
	var acked int
	if _, err := fmt.Sscanf(lines[0], "acknowledged %d", &acked); err != nil || acked == 0 {
		t.Fatalf("got %q", lines)
	}
	want := []string{
		"first error is ErrReadOnly: true and says why: true", "later error is ErrReadOnly: true true",
		"reads go on: true half applied: false <nil>", "close <nil>",
	}
	if got := strings.Join(lines[1:], "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s", got)
	}
	s := open(t, dir, Options{})
	if s.Count() != 2*acked && s.Count() != 2*acked+2 {
		t.Errorf("%d papers after opening again, %d were acknowledged", s.Count(), 2*acked)
	}
	write(t, s, put(sample("later", 1)))
}

func TestASecondProcessIsToldWhoHasTheFolder(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=hold", dirEnv+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "open <nil>\n" {
		t.Fatalf("child: %q, %v", line, err)
	}
	_, err = Open(dir, Options{LockTimeout: time.Millisecond})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d ", cmd.Process.Pid)) ||
		!strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	_, err = Restore(t.Context(), strings.NewReader(""), dir,
		RestoreOptions{Options: Options{LockTimeout: time.Millisecond}})
	if !errors.Is(err, ErrLocked) {
		t.Errorf("Restore: got %v", err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	open(t, dir, Options{}) // the child has let go
}

func TestFoldersThatCannotBeUsedAreNamed(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{plain, filepath.Join(plain, "below")} {
		if _, err := Open(path, Options{}); !errors.Is(err, ErrNotFolder) || !strings.Contains(err.Error(), plain) {
			t.Errorf("%s: got %v", path, err)
		}
	}
	missing := filepath.Join(dir, "a", "b")
	open(t, missing, Options{})
	if info, err := os.Stat(missing); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("a created folder has the mode %v, %v", info.Mode(), err)
	}
}
