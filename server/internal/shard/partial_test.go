package shard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
)

// lost is a node that fails from one of its calls on, as one that ends in the middle of a question.
type lost struct {
	Node
	from string // name of the call
	gone atomic.Bool
}

func losing(n Node, from string) *lost { return &lost{Node: n, from: from} }

func (n *lost) at(name string) error {
	if name == n.from {
		n.gone.Store(true)
	}
	if n.gone.Load() {
		return errors.New("connection refused")
	}
	return nil
}

func (n *lost) WordCounts(ctx context.Context) (*lexical.Counts, error) {
	if err := n.at("WordCounts"); err != nil {
		return nil, err
	}
	return n.Node.WordCounts(ctx)
}

func (n *lost) Find(ctx context.Context, q *engine.ShardQuery) (*engine.ShardFound, error) {
	if err := n.at("Find"); err != nil {
		return nil, err
	}
	return n.Node.Find(ctx, q)
}

func (n *lost) Rate(ctx context.Context, q *engine.ShardTaste) (*engine.ShardRated, error) {
	if err := n.at("Rate"); err != nil {
		return nil, err
	}
	return n.Node.Rate(ctx, q)
}

func (n *lost) Newest(ctx context.Context, q *engine.ShardTaste) (*engine.ShardNewest, error) {
	if err := n.at("Newest"); err != nil {
		return nil, err
	}
	return n.Node.Newest(ctx, q)
}

func (n *lost) Central(ctx context.Context, q *engine.ShardTaste, centre []float32, newest []uint64) (
	*engine.ShardRated, error) {
	if err := n.at("Central"); err != nil {
		return nil, err
	}
	return n.Node.Central(ctx, q, centre, newest)
}

func (n *lost) Why(ctx context.Context, q *engine.ShardTaste, texts [][]string, ordinals []uint64) (
	[]*engine.Because, error) {
	if err := n.at("Why"); err != nil {
		return nil, err
	}
	return n.Node.Why(ctx, q, texts, ordinals)
}

func (n *lost) ShardVectors(ctx context.Context, model string, ordinals []uint64) ([]float32, error) {
	if err := n.at("ShardVectors"); err != nil {
		return nil, err
	}
	return n.Node.ShardVectors(ctx, model, ordinals)
}

func (n *lost) ShardFeatures(ctx context.Context, model string, ordinals []uint64) ([][]uint32, error) {
	if err := n.at("ShardFeatures"); err != nil {
		return nil, err
	}
	return n.Node.ShardFeatures(ctx, model, ordinals)
}

func (n *lost) ShardPapers(ctx context.Context, ordinals []uint64, abstracts, brief bool) ([]*paper.Paper, error) {
	if err := n.at("ShardPapers"); err != nil {
		return nil, err
	}
	return n.Node.ShardPapers(ctx, ordinals, abstracts, brief)
}

func (n *lost) Subjects(ctx context.Context, model string, ids []string) ([]engine.Subject, error) {
	if err := n.at("Subjects"); err != nil {
		return nil, err
	}
	return n.Node.Subjects(ctx, model, ids)
}

// second wraps the node of the second of a fleet's shards. Words are counted while it still answers.
func (f *fleet) second(t *testing.T, wrap func(Node) []Node) *Front {
	t.Helper()
	front := f.frontOf(t, func(shard int, n Node) []Node {
		if shard == 1 {
			return wrap(n)
		}
		return []Node{n}
	})
	front.counts.Store(counts(t, f.front))
	return front
}

