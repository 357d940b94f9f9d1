package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/akin-search/akin/client"
)

// clusterLoad writes and reads while nodes come and go.
type clusterLoad struct {
	t       *testing.T
	truth   *ledger
	blind   bool // writers do not read back
	gates   map[string]*gate
	clients map[string]*client.Client

	mu     sync.Mutex
	change chan struct{} // closed at the next acknowledged write
	last   time.Time     // of an acknowledgement
	pauses []pause       // of the writes, in their order

	acked, checked, stale, reads, failed atomic.Int64
	slowest                              atomic.Int64 // nanoseconds of a read at a node that was up
}

// seeded is a source of random numbers of a worker's own.
func seeded(worker, purpose int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(worker), uint64(purpose)))
}

// gate is whether a node is up. Readers hold it open.
type gate struct {
	sync.RWMutex
	down bool
}

func newClusterLoad(t *testing.T, c *trio) *clusterLoad {
	l := &clusterLoad{
		t: t, truth: &ledger{acked: map[string]string{}, pending: map[string][]string{}}, gates: map[string]*gate{},
		clients: map[string]*client.Client{}, change: make(chan struct{}),
	}
	for _, node := range trioNodes {
		l.gates[node], l.clients[node] = &gate{}, c.dial(t, node)
	}
	l.truth.onAck = func() {
		l.acked.Add(1)
		l.mu.Lock()
		close(l.change)
		l.change = make(chan struct{})
		now := time.Now()
		if !l.last.IsZero() {
			l.pauses = append(l.pauses, pause{now, now.Sub(l.last)})
		}
		l.last = now
		l.mu.Unlock()
	}
	return l
}

// pause is a time without an acknowledgement.
type pause struct {
	end    time.Time
	length time.Duration
}

// longest is the longest pause that ended after a time.
func (l *clusterLoad) longest(after time.Time) (length time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range slices.Backward(l.pauses) {
		if p.end.Before(after) {
			break
		}
		length = max(length, p.length)
	}
	return length
}

// acks waits until n more writes are acknowledged.
func (l *clusterLoad) acks(ctx context.Context, n int64) bool {
	for goal := l.acked.Load() + n; ; {
		l.mu.Lock()
		change := l.change
		l.mu.Unlock()
		if l.acked.Load() >= goal {
			return true
		}
		select {
		case <-change:
		case <-ctx.Done():
			return false
		}
	}
}

// away takes a node from the readers, and then ends it.
func (l *clusterLoad) away(node string, end func()) {
	g := l.gates[node]
	g.Lock()
	g.down = true
	g.Unlock()
	end()
}

func (l *clusterLoad) back(node string) {
	g := l.gates[node]
	g.Lock()
	g.down = false
	g.Unlock()
}

// at calls fn with a client of a random node that is up, which is not taken down meanwhile.
func (l *clusterLoad) at(rng *rand.Rand, fn func(c *client.Client)) {
	for {
		node := trioNodes[rng.IntN(3)]
		g := l.gates[node]
		g.RLock()
		if !g.down {
			fn(l.clients[node])
			g.RUnlock()
			return
		}
		g.RUnlock()
	}
}

// up is a client of a random node that is up now.
func (l *clusterLoad) up(rng *rand.Rand) (c *client.Client) {
	l.at(rng, func(up *client.Client) { c = up })
	return c
}

// write writes until ctx ends, on nodes that are up when a write begins and may be killed before it ends. Each writer
// has ids of its own, so that the last word on an id is known.
func (l *clusterLoad) write(ctx context.Context, w int) {
	rng := seeded(w, 3)
	for n := 0; ctx.Err() == nil; n++ {
		c := l.up(rng)
		content := fmt.Sprintf("content%d of writer%d", n, w)
		ids := []string{fmt.Sprintf("w%d-%03d", w, rng.IntN(60))}
		for range rng.IntN(2) * rng.IntN(20) {
			if id := fmt.Sprintf("w%d-%03d", w, rng.IntN(60)); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		papers := make([]*client.Paper, len(ids))
		for i, id := range ids {
			papers[i] = crashPaper(id, content)
		}
		// As long as it takes: an election, or a node that is away, as a caller of the SDK would.
		err := l.truth.send(content, ids, true, func() error {
			_, err := c.UpsertBatch(ctx, papers)
			return err
		})
		if err != nil {
			continue
		}
		if l.blind {
			continue
		}
		token := c.Token()
		l.at(rng, func(other *client.Client) {
			if other.Follow(token) != nil {
				return
			}
			got, err := other.Get(ctx, ids[0])
			if ctx.Err() != nil {
				return
			}
			l.checked.Add(1)
			if err != nil {
				l.failed.Add(1)
				l.t.Errorf("a read of the least revision at a node that is up: %v", err)
				return
			}
			if got.GetAbstract() != "It holds "+content+"." {
				l.stale.Add(1)
				l.t.Errorf("%s: read %q after %q was acknowledged", ids[0], got.GetAbstract(), content)
			}
		})
	}
}

// read reads at nodes that are up until ctx ends; no read may fail.
func (l *clusterLoad) read(ctx context.Context, w int) {
	rng := seeded(w, 4)
	for ctx.Err() == nil {
		l.at(rng, func(c *client.Client) {
			began := time.Now()
			_, err := c.Search(ctx, "content of a writer")
			if ctx.Err() != nil {
				return
			}
			l.reads.Add(1)
			if took := int64(time.Since(began)); took > l.slowest.Load() { // a race of two readers is no matter
				l.slowest.Store(took)
			}
			if err != nil {
				l.failed.Add(1)
				l.t.Errorf("a read at a node that is up: %v", err)
			}
		})
	}
}

// judge compares what is held with what was acknowledged.
func (l *clusterLoad) judge(t *testing.T, held map[string]string) {
	t.Helper()
	content := func(id string) string {
		text, _, _ := strings.Cut(strings.TrimPrefix(held[id], "It holds "), ".")
		return text
	}
	for id, want := range l.truth.acked {
		if got := content(id); got != want && !slices.Contains(l.truth.pending[id], got) {
			t.Errorf("%s holds %q, acknowledged was %q, in flight %q", id, got, want, l.truth.pending[id])
		}
	}
	for _, batch := range l.truth.batches {
		there := 0
		for _, id := range batch[1:] {
			if content(id) == batch[0] {
				there++
			}
		}
		// A part may be overwritten by a later write of the same writer, and then that one was acknowledged or sent.
		for _, id := range batch[1:] {
			if there > 0 && content(id) != batch[0] && content(id) != l.truth.acked[id] &&
				!slices.Contains(l.truth.pending[id], content(id)) {
				t.Errorf("a batch is torn: %s holds %q", id, content(id))
			}
		}
	}
}
