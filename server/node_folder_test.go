package main

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/loopback"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/replog"
	"github.com/akin-search/akin/server/internal/store"
)

// wholeFolder is a folder with a paper of a server that stood alone.
func wholeFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	e, err := engine.Open(t.Context(), engine.Config{Dir: dir, NoMap: true, TrainAt: -1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Upsert(t.Context(), []*paper.Paper{{ID: "a", Title: "On trees"}}); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// nodeOf is a node that has opened nothing yet.
func nodeOf(dir string) *node {
	return &node{cfg: &clusterConfig{Config: replog.Config{Cluster: "c", Node: "n1"}}, data: dir,
		log: slog.New(slog.DiscardHandler)}
}

func TestAFolderIsOfOneNode(t *testing.T) {
	dir := t.TempDir()
	first := nodeOf(dir)
	if err := first.takeFolder(); err != nil {
		t.Fatal(err)
	}
	second := nodeOf(dir)
	if err := second.takeFolder(); !errors.Is(err, store.ErrLocked) {
		t.Errorf("a second node: %v", err)
	}
	if err := errors.Join(second.close(nil), first.close(nil)); err != nil {
		t.Fatal(err)
	}
	third := nodeOf(dir)
	if err := third.takeFolder(); err != nil {
		t.Errorf("after the first has left: %v", err)
	}
	if err := third.close(nil); err != nil {
		t.Fatal(err)
	}
}

func TestAServersPapersAreNoNodes(t *testing.T) {
	dir := wholeFolder(t)
	n := nodeOf(dir)
	if err := n.takeFolder(); err == nil || !strings.Contains(err.Error(), "of a server that stood alone") {
		t.Errorf("a node takes them: %v", err)
	}
	if err := n.close(nil); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n = nodeOf(dir)
	if err := n.takeFolder(); !errors.Is(err, store.ErrLocked) {
		t.Errorf("while a server has them open: %v", err)
	}
	if err := errors.Join(n.close(nil), s.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestANodesFolderIsNotServedAlone(t *testing.T) {
	for name, c := range map[string]struct {
		make func(dir string) error
		says string
	}{
		"papers":                {func(string) error { return nil }, ""},
		"a folder of that name": {func(dir string) error { return os.Mkdir(filepath.Join(dir, logFolder), 0o700) }, ""},
		"a log": {func(dir string) error { return os.MkdirAll(filepath.Join(dir, logFolder, "jetstream"), 0o700) },
			"start it with its --cluster"},
		"a lock": {func(dir string) error {
			n := nodeOf(dir)
			return errors.Join(n.takeFolder(), n.close(nil))
		}, "start it with its --cluster"},
		"a shard": {func(dir string) error { return markFolder(dir, 2, 3) }, "and --shard 2/3"},
	} {
		dir := t.TempDir()
		if err := c.make(dir); err != nil {
			t.Fatal(err)
		}
		err := standsAlone(dir)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			continue
		}
		if told := (&runner{data: dir}).run(t.Context()); told == nil || told.Error() != err.Error() {
			t.Errorf("%s: a server without --cluster: %v", name, told)
		}
	}
}

func TestAnotherHistoryNamesItsRemedy(t *testing.T) {
	n := nodeOf(wholeFolder(t))
	_, err := engine.Open(t.Context(), engine.Config{Dir: n.data, NoMap: true, TrainAt: -1,
		Order: &engine.Order{Lineage: paper.Lineage{7}}})
	if !errors.Is(err, store.ErrOtherHistory) {
		t.Fatal(err)
	}
	if told := n.otherHistory(err).Error(); !strings.Contains(told, "Move "+n.data+" away") {
		t.Error(told)
	}
	if told := n.otherHistory(io.EOF); told != io.EOF {
		t.Error(told)
	}
}

// TestASecondProcessTouchesNothing starts a node on a folder that a node has, whose log it must leave as it is.
func TestASecondProcessTouchesNothing(t *testing.T) {
	addrs, _, err := loopback.Addrs(4)
	if err != nil {
		t.Fatal(err)
	}
	dir, keys := t.TempDir(), filepath.Join(t.TempDir(), "keys")
	peers := map[string]string{"n1": addrs[0], "n2": addrs[1], "n3": addrs[2]}
	if err := replog.MakeKeys(keys, "c", peers); err != nil {
		t.Fatal(err)
	}
	first := nodeOf(dir)
	if err := first.takeFolder(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := first.close(nil); err != nil {
			t.Error(err)
		}
	}()
	if err := os.MkdirAll(filepath.Join(dir, logFolder, "jetstream"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, logFolder, "jetstream", "meta.inf"), []byte("state"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := files(t, dir)
	args := []string{"--addr", addrs[3], "--data", dir, "--cluster", "c", "--node", "n1", "--cluster-keys", keys,
		"--peers", "n1=" + addrs[0] + ",n2=" + addrs[1] + ",n3=" + addrs[2]}
	for _, more := range [][]string{args, args[:4]} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], more...)
		cmd.Env = append(os.Environ(), asServer+"=1")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "the data folder is in use") && len(more) == len(args) {
			t.Errorf("%v: %v\n%s", more, err, out)
		}
		if after := files(t, dir); !maps.Equal(before, after) {
			t.Errorf("%v: it was %v and is %v", more, before, after)
		}
	}
}

// files are the digests of all files of a folder, by path.
func files(t *testing.T, dir string) map[string][sha256.Size]byte {
	t.Helper()
	all := map[string][sha256.Size]byte{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = sha256.Sum256(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
