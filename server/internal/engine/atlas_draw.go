package engine

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/layout"
)

const (
	mapNeighbours = 15      // of each paper, from which the map is drawn
	mapBatch      = 256     // papers whose neighbours are asked for at a time
	mapEf         = 32      // width of the walk for them, among the papers that are drawn: a map is no answer
	mapRest       = 3       // times as long as it worked the work for a map rests while queries run
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
	p, err := e.drawingOf(e.politely(ctx), g)
	if g.serving.Err() != nil || e.background.Err() != nil {
		return nil
	}
	if err != nil || p == nil {
		return err
	}
	e.putAtlas(g, p)
	e.log.Info("a map is drawn", "papers", len(p.ordinals), "model", p.model, "took",
		time.Since(begin).Round(time.Millisecond))
	return e.keepAtlas()
}

// putAtlas puts a map in place, laid over the generation that it was made of.
func (e *Engine) putAtlas(g *Generation, p *plot) {
	e.atlasMu.Lock()
	defer e.atlasMu.Unlock()
	e.atlas.Store(p.over(g))
}

// drawingOf computes a map: it begins with the one there is. Nil: there are too few papers to show, which the
// generation remembers.
func (e *Engine) drawingOf(ctx context.Context, g *Generation) (*plot, error) {
	revision := g.revision()
	slots, err := g.trueSlots(revision, drawnMax)
	if err != nil {
		return nil, err
	}
	if len(slots) < drawFrom {
		g.undrawn.Store(revision + 1)
		return nil, nil
	}
	workers := e.courteous(ctx)
	near, err := e.neighbourhood(ctx, g, slots, workers)
	if err != nil {
		return nil, err
	}
	if err := e.at(PointMapNeighbours); err != nil {
		return nil, err
	}
	before, err := e.chart(ctx, g, 0)
	if err != nil {
		return nil, err
	}
	start, was, err := e.beginning(ctx, g, slots, near, before)
	if err != nil {
		return nil, err
	}
	points, err := layout.Compute(ctx, near, start, layout.Options{Settled: was != nil, Workers: workers,
		Pause: e.cfg.GiveWay})
	if err != nil {
		return nil, err
	}
	if was != nil {
		layout.Align(points, was)
	}
	d := &drawing{number: 1, model: g.model.Fingerprint(), created: e.now(), revision: revision}
	if before != nil {
		d.number = before.number + 1
	}
	p := &plot{drawing: d, seen: revision}
	steps := p.take(g, slots, points)
	d.levels, err = e.legend(ctx, g, slots, steps)
	return p, err
}

// take rounds the points of slots to places, and returns them in steps.
func (p *plot) take(g *Generation, slots []uint32, points []layout.Point) []layout.Point {
	low, high := points[0], points[0]
	for _, at := range points {
		low.X, low.Y = min(low.X, at.X), min(low.Y, at.Y)
		high.X, high.Y = max(high.X, at.X), max(high.Y, at.Y)
	}
	p.low = low
	p.unit = max(high.X-low.X, high.Y-low.Y, 1e-3) / (mapSide - 1)
	steps := make([]layout.Point, len(slots))
	for i, slot := range slots {
		at := placeOf(layout.Point{X: 1 + (points[i].X-low.X)/p.unit, Y: 1 + (points[i].Y-low.Y)/p.unit})
		steps[i] = at.point()
		p.add(g, slot, at)
	}
	p.sort()
	return steps
}

// trueSlots lists the slots that hold texts with a vector and that can be seen at a revision, evenly thinned to a
// number of them at most.
func (g *Generation) trueSlots(revision uint64, most int) ([]uint32, error) {
	var slots []uint32
	vector := make([]float32, g.model.Dims())
	for slot := range uint32(g.slots.len()) {
		if _, ok := g.slots.version(slot, revision); !ok || g.slots.row(slot).born > revision {
			continue
		}
		if err := g.vectors.Vector(slot, vector); err != nil {
			return nil, err
		}
		if length(vector) > 0 {
			slots = append(slots, slot)
		}
	}
	if n := len(slots); n > most {
		for i := range most {
			slots[i] = slots[i*n/most]
		}
		slots = slots[:most]
	}
	return slices.Clip(slots), nil
}

// courteous returns a function to be called between two steps of work for the map, by one goroutine. It says how many
// goroutines draw: as many as build a graph, and one while a model is being learnt. If a query runs, or ran meanwhile,
// it first rests for mapRest times as long as the step took: nobody waits for a map.
func (e *Engine) courteous(ctx context.Context) (workers func() int) {
	begin, begun := time.Now(), e.readers.begun()
	return func() int {
		if e.readers.running() > 0 || e.readers.begun() != begun {
			select {
			case <-time.After(mapRest * time.Since(begin)):
			case <-ctx.Done():
			}
		}
		begin, begun = time.Now(), e.readers.begun()
		if e.training.Load() {
			return 1
		}
		return e.linkWorkers()
	}
}

// neighbourhood finds the nearest of each of some slots among them, by their places in the list.
func (e *Engine) neighbourhood(
	ctx context.Context, g *Generation, slots []uint32, workers func() int,
) (layout.Neighbours, error) {
	among := &chosen{at: make([]uint32, g.slots.len()), share: float64(len(slots)) / float64(g.slots.len())}
	for i, slot := range slots {
		among.at[slot] = uint32(i) + 1
	}
	near := layout.Neighbours{K: mapNeighbours, Lists: make([]uint32, mapNeighbours*len(slots))}
	for from := 0; from < len(slots); {
		var batches errgroup.Group
		for n := max(1, workers()); n > 0 && from < len(slots); n-- {
			first, last := from, min(from+mapBatch, len(slots))
			from = last
			batches.Go(func() error {
				return g.nearest(ctx, among, slots[first:last], near.Lists[first*mapNeighbours:last*mapNeighbours])
			})
		}
		if err := batches.Wait(); err != nil {
			return near, err
		}
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
		queries[i] = &index.Query{Vector: v, K: mapNeighbours + 1, Ef: mapEf, Accept: accept}
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
