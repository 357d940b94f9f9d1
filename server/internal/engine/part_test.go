package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/paper"
)

// partsOfLog are engines of one log that hold a part of the papers each.
type partsOfLog struct {
	log     *memoryLog
	dirs    []string
	engines []*Engine
	stops   []func()
}

func (p *partsOfLog) shard(id string) int { return int(id[len(id)-1]) % len(p.dirs) }

func openParts(t *testing.T, n int) *partsOfLog {
	t.Helper()
	p := &partsOfLog{log: newMemoryLog(), dirs: make([]string, n), engines: make([]*Engine, n), stops: make([]func(), n)}
	for i := range n {
		p.dirs[i] = t.TempDir()
		p.open(t, i)
	}
	return p
}

func (p *partsOfLog) open(t *testing.T, i int) {
	t.Helper()
	p.engines[i], p.stops[i] = openPart(t, p.log, p.dirs[i], &Part{
		Shards: len(p.dirs),
		Owns:   func(id string) bool { return p.shard(id) == i },
		Elsewhere: func(ctx context.Context, sequence uint64, ids []string) ([]Outcome, error) {
			all := make([]Outcome, len(ids))
			for j, id := range ids {
				one, err := p.engines[p.shard(id)].Outcomes(ctx, sequence, []string{id})
				if err != nil {
					return nil, err
				}
				all[j] = one[0]
			}
			return all, nil
		},
	})
}