func counts(t *testing.T, front *Front) *counted {
	t.Helper()
	all, err := front.count(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func noNode(Node) []Node { return nil }

// wantPartial wants a result of all shards but the second of three.
func wantPartial(t *testing.T, what string, got *engine.Result, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if !slices.Equal(got.MissingShards, []int{2}) || got.Exact || len(got.Hits) == 0 {
		t.Fatalf("%s: missing %v, exact %t, %d hits", what, got.MissingShards, got.Exact, len(got.Hits))
	}
	for i := range got.Hits {
		if id := got.Hits[i].Paper.ID; NewMap(3).Of(id) == 1 {
			t.Errorf("%s: %s, of the missing shard", what, id)
		}
	}
}

// of returns papers of one of three shards.
func (f *fleet) of(shard int) (papers []*paper.Paper) {
	for _, p := range f.papers {
		if NewMap(3).Of(p.ID) == shard {
			papers = append(papers, p)
		}
	}
	return papers
}

// TestAPartialSearchIsTheSameWhereverAShardFails loses a shard in each of the rounds of a search.
func TestAPartialSearchIsTheSameWhereverAShardFails(t *testing.T) {
	f := openFleet(t, 3, true)
	for call, text := range map[string]string{
		"Find": f.papers[50].Abstract, "ShardVectors": f.papers[50].Abstract, "ShardPapers": f.papers[50].Abstract,
		"ShardFeatures": f.of(1)[0].Title, // words of the best alone are looked at, and it is the best
	} {
		q := engine.Query{Text: text, PageSize: 30, AllowPartial: true, Options: engine.Options{
			Mode: engine.ModeExact, Diversity: .3,
		}}
		want, err := f.second(t, noNode).Search(t.Context(), &q)
		wantPartial(t, "no node", want, err)
		bad := losing(f.front.cfg.Replicas(1)[0], call)
		front := f.second(t, func(Node) []Node { return []Node{bad} })
		got, err := front.Search(t.Context(), &q)
		wantPartial(t, call, got, err)
		compare(t, call, got, want)
		if !bad.gone.Load() {
			t.Errorf("%s is never called", call)
		}
		bad = losing(f.front.cfg.Replicas(1)[0], call)
		strict := q
		strict.AllowPartial = false
		front = f.second(t, func(Node) []Node { return []Node{bad} })
		if _, err := front.Search(t.Context(), &strict); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s, where no shard may be missing: %v", call, err)
		}
	}
}

// TestAPartialRecommendationIsTheSameWhereverAShardFails loses a shard in each of the rounds of recommendations.
func TestAPartialRecommendationIsTheSameWhereverAShardFails(t *testing.T) {
	f := openFleet(t, 3, true)
	first, second := f.of(0), f.of(1)
	like := []engine.Preference{{PaperID: second[0].ID, Weight: 1}, {PaperID: first[3].ID, Weight: 1}}
	for i, rec := range []engine.Recommendation{
		{Likes: like, Explain: true, Options: engine.Options{Diversity: .2}},
		{},
	} {
		rec.PageSize, rec.AllowPartial = 20, true
		want, err := f.second(t, noNode).Recommend(t.Context(), &rec)
		wantPartial(t, "no node", want, err)
		if i == 0 && !slices.Equal(want.MissingIDs, []string{second[0].ID}) || want.WithoutLikes != (i == 1) {
			t.Errorf("missing %v, without likes %t", want.MissingIDs, want.WithoutLikes)
		}
		calls := [][]string{{"Subjects", "Rate", "ShardVectors", "ShardPapers", "Why"}, {"Newest", "Central", "ShardPapers"}}
		for _, call := range calls[i] {
			bad := losing(f.front.cfg.Replicas(1)[0], call)
			front := f.second(t, func(Node) []Node { return []Node{bad} })
			got, err := front.Recommend(t.Context(), &rec)
			wantPartial(t, call, got, err)
			compare(t, call, got, want)
			if !bad.gone.Load() {
				t.Errorf("%s is never called", call)
			}
		}
	}
	// What is liked in the missing shard alone cannot be told, which is not the same as nothing.
	front := f.second(t, noNode)
	rec := engine.Recommendation{Likes: like[:1], PageSize: 5, AllowPartial: true}
	if got, err := front.Recommend(t.Context(), &rec); !errors.Is(err, ErrUnavailable) {
		t.Errorf("the only like is missing: %+v, %v", got, err)
	}
	rec.Likes, rec.Strict = like, true
	if got, err := front.Recommend(t.Context(), &rec); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a like that has to be stored is missing: %+v, %v", got, err)
	}
}

// TestOneReplicaThatFailsIsNoMissingShard: another one of its shard answers when the question is asked anew.
func TestOneReplicaThatFailsIsNoMissingShard(t *testing.T) {
	f := openFleet(t, 3, true)
	q := engine.Query{Text: f.papers[50].Abstract, PageSize: 30, AllowPartial: true}
	want, err := f.one.Search(t.Context(), &q)
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{"Find", "ShardPapers"} {
		front := f.second(t, func(n Node) []Node { return []Node{losing(n, call), n} })
		got, err := front.Search(t.Context(), &q)
		if err != nil || got.MissingShards != nil {
			t.Fatalf("%s: %v of %+v", call, err, got)
		}
		compare(t, call, got, want)
	}
}

