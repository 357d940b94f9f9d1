//go:build unix

package store

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/akin-search/akin/server/internal/paper/papertest"
)

// The test binary runs itself as a child that writes until it is killed. The environment says which child.
const (
	childEnv = "AKIN_STORE_CHILD" // role of the child
	dirEnv   = "AKIN_STORE_DIR"
	pointEnv = "AKIN_STORE_POINT" // "name:count": kill itself the count-th time it comes by
)

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		// What these tests are about survives a process, not a machine: on a file system in memory an fsync costs nothing.
		// Benchmarks are about fsync.
		flag.Parse()
		if bench := flag.Lookup("test.bench"); os.Getenv("TMPDIR") == "" && bench.Value.String() == "" &&
			unix.Access("/dev/shm", unix.W_OK) == nil {
			_ = os.Setenv("TMPDIR", "/dev/shm") // else the default one
		}
		os.Exit(m.Run())
	case "write":
		writeForever(os.Getenv(dirEnv), Options{Hook: killAt(os.Getenv(pointEnv))})
	case "fill-disk":
		signal.Ignore(unix.SIGXFSZ) // a write beyond the limit then fails with EFBIG
		limit := syscall.Rlimit{Cur: 3 << 20, Max: 3 << 20}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			panic(err)
		}
		fillDisk(os.Getenv(dirEnv))
	case "hold":
		s, err := Open(os.Getenv(dirEnv), Options{})
		fmt.Println("open", err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = s.Close()
	}
}

// killAt kills this process at the count-th passing of a point.
func killAt(spec string) func(string) error {
	name, count, _ := strings.Cut(spec, ":")
	left, _ := strconv.Atoi(count)
	return func(point string) error {
		if point == name {
			if left--; left == 0 {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
		return nil
	}
}

// writeForever acknowledges on standard output every batch that was acknowledged to it: "id version" for each paper,
// version 0 for a delete, and "start id version..." before. Each of 8 writers has ids of its own.
func writeForever(dir string, opt Options) {
	s, err := Open(dir, opt)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	seed := uint64(time.Now().UnixNano())
	for w := range 8 {
		go func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(w)))
			alive := make(map[string]bool)
			for {
				var muts []Mutation
				var words []string
				for range 1 + rnd.IntN(20) {
					id := fmt.Sprintf("w%d-%d", w, rnd.IntN(60))
					version := 1 + rnd.IntN(1_000_000)
					if strings.Contains(strings.Join(words, " ")+" ", id+" ") {
						continue
					}
					if ordinal, ok, err := ordinalOf(s, id); err == nil && ok && ordinal > 0 && rnd.IntN(4) == 0 {
						version = 0
						muts = append(muts, del(id))
					} else {
						muts = append(muts, put(sample(id, version)))
					}
					alive[id] = version > 0
					words = append(words, id, strconv.Itoa(version))
				}
				say("start %s", strings.Join(words, " "))
				if _, err := tryWrite(s, muts...); err != nil {
					say("error %v", err)
					os.Exit(1)
				}
				say("done %s", strings.Join(words, " "))
			}
		}()
	}
	rnd := rand.New(rand.NewPCG(seed, 99))
	for {
		time.Sleep(time.Millisecond * time.Duration(rnd.IntN(20)))
		ctx := context.Background()
		err := s.Collect(ctx, s.Revision())
		if err == nil && rnd.IntN(4) == 0 {
			err = s.TrimLog(s.Revision())
		}
		if err == nil && rnd.IntN(4) == 0 {
			err = s.Compact(ctx)
		}
		if err != nil {
			say("error %v", err)
			os.Exit(1)
		}
	}
}

// journal is what a child said: what it acknowledged, and what it had begun.
type journal struct {
	acked   map[string]int // id -> version, 0: deleted
	started map[string]map[string]int
}

func (j *journal) read(line string, t *testing.T) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return
	}
	batch := make(map[string]int)
	for i := 1; i+1 < len(words); i += 2 {
		version, err := strconv.Atoi(words[i+1])
		if err != nil {
			return // cut off by the kill
		}
		batch[words[i]] = version
	}
	switch words[0] {
	case "start":
		if len(batch) > 0 {
			for id := range batch {
				j.started[id[:2]] = batch // one writer has one batch under way
				break
			}
		}
	case "done":
		for id, version := range batch {
			j.acked[id] = version
			delete(j.started, id[:2])
		}
	default:
		t.Errorf("child: %s", line)
	}
}

func TestEveryAcknowledgedWriteSurvivesSIGKILL(t *testing.T) {
	points := []string{"", PointCommitBefore, PointCommitAfter, PointCompactCopied, PointCompactSwapped}
	dir := t.TempDir()
	j := &journal{acked: make(map[string]int), started: make(map[string]map[string]int)}
	rnd := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for round := range rounds(10) {
		point := points[round%len(points)]
		crashRound(t, dir, point, j, rnd)
		s := open(t, dir, Options{})
		verifyJournal(t, s, j)
		shut(t, s)
		if t.Failed() {
			t.Fatalf("round %d, killed at %q", round, point)
		}
	}
}

// crashRound runs a child until it dies at a point, or at a random moment.
func crashRound(t *testing.T, dir, point string, j *journal, rnd *rand.Rand) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=write", dirEnv+"="+dir)
	if point != "" {
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%s:%d", pointEnv, point, 1+rnd.IntN(3)))
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	left := 20 + rnd.IntN(200)
	for lines.Scan() {
		j.read(lines.Text(), t)
		if left--; left == 0 && point == "" {
			if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the child ended with %v", err)
	}
}

// verifyJournal holds the store against what was acknowledged. A batch under way may have come through: whole.
func verifyJournal(t *testing.T, s *Store, j *journal) {
	t.Helper()
	matches := func(id string, version int) bool {
		p := get(t, s, id)
		if version == 0 || p == nil {
			return version == 0 && p == nil
		}
		return papertest.SameContent(p, sample(id, version))
	}
	pending := make(map[string]bool)
	for writer, batch := range j.started {
		whole, none := true, true
		for id, version := range batch {
			pending[id] = true
			now, before := matches(id, version), matches(id, j.acked[id])
			whole, none = whole && now, none && before
		}
		if !whole && !none {
			t.Errorf("half of the batch of %s is there: %v", writer, batch)
		}
		if whole {
			for id, version := range batch {
				j.acked[id] = version
			}
		}
	}
	clear(j.started)
	live := 0
	for id, version := range j.acked {
		if !matches(id, version) {
			t.Errorf("%s: acknowledged version %d, found %+v", id, version, get(t, s, id))
		}
		if version > 0 {
			live++
		}
	}
	if s.Count() != live {
		t.Errorf("%d papers, %d were acknowledged", s.Count(), live)
	}
}