// TestPartsOfOneLogHoldEachTheirOwn writes at random on any of three engines, and compares what each answers with a
// map, and what each holds with its part.
func TestPartsOfOneLogHoldEachTheirOwn(t *testing.T) {
	p := openParts(t, 3)
	rng := rand.New(rand.NewPCG(3, 4))
	want := map[string]string{}
	last := paper.Position{}
	for step := range 200 {
		e := p.engines[rng.IntN(3)]
		if rng.IntN(5) == 0 {
			id := fmt.Sprint("p", rng.IntN(30))
			_, stored := want[id]
			position, err := e.Delete(t.Context(), id)
			if stored == errors.Is(err, ErrNotFound) || err != nil && stored {
				t.Fatalf("step %d: the deletion of %s, stored %t: %v", step, id, stored, err)
			}
			if err == nil && position.Revision <= last.Revision {
				t.Fatalf("step %d: position %s after %s", step, position, last)
			}
			delete(want, id)
			continue
		}
		batch := map[string]*paper.Paper{}
		for range 1 + rng.IntN(6) {
			id := fmt.Sprint("p", rng.IntN(30))
			batch[id] = &paper.Paper{ID: id, Title: fmt.Sprint("title ", rng.IntN(3))}
		}
		var papers []*paper.Paper
		for _, one := range batch {
			papers = append(papers, one)
		}
		written, err := e.Upsert(t.Context(), papers)
		if err != nil {
			t.Fatal(err)
		}
		for i, one := range papers {
			r := written.Results[i]
			before, stored := want[one.ID]
			if r.Created == stored || r.Unchanged != (before == one.Title) {
				t.Fatalf("step %d: %s: %+v, and %q was stored before: %t", step, one.ID, r, before, stored)
			}
			if r.Paper.ID != one.ID || r.Paper.Title != one.Title || r.Paper.Revision == 0 || r.Paper.UpdateTime.IsZero() {
				t.Fatalf("step %d: %s is answered as %+v", step, one.ID, r.Paper)
			}
			want[one.ID] = one.Title
		}
		if last = written.Position; last.Revision != uint64(step+1) || last.Lineage != p.log.lineage {
			t.Fatalf("step %d: position %s", step, last)
		}
	}
	for _, e := range p.engines { // reads that name a position see it on every engine
		if err := e.Await(t.Context(), last); err != nil {
			t.Fatal(err)
		}
	}
	for i, e := range p.engines {
		for id := range titles(t, e) {
			if p.shard(id) != i {
				t.Errorf("engine %d holds %s", i, id)
			}
		}
		if err := e.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for id, title := range want {
		stored, err := p.engines[p.shard(id)].Get(t.Context(), []string{id}, false)
		if err != nil || stored[0] == nil || stored[0].Title != title {
			t.Errorf("%s is stored as %v %v, not %q", id, stored, err, title)
		}
	}
	other := last
	other.Lineage[0]++
	if err := p.engines[0].Await(t.Context(), other); !errors.Is(err, ErrLineageChanged) {
		t.Errorf("a position of another log: %v", err)
	}
}

// TestAPartAnswersRequestsThatAreSentAgain repeats a request whose papers are in several shards, also behind a restart
// of all, where nobody remembers what became of it.
func TestAPartAnswersRequestsThatAreSentAgain(t *testing.T) {
	p := openParts(t, 3)
	ctx := context.WithValue(t.Context(), requestKey{}, "once")
	papers := []*paper.Paper{{ID: "p0", Title: "zero"}, {ID: "p1", Title: "one"}, {ID: "p2", Title: "two"}}
	first, err := p.engines[0].Upsert(ctx, papers)
	if err != nil {
		t.Fatal(err)
	}
	check := func(e *Engine) {
		t.Helper()
		again, err := e.Upsert(ctx, papers)
		if err != nil || len(again.Results) != 3 {
			t.Fatal(again, err)
		}
		for i, r := range again.Results {
			if r.Paper.Revision != first.Results[i].Paper.Revision || r.Paper.Title != papers[i].Title {
				t.Errorf("%s: %+v, first %+v", papers[i].ID, r, first.Results[i])
			}
		}
		if again.Position.Revision < first.Position.Revision {
			t.Errorf("position %s after %s", again.Position, first.Position)
		}
	}
	check(p.engines[1])
	for i, stop := range p.stops {
		stop()
		p.open(t, i)
	}
	check(p.engines[2])
	if n := len(p.log.writes); n != 1 {
		t.Errorf("%d writes", n)
	}
}

// TestPartsLearnOfAllPapers has an engine that holds a third of the papers learn the model that one with all learns.
func TestPartsLearnOfAllPapers(t *testing.T) {
	one := open(t, t.TempDir())
	p := openParts(t, 3)
	var papers []*paper.Paper
	for i := range 60 {
		papers = append(papers, &paper.Paper{
			ID: fmt.Sprintf("p%02d", i), Title: fmt.Sprint("subject", i%7, " of kind", i%11), Abstract: "It says much.",
		})
	}
	for _, one := range papers { // in the order in which they are learnt from
		if _, err := p.engines[0].Upsert(t.Context(), []*paper.Paper{one}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := one.Upsert(t.Context(), papers); err != nil {
		t.Fatal(err)
	}
	p.engines[1].part().Corpus = func(ctx context.Context, texts bool) (*embed.Frequencies, []*paper.Paper, error) {
		all, sample := embed.NewFrequencies(p.engines[1].cfg.Embed), []*paper.Paper(nil)
		for _, e := range p.engines {
			if err := e.AwaitSequence(ctx, 60); err != nil {
				return nil, nil, err
			}
			f, err := e.Frequencies(ctx)
			if err != nil {
				return nil, nil, err
			}
			if err := all.Merge(f); err != nil {
				return nil, nil, err
			}
		}
		return all, append(sample, papers...), nil
	}
	for _, rows := range []bool{false, true} {
		info, err := p.engines[1].prepareLearnt(t.Context(), rows, TrainOptions{}, func(TrainProgress) {})
		if err != nil {
			t.Fatal(err)
		}
		fingerprint := info.Fingerprint
		var want string
		if rows {
			info, err := one.Train(t.Context(), TrainOptions{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			want = info.Fingerprint
		} else {
			model, err := one.fit(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			want = model.Fingerprint()
		}
		if fingerprint != want {
			t.Errorf("rows %t: %s, of all papers %s", rows, fingerprint, want)
		}
		var b bytes.Buffer
		if err := p.engines[1].WriteModelOf(fingerprint, &b); err != nil {
			t.Error(err)
		}
		p.engines[1].DropModel(fingerprint)
	}
}

// TestASampleGoesThroughAllPapers takes pages of every second paper.
func TestASampleGoesThroughAllPapers(t *testing.T) {
	e := open(t, t.TempDir())
	var papers []*paper.Paper
	for i := range 50 {
		papers = append(papers, &paper.Paper{ID: fmt.Sprintf("p%02d", i), Title: "title", Abstract: "abstract"})
	}
	if _, err := e.Upsert(t.Context(), papers); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{1, 7, 25, 100} {
		var got []string
		for after, begun := "", false; after != "" || !begun; begun = true {
			page, last, err := e.SamplePapers(t.Context(), func(id string) bool { return id[2]%2 == 0 }, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range page {
				if one.Abstract != "abstract" {
					t.Errorf("%s has no abstract", one.ID)
				}
				got = append(got, one.ID)
			}
			after = last
		}
		if len(got) != 25 || got[0] != "p00" || got[24] != "p48" {
			t.Errorf("pages of %d: %v", limit, got)
		}
	}
}

// TestOldOutcomesAreForgotten keeps the memory of outcomes within its bound.
func TestOldOutcomesAreForgotten(t *testing.T) {
	var o outcomes
	write := map[string]Outcome{}
	for i := range 1000 {
		write[fmt.Sprint(i)] = Outcome{Revision: 1}
	}
	for sequence := range uint64(200) {
		o.add(sequence, write)
	}
	if len(o.writes) != len(o.order) || o.papers > keptOutcomes || o.papers < keptOutcomes-len(write) {
		t.Errorf("%d writes and %d, of %d papers", len(o.writes), len(o.order), o.papers)
	}
	if o.of(0) != nil || o.of(199) == nil {
		t.Error("not the oldest are forgotten")
	}
}
