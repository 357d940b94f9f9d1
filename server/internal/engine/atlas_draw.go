package engine

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/layout"
)

const (
	mapNeighbours = 15      // of each paper, from which the map is drawn
	mapBatch      = 256     // papers whose neighbours are asked for at a time
	mapRound      = 8       // batches of a worker before the number of workers is asked for again
	drawnMax      = 200_000 // papers that are drawn; the others are placed beside them. It bounds time and memory: 100 MB
)

// draw computes the map of the live generation and puts it in place. It gives up without an error when another
// generation takes over. No one waits for it: it works on what is there, and its result is one pointer.
func (e *Engine) draw() error {
	g := e.live.Load()
	ctx, cancel := context.WithCancel(e.background)
	defer cancel()
	defer context.AfterFunc(g.serving, cancel)()
	begin := time.Now()
	d, err := e.drawingOf(ctx, g)
	if g.serving.Err() != nil || e.background.Err() != nil {
		return nil
	}
	if err != nil || d == nil {
		return err
	}
	e.putAtlas(g, d)
	e.log.Info("a map is drawn", "papers", len(d.ordinals), "model", d.model, "took",
		time.Since(begin).Round(time.Millisecond))
	return e.writeAtlas(d, g.revision())
}

// putAtlas puts a drawing in place, laid over the generation that it was made of.
func (e *Engine) putAtlas(g *Generation, d *drawing) {
	e.atlasMu.Lock()
	defer e.atlasMu.Unlock()
	e.atlas.Store(d.over(g))
}

// drawingOf computes a map: it begins with the one there is. Nil: there are no papers to show.
func (e *Engine) drawingOf(ctx context.Context, g *Generation) (*drawing, error) {
	revision := g.revision()
	slots, err := g.trueSlots(revision, drawnMax)
	if err != nil || len(slots) < drawFrom {
		return nil, err
	}
	near, err := e.neighbourhood(ctx, g, slots)
	if err != nil {
		return nil, err
	}
	if err := e.at(PointMapNeighbours); err != nil {
		return nil, err
	}
	before, err := e.chart(ctx, g)
	if err != nil {
		return nil, err
	}
	start, was, err := e.beginning(ctx, g, slots, near, before)
	if err != nil {
		return nil, err
	}
	points, err := layout.Compute(ctx, near, start, layout.Options{Settled: was != nil, Workers: e.drawWorkers})
	if err != nil {
		return nil, err
	}
	if was != nil {
		layout.Align(points, was)
	}
	d := &drawing{number: 1, model: g.model.Fingerprint(), created: e.now()}
	if before != nil {
		d.number = before.number + 1
	}
	steps := d.take(g, revision, slots, points)
	d.levels, err = e.legend(ctx, g, slots, steps)
	return d, err
}

// take rounds the points of slots to places, and returns them in steps.
func (d *drawing) take(g *Generation, revision uint64, slots []uint32, points []layout.Point) []layout.Point {
	low, high := points[0], points[0]
	for _, p := range points {
		low.X, low.Y = min(low.X, p.X), min(low.Y, p.Y)
		high.X, high.Y = max(high.X, p.X), max(high.Y, p.Y)
	}
	d.low = low
	d.unit = max(high.X-low.X, high.Y-low.Y, 1e-3) / (mapSide - 1)
	steps := make([]layout.Point, len(slots))
	for i, slot := range slots {
		at := placeOf(layout.Point{X: 1 + (points[i].X-low.X)/d.unit, Y: 1 + (points[i].Y-low.Y)/d.unit})
		steps[i] = at.point()
		d.add(g, revision, slot, at)
	}
	d.sort()
	return steps
}

// drawWorkers is how many goroutines draw: as many as build a graph, and one while a model is being learnt.
func (e *Engine) drawWorkers() int {
	if e.training.Load() {
		return 1
	}
	return e.linkWorkers()
}

