package engine

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/paper"
)

// RisingQuery asks for papers that matter more lately than before.
type RisingQuery struct {
	Owner  string // of the profiles whose events count
	Period time.Duration
	End    time.Time      // of the period
	Filter *filter.Filter // nil: all papers
	Size   int            // papers to return, at most
}

// Risen is what is rising, strongest first.
type Risen struct {
	Papers   []RisenPaper
	ByEvents bool // by LIKE and READ events; otherwise by publish times among neighbours
}

// RisenPaper is a paper that rises: by how many standard deviations what was recent is above what was expected.
type RisenPaper struct {
	Paper            *paper.Paper // without its abstract
	Rise             float64
	Recent, Expected float64
}

// Rising returns papers that matter more lately.
//
// Where the owner's profiles have LIKE or READ events in the period, a paper rises by them: each profile counts once a
// period for a paper, 1 if it likes it and 1/2 if it has read it. With n such counts in the period and m in the period
// before, of equal length, the rise is (n-m)/sqrt(n+m+1): the difference of two Poisson counts over its standard
// deviation, and 1 so that a single like is no peak.
//
// Otherwise a paper of the period rises by how dense its neighbourhood has become: of its k nearest papers, n were
// published in the period, where k*p would be by chance, p being the share of all papers that were. The rise is
// (n-kp)/sqrt(kp(1-p)), the binomial's. A paper that is among the neighbours of one listed before is left out, so that
// a topic is listed once. Papers of unknown age count as old, and papers published behind the end do not count.
func (e *Engine) Rising(ctx context.Context, q RisingQuery) (*Risen, error) {
	counts, err := e.profiles.Popular(ctx, q.Owner, q.End, q.Period)
	if err != nil {
		return nil, storeError(err)
	}
	if len(counts) == 0 {
		return e.risingByNeighbours(ctx, q)
	}
	risen := &Risen{ByEvents: true}
	ids := make([]string, 0, len(counts))
	rise := func(id string) float64 {
		n := counts[id]
		return (n.Recent - n.Before) / math.Sqrt(n.Recent+n.Before+1)
	}
	for id := range counts {
		if rise(id) > 0 {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(rise(b), rise(a)), cmp.Compare(a, b)) })
	for run := range slices.Chunk(ids, scanRun) {
		papers, err := e.Visible(ctx, q.Filter, run)
		if err != nil {
			return nil, err
		}
		for i, p := range papers {
			if p == nil {
				continue
			}
			n := counts[run[i]]
			risen.Papers = append(risen.Papers, RisenPaper{Paper: p, Rise: rise(run[i]), Recent: n.Recent, Expected: n.Before})
			if len(risen.Papers) == q.Size {
				return risen, nil
			}
		}
	}
	return risen, nil
}

const (
	risingNeighbours = 50
	risingLooked     = 5000 // papers of the period whose neighbourhoods are looked at, evenly spread
)

// until accepts what a view does, but for papers published behind a time.
type until struct {
	*view
	end int64
}

// Accepts implements index.Accept.
func (u until) Accepts(slot uint32) bool {
	if !u.view.Accepts(slot) {
		return false
	}
	at, known := u.Published(slot)
	return !known || at <= u.end
}

// within reports whether an accepted paper was published in a period that ends with u.
func (u until) within(slot uint32, begin int64) bool {
	at, known := u.Published(slot)
	return known && at > begin
}

func (e *Engine) risingByNeighbours(ctx context.Context, q RisingQuery) (*Risen, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	v := e.look()
	if err := v.restrict(q.Filter); err != nil {
		return nil, err
	}
	u, begin := until{v, q.End.Unix()}, q.End.Add(-q.Period).Unix()
	risen := &Risen{}
	var recent []uint32
	all := 0
	for slot := range v.slots {
		if slot%lookEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !u.Accepts(slot) {
			continue
		}
		all++
		if u.within(slot, begin) {
			recent = append(recent, slot)
		}
	}
	p := float64(len(recent)) / float64(max(1, all))
	if p == 0 || p == 1 {
		return risen, nil // there is nothing to compare
	}
	for n := len(recent); len(recent) > risingLooked; recent = recent[:risingLooked] {
		for i := range risingLooked {
			recent[i] = recent[i*n/risingLooked]
		}
	}
	found, err := neighbourhoods(ctx, u, recent)
	if err != nil {
		return nil, err
	}
	type rising struct {
		at          int // in recent
		rise, n, kp float64
	}
	var list []rising
	for i, near := range found {
		n, k := 0., 0.
		for _, c := range near {
			if c.Slot == recent[i] {
				continue
			}
			k++
			if u.within(c.Slot, begin) {
				n++
			}
		}
		if r := (n - k*p) / math.Sqrt(k*p*(1-p)); k > 0 && r > 0 {
			list = append(list, rising{i, r, n, k * p})
		}
	}
	slices.SortStableFunc(list, func(a, b rising) int { return cmp.Compare(b.rise, a.rise) })
	covered := map[uint32]bool{}
	var ordinals []uint64
	for _, r := range list {
		if covered[recent[r.at]] {
			continue
		}
		for _, c := range found[r.at] {
			covered[c.Slot] = true
		}
		ordinals = append(ordinals, v.row(recent[r.at]).ordinal)
		risen.Papers = append(risen.Papers, RisenPaper{Rise: r.rise, Recent: r.n, Expected: r.kp})
		if len(ordinals) == q.Size {
			break
		}
	}
	papers, err := e.store.Papers(ordinals, false, make([]*paper.Paper, 0, len(ordinals)))
	if err != nil {
		return nil, storeError(err)
	}
	for i, p := range papers {
		if p == nil {
			return nil, fmt.Errorf("the record of ordinal %d is gone, though a reader holds it", ordinals[i])
		}
		risen.Papers[i].Paper = p
	}
	return risen, nil
}

// neighbourhoods finds the nearest accepted papers of slots, each among its own.
func neighbourhoods(ctx context.Context, u until, slots []uint32) ([][]index.Candidate, error) {
	const run = 64
	d := u.gen.model.Dims()
	rows := make([]float32, run*d)
	found := make([][]index.Candidate, len(slots))
	reports := make([]index.Report, run)
	for from := 0; from < len(slots); from += run {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part := slots[from:min(from+run, len(slots))]
		queries := make([]*index.Query, len(part))
		for i, slot := range part {
			row := rows[i*d : (i+1)*d]
			if err := u.gen.vectors.Vector(slot, row); err != nil {
				return nil, err
			}
			queries[i] = &index.Query{Vector: row, K: risingNeighbours + 1, Accept: u}
		}
		if err := u.gen.vectors.SearchBatch(ctx, queries, found[from:from+len(part)], reports[:len(part)]); err != nil {
			return nil, err
		}
	}
	return found, nil
}
