package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/profile"
)

// memoryLog is a log in memory that any number of engines follow.
type memoryLog struct {
	lineage paper.Lineage
	mu      sync.Mutex
	writes  []Ordered
	ids     map[string]uint64
	grown   chan struct{} // closed at the next write
}

func newMemoryLog() *memoryLog {
	return &memoryLog{lineage: paper.Lineage{7}, ids: map[string]uint64{}, grown: make(chan struct{})}
}

func (l *memoryLog) append(_ context.Context, id string, body []byte) (uint64, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n, ok := l.ids[id]; ok {
		return n, true, nil
	}
	n := uint64(len(l.writes) + 1)
	l.writes = append(l.writes, Ordered{
		Sequence: n, ID: id, Time: time.Unix(int64(n), 0).UTC(), Body: body, Mark: fmt.Append(nil, n),
	})
	l.ids[id] = n
	close(l.grown)
	l.grown = make(chan struct{})
	return n, false, nil
}

// follow applies the log to an engine until ctx ends.
func (l *memoryLog) follow(ctx context.Context, t *testing.T, e *Engine) {
	n, _, err := e.Mark()
	if err != nil {
		t.Error(err)
	}
	for {
		l.mu.Lock()
		rest, grown := l.writes[n:], l.grown
		l.mu.Unlock()
		for _, w := range rest {
			if err := e.Apply(ctx, w); err != nil {
				if ctx.Err() == nil {
					t.Error(err)
				}
				return
			}
			n++
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return
		}
	}
}

// openOrdered opens an engine that follows the log until the returned function, or the test, ends.
func openOrdered(t *testing.T, l *memoryLog, dir string) (*Engine, func()) {
	t.Helper()
	return openPart(t, l, dir, nil)
}

