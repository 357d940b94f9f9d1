package taste

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/rank"
)

// Finder is the scratch of one recommendation. The zero value is ready; one goroutine uses it at a time.
type Finder struct {
	probes  []Probe
	mean    []float32
	found   []index.Candidate
	slots   []uint32
	rows    []float32
	ratings []Rating
	rated   []rated
	best    []float32 // rows of the best, in their order
	rater   Rater
	words   lexical.Query
	aside   *Finder // of the second core
}

// rated is a candidate with its rating, and where its row is.
type rated struct {
	Rating
	slot uint32
	row  int32
}

// Recommend finds candidates for a taste, rates them and leaves them in r.Ranked, best first: the score from 0 to 1,
// and the cosine with the nearest like. The stages of package rank go on from there. The subjects themselves are
// candidates unless f.Accept refuses them. Where no like has a known word to look near to, papers that share words
// with them are rated.
func (t *Taste) Recommend(ctx context.Context, c rank.Corpus, f rank.Find, w *Finder, r *rank.Ranker) (
	index.Report, error) {
	r.Ranked = r.Ranked[:0]
	report, err := t.find(ctx, c, f, w)
	if err != nil {
		return report, err
	}
	begin := time.Now()
	w.order(t)
	w.hand(r)
	f.Ended(rank.StageFuse, begin)
	return report, nil
}

// find leaves the candidates for a taste, rated, in w.
func (t *Taste) find(ctx context.Context, c rank.Corpus, f rank.Find, w *Finder) (index.Report, error) {
	begin := time.Now()
	report, err := w.candidates(ctx, t, c, f)
	f.Ended(rank.StageWalk, begin)
	if err != nil {
		return report, err
	}
	slices.Sort(w.slots)
	w.slots = slices.Compact(w.slots)
	n := len(w.slots)
	w.rows = slices.Grow(w.rows[:0], n*t.dims)[:n*t.dims]
	w.ratings = slices.Grow(w.ratings[:0], n)[:n]
	return report, w.rate(ctx, t, c, f.Spare)
}

// candidates fills w.slots with what lies near the probes, slots repeated.
func (w *Finder) candidates(ctx context.Context, t *Taste, c rank.Corpus, f rank.Find) (index.Report, error) {
	w.mean = slices.Grow(w.mean[:0], t.dims)[:t.dims]
	w.probes = t.Probes(w.mean, w.probes[:0])
	w.slots = w.slots[:0]
	if len(w.probes) == 0 {
		return index.Report{}, w.byWords(ctx, t, c, f)
	}
	w.probes[0].K = max(w.probes[0].K, f.Depth)
	half := len(w.probes)
	var group errgroup.Group
	var other index.Report
	if f.Spare && len(w.probes) > 3 {
		// The first probe wants many papers and takes as long as some others.
		half = max(1, len(w.probes)/2-2)
		h := w.second()
		h.slots = h.slots[:0]
		group.Go(func() (err error) { other, err = h.near(ctx, c, f, w.probes[half:]); return err })
	}
	report, err := w.near(ctx, c, f, w.probes[:half])
	err = errors.Join(err, group.Wait())
	if half < len(w.probes) {
		report.Exact, report.Scored = report.Exact && other.Exact, report.Scored+other.Scored
		w.slots = append(w.slots, w.aside.slots...)
	}
	return report, err
}

// second is the scratch of the second core.
func (w *Finder) second() *Finder {
	if w.aside == nil {
		w.aside = &Finder{}
	}
	return w.aside
}

// near appends to w.slots the papers near to each probe.
func (w *Finder) near(ctx context.Context, c rank.Corpus, f rank.Find, probes []Probe) (index.Report, error) {
	all := index.Report{Exact: true}
	for _, probe := range probes {
		var report index.Report
		var err error
		width := f.Ef
		if width == 0 {
			width = probe.Width
		}
		w.found, report, err = c.Vectors.Search(ctx, &index.Query{
			Vector: probe.Vector, K: probe.K, Ef: width, Exact: f.Exact, Walk: f.Walk, Accept: f.Accept,
		}, w.found[:0])
		if err != nil {
			return all, err
		}
		all.Exact, all.Scored = all.Exact && report.Exact, all.Scored+report.Scored
		for _, candidate := range w.found {
			w.slots = append(w.slots, candidate.Slot)
		}
	}
	return all, nil
}

// byWords appends to w.slots the papers of the highest BM25 with the words of the likes together.
func (w *Finder) byWords(ctx context.Context, t *Taste, c rank.Corpus, f rank.Find) error {
	if t.likes.panel.Len() == 0 {
		return nil
	}
	var terms embed.Terms
	t.likes.panel.Terms(&terms)
	c.Words.PrepareBy(&w.words, &terms, lexical.DefaultK1, t.by)
	var err error
	w.found, err = c.Words.Top(ctx, &w.words, max(t.recipe.NearMean, f.Depth), f.Accept, w.found[:0])
	for _, candidate := range w.found {
		w.slots = append(w.slots, candidate.Slot)
	}
	return err
}

// rate fetches the vectors of the candidates and rates them, on two cores where one is spare.
func (w *Finder) rate(ctx context.Context, t *Taste, c rank.Corpus, spare bool) error {
	part := func(r *Rater, from, to int) error {
		for i := from; i < to; i++ {
			if err := c.Vectors.Vector(w.slots[i], w.rows[i*t.dims:(i+1)*t.dims]); err != nil {
				return err
			}
		}
		return t.Rate(ctx, r, w.slots[from:to], w.rows[from*t.dims:to*t.dims], w.ratings[from:to])
	}
	const worthwhile = 4000 // likenesses, some hundred microseconds
	n := len(w.slots)
	if subjects := t.Likes() + len(t.dislikes.weights); !spare || n*subjects < worthwhile {
		return part(&w.rater, 0, n)
	}
	var group errgroup.Group
	h := w.second()
	group.Go(func() error { return part(&h.rater, n/2, n) })
	err := part(&w.rater, 0, n/2)
	return errors.Join(err, group.Wait())
}

// order fills w.rated, best first, and lets the neighbourhoods of the best count.
func (w *Finder) order(t *Taste) {
	w.rated = w.rated[:0]
	for i, slot := range w.slots {
		w.rated = append(w.rated, rated{w.ratings[i], slot, int32(i)})
	}
	slices.SortFunc(w.rated, byScore)
	w.best = w.best[:0]
	for i := range w.rated[:min(smoothDepth, len(w.rated))] {
		row := int(w.rated[i].row) * t.dims
		w.best = append(w.best, w.rows[row:row+t.dims]...)
	}
	w.smooth(t)
}

// smooth lets the neighbourhoods of the best of w.rated count, whose rows are in w.best, and sorts again.
func (w *Finder) smooth(t *Taste) {
	w.ratings = w.ratings[:0]
	for i := range w.rated {
		w.ratings = append(w.ratings, w.rated[i].Rating)
	}
	t.Smooth(w.ratings, w.best)
	for i := range w.rated {
		w.rated[i].Rating = w.ratings[i]
	}
	slices.SortFunc(w.rated, byScore)
}

// byScore puts the highest score first, and of equal ones the lowest slot.
func byScore(a, b rated) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.slot, b.slot))
}

// hand leaves w.rated in r.Ranked.
func (w *Finder) hand(r *rank.Ranker) {
	for i := range w.rated {
		hit := &w.rated[i]
		score := min(1, max(0, hit.Score))
		r.Ranked = append(r.Ranked, rank.Scored{Slot: hit.slot, Score: score, Cosine: float64(hit.Cosine)})
	}
}
