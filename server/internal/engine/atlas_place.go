package engine

import (
	"context"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/layout"
)

// Papers that no drawing has, because they came later or since only drawnMax are drawn, are placed beside their
// neighbours that have places. Their places are kept with the drawing, so that a start finds nothing to do.

// placedAtOnce bounds the papers that are placed while someone waits for the map: a fifth of a second. Tests shrink it.
var placedAtOnce = 2000

const (
	placeBatch  = 64      // papers that the background places while it holds atlasMu: some milliseconds
	besides     = 61      // places around a paper that others are put at
	besideUnits = .35     // how far from it at most, in units of the layout: as far as papers lie from each other
	depthLeast  = 16      // nearest papers that are looked at for some that have places
	depthMost   = 48      // of these at most
	nearEnough  = 4       // of those with places, for which no other search is made; fewer leave no choice among them
	keepShare   = 1. / 16 // of the places that the map on disk may lack: a crash costs placing so many again
)

// settled reports whether every paper of its generation has its place, if there is one for it.
func (a *atlas) settled() bool {
	return !a.behind.Load() && int(a.looked.Load()) >= a.gen.vectors.Len()
}

// placeable reports whether papers are placed now: a search scans the vectors that wait for the graph, so many of these
// come first.
func (g *Generation) placeable() bool { return g.tailLength() < drawTail }

// serves reports whether the map, nil while there is none, is as good as it can be now.
func (a *atlas) serves(g *Generation) bool {
	return a == nil || a.gen == g && (a.settled() || !g.placeable())
}

// newcomers reports whether the map is to be laid over a generation, or to give papers places.
func (e *Engine) newcomers(g *Generation) bool { return !e.atlas.Load().serves(g) }

// chart returns the map over a generation, nil while there is none, with papers that lack a place placed beside their
// neighbours: up to a number of them, the others by later calls.
func (e *Engine) chart(ctx context.Context, g *Generation, most int) (*atlas, error) {
	if a := e.atlas.Load(); a.serves(g) {
		return a, nil
	}
	e.atlasMu.Lock()
	defer e.atlasMu.Unlock()
	a := e.laid(g)
	p := placer{atlas: a, vector: make([]float32, g.model.Dims())}
	for ; most > 0 && g.placeable(); most-- {
		slot := a.looked.Load()
		if n := len(a.pending); n > 0 {
			slot = a.pending[n-1]
		} else if int(slot) >= g.vectors.Len() { // the vector of a slot comes last
			break
		}
		if err := p.settle(ctx, slot); err != nil {
			return nil, err
		}
		if n := len(a.pending); n > 0 {
			a.pending = a.pending[:n-1]
			a.behind.Store(n > 1)
		}
	}
	return a, nil
}

// placeNewcomers gives places to the papers that there are now, batch by batch, and keeps the map if that is worth it.
func (e *Engine) placeNewcomers() error {
	g := e.live.Load()
	ctx, rest := e.politely(e.background), e.courteous(e.background)
	for until := g.vectors.Len(); e.newcomers(g) && e.live.Load() == g; rest() {
		a, err := e.chart(e.background, g, placeBatch)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if !a.behind.Load() && int(a.looked.Load()) >= until {
			break
		}
	}
	if e.unkept() > keepShare {
		return e.keepAtlas()
	}
	return nil
}

// placer finds places for the papers of an atlas. Its owner holds Engine.atlasMu.
type placer struct {
	*atlas
	vector []float32
	found  []index.Candidate
	near   []layout.Point
}

// settle gives a slot its place, if it holds a text that can be seen and has a vector.
func (p *placer) settle(ctx context.Context, slot uint32) error {
	g := p.gen
	if _, seen := g.slots.version(slot, g.revision()); !seen {
		p.set(slot, 0)
		return nil
	}
	if err := g.vectors.Vector(slot, p.vector); err != nil {
		return err
	}
	if err := p.look(ctx); err != nil {
		return err
	}
	off := layout.Spiral(int(slot%besides), besides)
	beside := besideUnits / p.unit
	if at, ok := layout.Place(p.near, layout.Point{X: off.X * beside, Y: off.Y * beside}); ok {
		p.set(slot, placeOf(at))
	} else {
		p.set(slot, 0)
	}
	return nil
}

// look finds the places of the nearest papers that have one. Among so many papers that a number of them can be expected
// to have one, a search for the nearest of all is much cheaper than one for those with places, and finds these.
func (p *placer) look(ctx context.Context) error {
	depth := depthMost
	if share := p.Share(); share > 0 {
		depth = int(min(depthMost, max(depthLeast, 2*layout.PlaceBy/share)))
	}
	err := p.nearest(ctx, &index.Query{Vector: p.vector, K: depth, Ef: max(depth, mapEf)})
	if err != nil || len(p.near) >= nearEnough || len(p.found) == 0 {
		return err
	}
	return p.nearest(ctx, &index.Query{Vector: p.vector, K: layout.PlaceBy, Ef: mapEf, Accept: p})
}

// nearest takes the places of the first papers that a search finds and that have one.
func (p *placer) nearest(ctx context.Context, q *index.Query) (err error) {
	p.near = p.near[:0]
	p.found, _, err = p.gen.vectors.Search(ctx, q, p.found[:0])
	for _, c := range p.found {
		if at := p.at(c.Slot); at != 0 && len(p.near) < layout.PlaceBy {
			p.near = append(p.near, at.point())
		}
	}
	return err
}
