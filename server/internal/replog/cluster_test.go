package replog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/loopback"
)

// rig is a cluster of three nodes in this process.
type rig struct {
	peers map[string]string
	dir   string
	logs  map[string]*Log
	book  *logBook // what nodes log from now on; nil: nobody looks
}

// nodes are the names of a rig.
var nodes = []string{"n1", "n2", "n3"}

// patience bounds waits that end much earlier: it only ends a test that hangs.
const patience = 3 * time.Minute

func newRig(t *testing.T) *rig {
	t.Helper()
	if os.Getenv("AKIN_CLUSTER") == "" {
		t.Skip("three servers of NATS and their elections take half a minute: AKIN_CLUSTER=1 runs them")
	}
	addrs, _, err := loopback.Addrs(len(nodes))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{peers: map[string]string{}, dir: t.TempDir(), logs: map[string]*Log{}}
	for i, node := range nodes {
		r.peers[node] = addrs[i]
	}
	if err := MakeKeys(filepath.Join(r.dir, "keys"), "test", r.peers); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, node := range nodes {
			r.stop(t, node)
		}
	})
	r.start(t, nodes...)
	return r
}

func (r *rig) logger() *slog.Logger {
	if r.book == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(r.book)
}

// start starts nodes side by side: none is there before two are.
func (r *rig) start(t *testing.T, names ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var mu sync.Mutex
	var wait sync.WaitGroup
	for _, node := range names {
		wait.Go(func() {
			keys, err := Keys(filepath.Join(r.dir, "keys"), node)
			if err != nil {
				t.Error(err)
				return
			}
			l, err := Open(ctx, Config{
				Cluster: "test", Node: node, Peers: r.peers, Dir: filepath.Join(r.dir, node), TLS: keys, MaxBytes: 64 << 20,
				Logger: r.logger(),
			}, true)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			r.logs[node] = l
			mu.Unlock()
		})
	}
	wait.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

func (r *rig) stop(t *testing.T, node string) {
	t.Helper()
	if l := r.logs[node]; l != nil {
		delete(r.logs, node)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

var errEnough = errors.New("enough")

// follow reads a node's log behind a place until n messages have come.
func follow(t *testing.T, l *Log, from Mark, n int) (got []*Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if n == 0 {
		return nil
	}
	err := l.Follow(ctx, from, func(m *Message) error {
		if got = append(got, m); len(got) == n {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("after %d of %d messages: %v", len(got), n, err)
	}
	return got
}

func TestEveryNodeReadsWhatEachHasWritten(t *testing.T) {
	r := newRig(t)
	var writers sync.WaitGroup
	const each = 20
	for _, node := range nodes {
		writers.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%s-%d", node, i)
				if _, err := r.logs[node].Append(t.Context(), id, []byte("body of "+id)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	place, err := r.logs["n2"].Append(t.Context(), "n1-0", []byte("body of n1-0"))
	if err != nil || !place.Duplicate {
		t.Fatalf("a request sent once more: %+v %v", place, err)
	}
	var first []*Message
	for _, node := range nodes {
		l := r.logs[node]
		got := follow(t, l, l.Start(), each*len(nodes))
		last := map[byte]int{}
		for i, m := range got {
			var from byte
			var n int
			if _, err := fmt.Sscanf(m.ID, "n%c-%d", &from, &n); err != nil || n != last[from] ||
				string(m.Body) != "body of "+m.ID || m.Sequence != uint64(i+1) {
				t.Fatalf("%s: message %d is %q of %q", node, i, m.Body, m.ID)
			}
			last[from]++
		}
		if first == nil {
			first = got
		}
		if end := got[len(got)-1].Mark; end != first[len(first)-1].Mark {
			t.Errorf("%s: the chain ends in %v, not %v", node, end, first[len(first)-1].Mark)
		}
	}
	// From the middle, as after a restart.
	middle := first[30]
	rest := follow(t, r.logs["n3"], middle.Mark, 29)
	if rest[28].Mark != first[59].Mark {
		t.Errorf("from the middle: %v, not %v", rest[28].Mark, first[59].Mark)
	}
	// With a mark of another history.
	wrong := middle.Mark
	wrong.Chain[0]++
	err = r.logs["n3"].Follow(t.Context(), wrong, func(*Message) error { return errEnough })
	if !errors.Is(err, ErrDiverged) {
		t.Errorf("a mark of another history: %v", err)
	}
}