// TestPagesOfAPartialAnswerLeaveOutTheSameShards, though the shard is back, and are no more partial than the first.
func TestPagesOfAPartialAnswerLeaveOutTheSameShards(t *testing.T) {
	f := openFleet(t, 3, true)
	up := map[int]bool{0: true, 1: false, 2: true}
	cfg := f.front.cfg
	all := cfg.Replicas
	cfg.Replicas = func(shard int) []Node {
		if !up[shard] {
			return nil
		}
		return all(shard)
	}
	front := New(cfg)
	front.counts.Store(counts(t, f.front))
	q := engine.Query{Text: f.papers[50].Abstract, PageSize: 40, AllowPartial: true}
	whole, err := front.Search(t.Context(), &q)
	wantPartial(t, "one page", whole, err)
	q.PageSize = 10 // which is no other request
	first, err := front.Search(t.Context(), &q)
	wantPartial(t, "the first page", first, err)
	up[1] = true
	hits := first.Hits
	q.PageToken = first.NextPageToken
	for page := 2; page <= 4; page++ {
		next, err := front.Search(t.Context(), &q)
		wantPartial(t, fmt.Sprint("page ", page), next, err)
		hits, q.PageToken = append(hits, next.Hits...), next.NextPageToken
	}
	for i := range hits {
		if a, b := describe(&hits[i]), describe(&whole.Hits[i]); a != b {
			t.Errorf("place %d: %s, of one page %s", i, a, b)
		}
	}
	other := q
	other.AllowPartial = false
	if _, err := front.Search(t.Context(), &other); !errors.Is(err, engine.ErrInvalidPageToken) {
		t.Errorf("a page of a partial answer for whoever wants all: %v", err)
	}
	up[2] = false
	if _, err := front.Search(t.Context(), &q); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a page that would have less than the first: %v", err)
	}
	up[2], q.PageToken = true, ""
	if got, err := front.Search(t.Context(), &q); err != nil || got.MissingShards != nil {
		t.Errorf("another search, with all shards: %v, %v", got.MissingShards, err)
	}
}

// TestWhatNoShardCanTellIsStillAnError: the paper that is asked about is missing, or every shard is.
func TestWhatNoShardCanTellIsStillAnError(t *testing.T) {
	f := openFleet(t, 3, true)
	front := f.second(t, noNode)
	q := engine.Query{PaperID: f.of(1)[0].ID, PageSize: 10, AllowPartial: true}
	if _, err := front.Search(t.Context(), &q); !errors.Is(err, ErrUnavailable) {
		t.Errorf("near a paper of the missing shard: %v", err)
	}
	q.PaperID = f.of(0)[0].ID
	got, err := front.Search(t.Context(), &q)
	wantPartial(t, "near a paper of another shard", got, err)
	none := f.frontOf(t, func(_ int, n Node) []Node { return []Node{broken(n)} })
	none.counts.Store(counts(t, f.front))
	if _, err := none.Search(t.Context(), &engine.Query{Text: "layers", PageSize: 10, AllowPartial: true}); !errors.Is(err,
		ErrUnavailable) {
		t.Errorf("no shard answers: %v", err)
	}
}

// TestWordsOfAMissingShardAreCountedOnceItIsBack: counts that lack a shard serve answers that lack it, and no others.
func TestWordsOfAMissingShardAreCountedOnceItIsBack(t *testing.T) {
	f := openFleet(t, 3, true)
	up := false
	cfg := f.front.cfg
	all := cfg.Replicas
	cfg.Replicas = func(shard int) []Node {
		if shard == 1 && !up {
			return nil
		}
		return all(shard)
	}
	front := New(cfg)
	q := engine.Query{Text: f.papers[50].Title, PageSize: 30, AllowPartial: true}
	for range 2 {
		got, err := front.Search(t.Context(), &q)
		wantPartial(t, "before the shard was ever heard of", got, err)
	}
	up = true
	want, err := f.one.Search(t.Context(), &q)
	if err != nil {
		t.Fatal(err)
	}
	got, err := front.Search(t.Context(), &q)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "with all shards", got, want)
}