// openPart is openOrdered of an engine that holds a part of the papers.
func openPart(t *testing.T, l *memoryLog, dir string, part *Part) (*Engine, func()) {
	t.Helper()
	request := func(ctx context.Context) string { id, _ := ctx.Value(requestKey{}).(string); return id }
	e, err := Open(t.Context(), Config{
		Dir: dir, TrainAt: -1, NoMap: true, Logger: slog.New(slog.DiscardHandler),
		Order: &Order{Lineage: l.lineage, Append: l.append, RequestID: request, Part: part},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); l.follow(ctx, t, e) }()
	var once sync.Once
	closeIt := func() {
		once.Do(func() {
			stop()
			<-done
			if err := e.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(closeIt)
	return e, closeIt
}

type requestKey struct{}

// titles are all papers of an engine: id to title and revision.
func titles(t *testing.T, e *Engine) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := e.Export(t.Context(), nil, func(p *paper.Paper) error {
		all[p.ID] = fmt.Sprint(p.Title, p.Revision, p.CreateTime, p.UpdateTime)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEnginesOfOneLogHoldTheSame(t *testing.T) {
	l := newMemoryLog()
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	engines := make([]*Engine, len(dirs))
	closers := make([]func(), len(dirs))
	for i, dir := range dirs {
		engines[i], closers[i] = openOrdered(t, l, dir)
	}
	ctx := t.Context()
	var writers sync.WaitGroup
	for i, e := range engines {
		rng := rand.New(rand.NewPCG(uint64(i), 5))
		writers.Go(func() {
			for n := range 60 {
				id := fmt.Sprintf("p%d", rng.IntN(20))
				var position paper.Position
				switch rng.IntN(4) {
				case 0:
					var err error
					if position, err = e.Delete(ctx, id); err != nil {
						if !errors.Is(err, ErrNotFound) {
							t.Error(err)
						}
						continue
					}
				default:
					w, err := e.Upsert(ctx, []*paper.Paper{
						{ID: id, Title: fmt.Sprintf("Title %d of %d", n, i)}, {ID: id + "b", Title: "Neural pruning"},
					})
					if err != nil {
						t.Error(err)
						continue
					}
					position = w.Position
				}
				// What one engine has answered, every other one comes to see.
				if err := engines[(i+1)%len(engines)].Await(ctx, position); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	last, err := engines[0].Upsert(ctx, []*paper.Paper{{ID: "last", Title: "Last"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range engines {
		if err := e.Await(ctx, last.Position); err != nil {
			t.Fatal(err)
		}
	}
	want := titles(t, engines[0])
	for i, e := range engines {
		if got := titles(t, e); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("engine %d holds %v, not %v", i, got, want)
		}
		if err := e.Check(ctx); err != nil {
			t.Error(err)
		}
	}
	// One that was away follows from where it was.
	closers[2]()
	if _, err := engines[0].Purge(ctx, nil, true); err != nil {
		t.Fatal(err)
	}
	after, err := engines[1].Upsert(ctx, []*paper.Paper{{ID: "after", Title: "After the purge"}})
	if err != nil {
		t.Fatal(err)
	}
	again, _ := openOrdered(t, l, dirs[2])
	if err := again.Await(ctx, after.Position); err != nil {
		t.Fatal(err)
	}
	if got := titles(t, again); len(got) != 1 {
		t.Errorf("after the purge: %v", got)
	}
}

func TestARequestThatIsSentAgainIsAppliedOnce(t *testing.T) {
	l := newMemoryLog()
	a, _ := openOrdered(t, l, t.TempDir())
	b, _ := openOrdered(t, l, t.TempDir())
	ctx := context.WithValue(t.Context(), requestKey{}, "request-1")
	papers := []*paper.Paper{{ID: "a", Title: "A title"}}
	first, err := a.Upsert(ctx, papers)
	if err != nil || !first.Results[0].Created {
		t.Fatalf("%+v %v", first, err)
	}
	for _, e := range []*Engine{a, b} { // b may be told of the first one itself, when that comes out of the log there
		got, err := e.Upsert(ctx, papers)
		if err != nil || got.Results[0].Unchanged == got.Results[0].Created || got.Results[0].Paper.Revision != 1 ||
			got.Position != first.Position {
			t.Errorf("sent again: %+v %v", got, err)
		}
	}
	if n := len(l.writes); n != 1 {
		t.Errorf("%d writes in the log", n)
	}
	if _, err := a.Delete(ctx, "a"); err != nil {
		t.Error(err)
	}
	if _, err := b.Delete(ctx, "a"); err != nil {
		t.Errorf("a deletion sent again: %v", err)
	}
}

func TestProfilesAreTheSameOnAllEngines(t *testing.T) {
	l := newMemoryLog()
	a, _ := openOrdered(t, l, t.TempDir())
	b, _ := openOrdered(t, l, t.TempDir())
	ctx := t.Context()
	events := []profile.Owned{
		{Profile: "x", Event: profile.Event{ID: "1", Kind: profile.Like, PaperID: "p", Weight: 1}},
		{Profile: "y", Event: profile.Event{ID: "1", Kind: profile.Dislike, PaperID: "p", Weight: 1}},
	}
	if n, err := a.RecordEvents(ctx, "owner", events); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := b.RecordEvents(ctx, "owner", events); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	for _, e := range []*Engine{a, b} {
		p, err := e.Profile(ctx, "owner", "x")
		if err != nil || len(p.Likes) != 1 {
			t.Errorf("%+v %v", p, err)
		}
		got, _, err := e.Events("owner", "x", "", 10)
		if err != nil || len(got) != 1 || !got[0].Time.Equal(time.Unix(1, 0)) {
			t.Errorf("%+v %v", got, err)
		}
	}
	if err := a.DeleteProfile(ctx, "owner", "x"); err != nil {
		t.Error(err)
	}
	if err := b.DeleteProfile(ctx, "owner", "x"); !errors.Is(err, profile.ErrNotFound) {
		t.Errorf("a second deletion: %v", err)
	}
	if list, _, err := b.Profiles("owner", "", 10); err != nil || len(list) != 1 {
		t.Errorf("%+v %v", list, err)
	}
}

// TestOneModelServesOnAllEnginesOfALog has one engine learn a model, and the others serve it from the same write on.
func TestOneModelServesOnAllEnginesOfALog(t *testing.T) {
	l := newMemoryLog()
	ctx := t.Context()
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	engines := make([]*Engine, len(dirs))
	closers := make([]func(), len(dirs))
	for i, dir := range dirs {
		engines[i], closers[i] = openOrdered(t, l, dir)
	}
	a, b := engines[0], engines[1]
	first := a.Model()
	papers := testPapers(0, 200)
	if _, err := a.Upsert(ctx, papers); err != nil {
		t.Fatal(err)
	}
	if err := a.learnForAll(ctx, train); err != nil || a.Model() != first {
		t.Fatalf("a node that does not lead: %v, %s", err, a.Model())
	}
	hand := func(fingerprint string, to *Engine) error {
		var model bytes.Buffer
		if err := a.WriteModelOf(fingerprint, &model); err != nil {
			return err
		}
		return to.ReadModelOf(ctx, fingerprint, &model)
	}
	a.cfg.Order.Leads = func() bool { return true }
	a.cfg.Order.Share = func(ctx context.Context, fingerprint string) error {
		if err := hand(fingerprint, b); err != nil { // the third is away
			return err
		}
		if a.Model() != first || b.Model() != first {
			t.Error("a model that is prepared serves already")
		}
		// A model of words that comes due meanwhile leaves the one on its way alone.
		if err := errors.Join(a.learnForAll(ctx, refit), a.WriteModelOf(fingerprint, io.Discard)); err != nil {
			t.Error(err)
		}
		return a.MakeModelServe(ctx, fingerprint)
	}
	b.cfg.Order.Learn = a.LearnForAll // as a node asks the one that leads
	var stages []string
	info, err := b.Train(ctx, TrainOptions{}, func(p TrainProgress) {
		if len(stages) == 0 || stages[len(stages)-1] != p.Stage {
			stages = append(stages, p.Stage)
		}
		if p.Stage == "training" && p.Progress == 0 {
			if _, err := b.Train(ctx, TrainOptions{}, nil); !errors.Is(err, ErrTrainingRuns) {
				t.Errorf("a second training: %v", err)
			}
		}
	})
	if err != nil || info.Fingerprint != a.Model() || !info.Trained {
		t.Fatalf("%+v %v", info, err)
	}
	// A graph that is there within a quarter of a second is not told of.
	stages = slices.DeleteFunc(stages, func(stage string) bool { return stage == "indexing" })
	if want := []string{"reading", "training", "embedding", "sharing", "done"}; !slices.Equal(stages, want) {
		t.Errorf("stages %v, want %v", stages, want)
	}
	last, err := a.Upsert(ctx, testPapers(200, 201))
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range engines {
		if err := e.Await(ctx, last.Position); err != nil {
			t.Fatal(err)
		}
		wanted, err := e.WantedModel()
		if err != nil || wanted != a.Model() || wanted == first {
			t.Errorf("engine %d: %s is to serve, %v", i, wanted, err)
		}
	}
	if b.Model() != a.Model() || engines[2].Model() != first {
		t.Errorf("%s serves, %s, and %s where it was not prepared", a.Model(), b.Model(), engines[2].Model())
	}
	if err := hand(a.Model(), engines[2]); err != nil {
		t.Fatal(err)
	}
	if err := engines[2].ActivateModel(ctx, a.Model()); err != nil {
		t.Fatal(err)
	}
	closers[1]()
	engines[1], _ = openOrdered(t, l, dirs[1])
	want := search(t, a, Query{Text: papers[7].Title, PageSize: 20})
	for i, e := range engines {
		got := search(t, e, Query{Text: papers[7].Title, PageSize: 20})
		if got.Model != want.Model || !slices.Equal(ids(got.Hits), ids(want.Hits)) ||
			got.Hits[0].Score != want.Hits[0].Score {
			t.Errorf("engine %d finds %v by %s, the first %v by %s", i, ids(got.Hits), got.Model, ids(want.Hits), want.Model)
		}
		if err := e.Check(ctx); err != nil {
			t.Error(err)
		}
	}
}
