package shard

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
)

// faulty is a node that answers Find as a test says.
type faulty struct {
	Node
	find func(ctx context.Context) error
}

func (n *faulty) Find(ctx context.Context, q *engine.ShardQuery) (*engine.ShardFound, error) {
	if err := n.find(ctx); err != nil {
		return nil, err
	}
	return n.Node.Find(ctx, q)
}

// hung is a node that never answers Find.
func hung(n Node) Node {
	return &faulty{n, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
}

func broken(n Node) Node {
	return &faulty{n, func(context.Context) error { return errors.New("connection refused") }}
}

// frontOf is a front of a fleet's shards, each behind what wrap makes of it.
func (f *fleet) frontOf(t *testing.T, wrap func(shard int, n Node) []Node) *Front {
	t.Helper()
	var nodes [][]Node
	for i, e := range f.shards {
		nodes = append(nodes, wrap(i, Local{e}))
	}
	return New(Config{
		Map: NewMap(len(nodes)), Replicas: Fixed(nodes), Local: f.shards[0], Own: -1,
		Now: func() time.Time { return testNow },
	})
}

func TestASlowOrBrokenReplicaIsAnsweredForByAnother(t *testing.T) {
	f := openFleet(t, 2, false)
	q := engine.Query{Text: f.papers[7].Title, PageSize: 20}
	want, err := f.one.Search(t.Context(), &q)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]func(Node) Node{"slow": hung, "broken": broken} {
		front := f.frontOf(t, func(shard int, n Node) []Node {
			if shard == 1 {
				return []Node{bad(n), n}
			}
			return []Node{n}
		})
		got, err := front.Search(t.Context(), &q)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		compare(t, name, got, want)
	}
}

func TestAShardThatDoesNotAnswerIsAnErrorAndNoSmallerAnswer(t *testing.T) {
	f := openFleet(t, 2, false)
	front := f.frontOf(t, func(shard int, n Node) []Node {
		if shard == 1 {
			return []Node{broken(n), broken(n)}
		}
		return []Node{n}
	})
	result, err := front.Search(t.Context(), &engine.Query{Text: f.papers[7].Title, PageSize: 20})
	if !errors.Is(err, ErrUnavailable) || result != nil {
		t.Errorf("%v, %v", result, err)
	}
}

// TestAFrontBeginsAgainWhenAShardHasMovedOn: one shard has another model at first, as while an activation goes round.
func TestAFrontBeginsAgainWhenAShardHasMovedOn(t *testing.T) {
	f := openFleet(t, 2, false)
	moved := 0
	front := f.frontOf(t, func(shard int, n Node) []Node {
		if shard == 0 {
			return []Node{n}
		}
		return []Node{&faulty{n, func(context.Context) error {
			if moved++; moved == 1 {
				return fmt.Errorf("%w: it serves another model", engine.ErrShardMoved)
			}
			return nil
		}}}
	})
	q := engine.Query{Text: f.papers[7].Title, PageSize: 20}
	result, err := front.Search(t.Context(), &q)
	if err != nil || moved != 2 {
		t.Fatalf("%v after %d calls", err, moved)
	}
	moved = 0
	q.PageToken = result.NextPageToken
	if _, err := front.Search(t.Context(), &q); !errors.Is(err, engine.ErrPageExpired) {
		t.Errorf("a further page: %v", err)
	}
}

func TestAPageTokenIsOfItsRequestAndOfThisManyShards(t *testing.T) {
	f := openFleet(t, 2, false)
	q := engine.Query{Text: f.papers[7].Title, PageSize: 5}
	result, err := f.front.Search(t.Context(), &q)
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"another request": page{depth: 100, revisions: make([]uint64, 2)}.encode(1),
		"other shards":    page{depth: 100, revisions: make([]uint64, 3)}.encode(q.Hash()),
		"too deep":        page{depth: math.MaxUint32, revisions: make([]uint64, 2)}.encode(q.Hash()),
		"none at all":     "%",
	} {
		bad := q
		bad.PageToken = token
		if _, err := f.front.Search(t.Context(), &bad); !errors.Is(err, engine.ErrInvalidPageToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A further page shows what the first one was cut from, whatever is written meanwhile.
	shard := f.front.papers.Of(f.papers[7].ID)
	again := *f.papers[7]
	again.ID = f.papers[7].ID + "-copy"
	for f.front.papers.Of(again.ID) != shard {
		again.ID += "x"
	}
	upsert(t, f.shards[shard], &again)
	q.PageToken = result.NextPageToken
	second, err := f.front.Search(t.Context(), &q)
	if err != nil {
		t.Fatal(err)
	}
	for _, hit := range second.Hits {
		if hit.Paper.ID == again.ID {
			t.Error("the second page shows a paper that was written behind the first")
		}
	}
	fresh := engine.Query{Text: again.Title, PageSize: 2}
	now, err := f.front.Search(t.Context(), &fresh)
	if err != nil {
		t.Fatal(err)
	}
	if now.Hits[0].Paper.ID != again.ID && now.Hits[1].Paper.ID != again.ID {
		t.Errorf("a new search does not show it: %s, %s", now.Hits[0].Paper.ID, now.Hits[1].Paper.ID)
	}
}

func TestPatienceSettlesWhereOneOfTwentyCallsTakesLonger(t *testing.T) {
	var p patience
	for i := range 20_000 {
		p.observe(time.Duration(5+i*7919%100) * time.Millisecond) // 5 to 104 ms, evenly
	}
	if d := p.now(); d < 90*time.Millisecond || d > 112*time.Millisecond {
		t.Errorf("waits %s", d)
	}
	for range 10_000 {
		p.observe(0)
	}
	if p.now() != leastPatience {
		t.Errorf("waits %s for calls that take no time", p.now())
	}
}

func TestShardsAndSamplesAreEven(t *testing.T) {
	m := NewMap(4)
	doubled := NewMap(8)
	var shards [4]int
	var sampled [4]int
	const papers = 40_000
	for i := range papers {
		id := fmt.Sprint("arXiv:", i)
		shard := m.Of(id)
		shards[shard]++
		if doubled.Of(id)%4 != shard {
			t.Fatalf("%s goes from shard %d of 4 to %d of 8", id, shard, doubled.Of(id))
		}
		if Sampled(id, .1) {
			sampled[shard]++
			if !Sampled(id, .2) {
				t.Fatalf("%s is in a tenth and not in a fifth", id)
			}
		}
	}
	for i := range shards {
		if math.Abs(float64(shards[i])-papers/4) > 500 || math.Abs(float64(sampled[i])-papers/40) > 150 {
			t.Errorf("shard %d has %d papers, %d of them sampled", i, shards[i], sampled[i])
		}
	}
	if Sampled("a", 0) || !Sampled("a", 1) {
		t.Error("nothing and all are no samples")
	}
}
