package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/hnsw"
	"github.com/akin-search/akin/server/internal/layout"
)

const (
	mapNeighbours = 15   // that the map is drawn from, as the server does
	mapQueries    = 3000 // papers whose neighbourhoods are looked at
	mapTrue       = 10   // nearest in vector space
	mapSeen       = 30   // nearest on the map, among which they are looked for
)

// mapReport says how well a map keeps neighbourhoods: the mean share of a paper's 10 nearest by cosine that are among
// its 30 nearest on the map.
type mapReport struct {
	Dataset    string  `json:"dataset"`
	Papers     int     `json:"papers"` // with a vector
	Seed       uint64  `json:"seed"`
	Map        float64 `json:"map_10_in_30"`
	Principal  float64 `json:"pca_10_in_30"`
	Random     float64 `json:"random_10_in_30"`
	Placed     float64 `json:"placed_10_in_30"`  // of papers placed beside their neighbours one by one, not drawn
	Again      float64 `json:"redrawn_10_in_30"` // of the map drawn again for a model of the next seed, from this one
	MedianMove float64 `json:"redrawn_median_move"`
	Search     float64 `json:"neighbours_seconds"` // in the index, on all cores
	Draw       float64 `json:"draw_seconds"`       // the map alone, on all cores
	Redraw     float64 `json:"redraw_seconds"`
}

func (r *mapReport) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, `%s: map of %d papers, seed %d
10 nearest among the 30 nearest on the map: %.4f; principal components %.4f, random places %.4f
placed beside their neighbours: %.4f
drawn again for a model of seed %d: %.4f, median move %.4f of the width
neighbours %.1f s, map %.1f s, drawn again %.1f s
`, r.Dataset, r.Papers, r.Seed, r.Map, r.Principal, r.Random, r.Placed, r.Seed+1, r.Again, r.MedianMove,
		r.Search, r.Draw, r.Redraw)
	return err
}

// measureMap draws the map of a collection as the server does, and again for another model.
func measureMap(ctx context.Context, ds *dataset, o options) (*mapReport, error) {
	r := &mapReport{Dataset: ds.Name, Seed: o.Seed}
	first, err := neighbourhoodsOf(ctx, ds, o)
	if err != nil {
		return nil, err
	}
	r.Papers, r.Search = len(first.rows), first.seconds
	start, err := layout.Principal(ctx, len(first.rows), first.dims, first.row)
	if err != nil {
		return nil, err
	}
	points, seconds, err := first.draw(ctx, start, false)
	if err != nil {
		return nil, err
	}
	r.Draw = seconds
	rng := rand.New(rand.NewPCG(o.Seed, 0))
	random := make([]layout.Point, len(points))
	for i := range random {
		random[i] = layout.Point{X: rng.Float32(), Y: rng.Float32()}
	}
	queries := rng.Perm(len(points))[:min(mapQueries, len(points))]
	truth, err := first.nearest(ctx, queries)
	if err != nil {
		return nil, err
	}
	for _, of := range []struct {
		share  *float64
		points []layout.Point
	}{{&r.Map, points}, {&r.Principal, start}, {&r.Random, random}} {
		if *of.share, err = kept(ctx, of.points, queries, truth,
			func(i int) layout.Point { return of.points[i] }); err != nil {
			return nil, err
		}
	}
	r.Placed, err = kept(ctx, points, queries, truth, func(i int) layout.Point {
		var near []layout.Point
		for _, j := range first.near.Lists[i*mapNeighbours:][:layout.PlaceBy] {
			if j != layout.None {
				near = append(near, points[j])
			}
		}
		p, _ := layout.Place(near, layout.Point{})
		return p
	})
	if err != nil {
		return nil, err
	}
	return r, r.redraw(ctx, ds, o, first, points)
}

// redraw measures the map for a model of the next seed, which begins at the places of the first.
func (r *mapReport) redraw(ctx context.Context, ds *dataset, o options, first *neighbourhoods,
	points []layout.Point) error {
	o.Seed++
	second, err := neighbourhoodsOf(ctx, ds, o)
	if err != nil {
		return err
	}
	if !slices.Equal(first.rows, second.rows) {
		return fmt.Errorf("models of two seeds disagree on which papers have a vector")
	}
	again, seconds, err := second.draw(ctx, points, true)
	if err != nil {
		return err
	}
	layout.Align(again, func(i int) (layout.Point, bool) { return points[i], true })
	r.Redraw = seconds
	low, high := points[0], points[0]
	moves := make([]float64, len(points))
	for i, p := range points {
		low.X, high.X = min(low.X, p.X), max(high.X, p.X)
		moves[i] = math.Hypot(float64(again[i].X-p.X), float64(again[i].Y-p.Y))
	}
	slices.Sort(moves)
	r.MedianMove = moves[len(moves)/2] / float64(high.X-low.X)
	queries := rand.New(rand.NewPCG(o.Seed, 0)).Perm(len(points))[:min(mapQueries, len(points))]
	truth, err := second.nearest(ctx, queries)
	if err != nil {
		return err
	}
	r.Again, err = kept(ctx, again, queries, truth, func(i int) layout.Point { return again[i] })
	return err
}