// neighbourhood finds the nearest of each of some slots among them, by their places in the list.
func (e *Engine) neighbourhood(ctx context.Context, g *Generation, slots []uint32) (layout.Neighbours, error) {
	among := &chosen{at: make([]uint32, g.slots.len()), share: float64(len(slots)) / float64(g.slots.len())}
	for i, slot := range slots {
		among.at[slot] = uint32(i) + 1
	}
	near := layout.Neighbours{K: mapNeighbours, Lists: make([]uint32, mapNeighbours*len(slots))}
	var next atomic.Int64
	batches := (len(slots) + mapBatch - 1) / mapBatch
	var failed atomic.Pointer[error]
	for int(next.Load()) < batches && failed.Load() == nil {
		var wg sync.WaitGroup
		for range max(1, e.drawWorkers()) {
			wg.Go(func() {
				for range mapRound {
					from := mapBatch * (int(next.Add(1)) - 1)
					if from >= len(slots) {
						return
					}
					to := min(from+mapBatch, len(slots))
					if err := g.nearest(ctx, among, slots[from:to], near.Lists[from*mapNeighbours:to*mapNeighbours]); err != nil {
						failed.Store(&err)
						return
					}
					runtime.Gosched()
				}
			})
		}
		wg.Wait()
	}
	if err := failed.Load(); err != nil {
		return near, *err
	}
	return near, nil
}

// chosen accepts the slots that are drawn.
type chosen struct {
	at    []uint32 // by slot: its place in the list and 1; 0: not drawn
	share float64
}

// Accepts implements index.Accept.
func (c *chosen) Accepts(slot uint32) bool { return int(slot) < len(c.at) && c.at[slot] != 0 }

// Slots implements index.Accept.
func (c *chosen) Slots() index.Listing { return nil }

// Share implements index.Accept.
func (c *chosen) Share() float64 { return c.share }

// nearest writes the neighbours of some slots, mapNeighbours each.
func (g *Generation) nearest(ctx context.Context, among *chosen, slots, lists []uint32) error {
	var accept index.Accept
	if among.share < 1 {
		accept = among
	}
	d := g.model.Dims()
	vectors := make([]float32, len(slots)*d)
	queries := make([]*index.Query, len(slots))
	for i, slot := range slots {
		v := vectors[i*d : (i+1)*d]
		if err := g.vectors.Vector(slot, v); err != nil {
			return err
		}
		queries[i] = &index.Query{Vector: v, K: mapNeighbours + 1, Accept: accept}
	}
	found, reports := make([][]index.Candidate, len(slots)), make([]index.Report, len(slots))
	if err := g.vectors.SearchBatch(ctx, queries, found, reports); err != nil {
		return err
	}
	for i, slot := range slots {
		list := lists[i*mapNeighbours : (i+1)*mapNeighbours]
		n := 0
		for _, c := range found[i] {
			if c.Slot != slot && n < mapNeighbours && among.Accepts(c.Slot) {
				list[n] = among.at[c.Slot] - 1
				n++
			}
		}
		for ; n < mapNeighbours; n++ {
			list[n] = layout.None
		}
	}
	return nil
}

// beginning is where a drawing begins: at the map before, if that has most of the papers, and else at their principal
// components. was tells where papers lay; nil: the map begins anew.
func (e *Engine) beginning(ctx context.Context, g *Generation, slots []uint32, near layout.Neighbours, before *atlas) (
	start []layout.Point, was func(i int) (layout.Point, bool), err error,
) {
	known := 0
	if before != nil {
		was = func(i int) (layout.Point, bool) {
			p := before.at(slots[i])
			return before.inLayout(p), p != 0
		}
		for i := range slots {
			if _, ok := was(i); ok {
				known++
			}
		}
	}
	if 2*known < len(slots) || before == nil {
		start, err = layout.Principal(ctx, len(slots), g.model.Dims(), func(i int, dst []float32) error {
			return g.vectors.Vector(slots[i], dst)
		})
		return start, nil, err
	}
	start = make([]layout.Point, len(slots))
	for i := range slots {
		p, ok := was(i)
		if !ok {
			p = besideKnown(near.Lists[i*near.K:(i+1)*near.K], was)
		}
		start[i] = p
	}
	return start, was, nil
}

// besideKnown is a place beside the first neighbours that have one.
func besideKnown(list []uint32, was func(i int) (layout.Point, bool)) layout.Point {
	var places []layout.Point
	for _, j := range list {
		if j == layout.None || len(places) == layout.PlaceBy {
			break
		}
		if p, ok := was(int(j)); ok {
			places = append(places, p)
		}
	}
	p, _ := layout.Place(places, layout.Point{})
	return p
}