// neighbourhoods are the papers of a collection that have a vector, with their nearest neighbours by the server's
// index.
type neighbourhoods struct {
	*collection
	rows    []int // of the collection
	dims    int
	index   *hnsw.Index // slots are places in rows
	near    layout.Neighbours
	seconds float64 // that finding the neighbours took
}

func (h *neighbourhoods) row(i int, dst []float32) error {
	copy(dst, h.collection.row(h.rows[i]))
	return nil
}

func neighbourhoodsOf(ctx context.Context, ds *dataset, o options) (*neighbourhoods, error) {
	c, err := build(ctx, ds, o)
	if err != nil {
		return nil, err
	}
	h := &neighbourhoods{collection: c, dims: c.model.Dims(), index: hnsw.New(c.model.Dims(), hnsw.Config{})}
	for i := range ds.Documents {
		if v := c.row(i); v[0] != 0 || slices.Max(v) != 0 || slices.Min(v) != 0 {
			h.rows = append(h.rows, i)
			if _, err := h.index.Append(v); err != nil {
				return nil, err
			}
		}
	}
	if len(h.rows) == 0 {
		return nil, fmt.Errorf("%s: no paper has a vector", ds.Name)
	}
	if err := h.index.Catchup(ctx, index.Workers(runtime.GOMAXPROCS(0))); err != nil {
		return nil, err
	}
	begin := time.Now()
	h.near = layout.Neighbours{K: mapNeighbours, Lists: make([]uint32, mapNeighbours*len(h.rows))}
	found, err := h.search(ctx, mapNeighbours, false, len(h.rows), func(i int) int { return i })
	for i, row := range found {
		list := h.near.Lists[i*mapNeighbours:][:mapNeighbours]
		for j := copy(list, row); j < mapNeighbours; j++ {
			list[j] = layout.None
		}
	}
	h.seconds = time.Since(begin).Seconds()
	return h, err
}

// search finds the k nearest of n papers, themselves left out.
func (h *neighbourhoods) search(ctx context.Context, k int, exact bool, n int, paper func(i int) int) ([][]uint32,
	error) {
	found, faults := make([][]uint32, n), make([]error, n)
	err := parallel(ctx, n, func(from, to int) {
		v := make([]float32, h.dims)
		var hits []index.Candidate
		for i := from; i < to; i++ {
			self := paper(i)
			_ = h.row(self, v) // it never fails
			hits, _, faults[i] = h.index.Search(ctx, &index.Query{Vector: v, K: k + 1, Exact: exact}, hits[:0])
			for _, hit := range hits {
				if int(hit.Slot) != self && len(found[i]) < k {
					found[i] = append(found[i], hit.Slot)
				}
			}
		}
	})
	for _, fault := range faults {
		if err == nil {
			err = fault
		}
	}
	return found, err
}

// nearest finds the true nearest of some papers.
func (h *neighbourhoods) nearest(ctx context.Context, papers []int) ([][]uint32, error) {
	return h.search(ctx, mapTrue, true, len(papers), func(i int) int { return papers[i] })
}

func (h *neighbourhoods) draw(ctx context.Context, start []layout.Point, settled bool) ([]layout.Point, float64,
	error) {
	begin := time.Now()
	points, err := layout.Compute(ctx, h.near, start, layout.Options{
		Settled: settled, Workers: func() int { return runtime.GOMAXPROCS(0) },
	})
	return points, time.Since(begin).Seconds(), err
}

// kept is the mean share of the true neighbours of some papers that are among those nearest on the map to the place of
// each.
func kept(ctx context.Context, points []layout.Point, papers []int, truth [][]uint32,
	place func(i int) layout.Point) (float64, error) {
	shares := make([]float64, len(papers))
	err := parallel(ctx, len(papers), func(from, to int) {
		for q := from; q < to; q++ {
			seen := nearestOnMap(points, papers[q], place(papers[q]))
			hits := 0
			for _, j := range truth[q] {
				if slices.Contains(seen, j) {
					hits++
				}
			}
			shares[q] = float64(hits) / float64(max(1, len(truth[q])))
		}
	})
	sum := 0.
	for _, share := range shares {
		sum += share
	}
	return sum / float64(max(1, len(shares))), err
}

// nearestOnMap returns the mapSeen points nearest to a place, one left out.
func nearestOnMap(points []layout.Point, out int, at layout.Point) []uint32 {
	var distances [mapSeen]float32
	var seen [mapSeen]uint32
	n := 0
	for i, p := range points {
		dx, dy := p.X-at.X, p.Y-at.Y
		d := dx*dx + dy*dy
		if i == out || n == mapSeen && d >= distances[n-1] {
			continue
		}
		at := min(n, mapSeen-1)
		n = min(n+1, mapSeen)
		for ; at > 0 && distances[at-1] > d; at-- {
			distances[at], seen[at] = distances[at-1], seen[at-1]
		}
		distances[at], seen[at] = d, uint32(i)
	}
	return seen[:n:n]
}
