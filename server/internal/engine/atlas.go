package engine

import (
	"context"
	"slices"
	"sort"
	"sync/atomic"
	"time"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/slab"
	"github.com/akin-search/akin/server/internal/layout"
)

// A drawing is a map as it was computed: places of papers by their ordinals, which outlive generations, and the words
// on it. It never changes.
type drawing struct {
	number   uint64    // rises with each drawing of this store
	model    string    // fingerprint of the model whose neighbours it shows
	created  time.Time // when it was computed
	revision uint64    // of the papers that it was drawn from
	low      layout.Point
	unit     float32  // how much of the layout's unit one step of a place is
	ordinals []uint64 // rising
	spots    []spot   // of the papers of ordinals
	levels   [][]layout.Label
}

// spot is where a paper lies on the map: x in the upper 16 bits, y in the lower ones, both from 1 to 65,535. 0:
// nowhere.
type spot uint32

// mapSide is the largest coordinate of a place.
const mapSide = 1<<16 - 1

func (p spot) x() uint16 { return uint16(p >> 16) }
func (p spot) y() uint16 { return uint16(p) }

// point is a place in steps.
func (p spot) point() layout.Point { return layout.Point{X: float32(p.x()), Y: float32(p.y())} }

// placeOf rounds a point in steps.
func placeOf(p layout.Point) spot {
	round := func(v float32) uint32 { return uint32(min(mapSide, max(1, v+.5))) }
	return spot(round(p.X)<<16 | round(p.Y))
}

// inLayout is where a place lies in the units of the layout.
func (d *drawing) inLayout(p spot) layout.Point {
	return layout.Point{X: d.low.X + (float32(p.x())-1)*d.unit, Y: d.low.Y + (float32(p.y())-1)*d.unit}
}

// atlas is a drawing laid over the slots of a generation, and the places of papers that came since. Places are added
// under Engine.atlasMu; reading them takes no lock.
type atlas struct {
	*drawing
	serial  uint64 // of the generation; 0: not laid over one yet
	chunks  slab.Table[*[slotChunk]atomic.Uint32]
	looked  atomic.Uint32 // slots below it are settled, but for those that are pending
	pending []uint32      // slots that the drawing lacks and that want a place. Under Engine.atlasMu
	behind  atomic.Bool   // there are some
}

// at is the place of a slot that holds a text.
func (a *atlas) at(slot uint32) spot {
	if slot >= a.looked.Load() {
		return 0
	}
	return spot(a.chunks.Chunks()[slot/slotChunk][slot%slotChunk].Load())
}

// set settles the place of the slot behind the last one, or of an earlier one again.
func (a *atlas) set(slot uint32, p spot) {
	for int(slot/slotChunk) >= len(a.chunks.Chunks()) {
		a.chunks.Add(new([slotChunk]atomic.Uint32))
	}
	a.chunks.Chunks()[slot/slotChunk][slot%slotChunk].Store(uint32(p))
	if slot >= a.looked.Load() {
		a.looked.Store(slot + 1)
	}
}

// Accepts implements index.Accept: the papers that new ones are placed beside.
func (a *atlas) Accepts(slot uint32) bool { return a.at(slot) != 0 }

// Slots implements index.Accept.
func (a *atlas) Slots() index.Listing { return nil }

// Share implements index.Accept.
func (a *atlas) Share() float64 { return float64(len(a.ordinals)) / float64(max(1, a.looked.Load())) }

// over lays a drawing over a generation. Both have their papers by rising ordinals, so one pass finds them. Papers that
// the drawing lacks are pending, or lie behind looked.
func (d *drawing) over(g *Generation) *atlas {
	a := &atlas{drawing: d, serial: g.serial}
	n := uint32(g.slots.len())
	next := 0
	for slot := uint32(0); slot < n && next < len(d.ordinals); slot++ {
		ordinal := g.slots.row(slot).ordinal
		for next < len(d.ordinals) && d.ordinals[next] < ordinal {
			next++
		}
		a.set(slot, 0)
		if next < len(d.ordinals) && d.ordinals[next] == ordinal {
			a.set(g.slots.carrier(slot), d.spots[next]) // a carrier comes before its versions
		}
	}
	for slot := range a.looked.Load() {
		if a.at(slot) == 0 && !g.slots.shares(slot) {
			a.pending = append(a.pending, slot)
		}
	}
	a.behind.Store(len(a.pending) > 0)
	return a
}

// settled reports whether every paper of a generation has its place, if there is one for it.
func (a *atlas) settled(g *Generation) bool {
	return a.serial == g.serial && !a.behind.Load() && int(a.looked.Load()) >= g.vectors.Len()
}

// placedAtOnce bounds the papers that one call gives places to: a fifth of a second. Tests shrink it.
var placedAtOnce = 2000

// chart returns the map over a generation, nil while there is none, with the papers that came since placed beside their
// neighbours: up to placedAtOnce of them, the others by later calls. A map of another generation is laid over this one
// first.
func (e *Engine) chart(ctx context.Context, g *Generation) (*atlas, error) {
	if a := e.atlas.Load(); a == nil || a.settled(g) {
		return a, nil
	}
	e.atlasMu.Lock()
	defer e.atlasMu.Unlock()
	a := e.atlas.Load()
	if a.serial != g.serial {
		a = a.drawing.over(g)
		if e.live.Load() == g {
			e.atlas.Store(a)
		}
	}
	for range placedAtOnce {
		slot := a.looked.Load()
		if n := len(a.pending); n > 0 {
			slot = a.pending[n-1]
		} else if int(slot) >= g.vectors.Len() { // the vector of a slot comes last
			break
		}
		if err := a.settle(ctx, g, slot); err != nil {
			return nil, err
		}
		if n := len(a.pending); n > 0 {
			a.pending = a.pending[:n-1]
			a.behind.Store(n > 1)
		}
	}
	return a, nil
}

// placeNewcomers gives places to papers that came since the map was drawn.
func (e *Engine) placeNewcomers() error {
	g := e.live.Load()
	for e.newcomers(g) && e.live.Load() == g {
		if _, err := e.chart(e.background, g); err != nil {
			if e.background.Err() != nil {
				return nil
			}
			return err
		}
	}
	return nil
}

// settle finds a place for a paper beside its neighbours on the map, if it has a vector. The caller holds
// Engine.atlasMu.
func (a *atlas) settle(ctx context.Context, g *Generation, slot uint32) error {
	if g.slots.shares(slot) {
		a.set(slot, 0)
		return nil
	}
	vector := make([]float32, g.model.Dims())
	if err := g.vectors.Vector(slot, vector); err != nil {
		return err
	}
	found, _, err := g.vectors.Search(ctx, &index.Query{Vector: vector, K: layout.PlaceBy, Accept: a}, nil)
	if err != nil {
		return err
	}
	near := make([]layout.Point, len(found))
	for i, c := range found {
		near[i] = a.at(c.Slot).point()
	}
	off := layout.Spiral(int(slot%besides), besides)
	beside := besideUnits / a.unit
	if p, ok := layout.Place(near, layout.Point{X: off.X * beside, Y: off.Y * beside}); ok {
		a.set(slot, placeOf(p))
	} else {
		a.set(slot, 0)
	}
	return nil
}

const (
	besides     = 61  // places around a paper that others are put at
	besideUnits = .35 // how far from it at most, in units of the layout: as far as papers lie from each other
)

// carried is the drawing as a generation knows it now: by the present ordinals of papers whose text stayed the same,
// and with the papers that came since. It is made before the generation is replaced, since the next one has no slots
// for the past.
func (a *atlas) carried(g *Generation) *drawing {
	d := *a.drawing
	d.ordinals, d.spots = nil, nil
	revision := g.revision()
	for slot := range a.looked.Load() {
		if at := a.at(slot); at != 0 {
			d.add(g, revision, slot, at)
		}
	}
	d.sort()
	return &d
}

// add notes the place of a slot that holds a text, by the record that is visible at a revision, if one is.
func (d *drawing) add(g *Generation, revision uint64, slot uint32, at spot) {
	if version, ok := g.slots.version(slot, revision); ok {
		d.ordinals = append(d.ordinals, g.slots.row(version).ordinal)
		d.spots = append(d.spots, at)
	}
}

func (d *drawing) sort() { sort.Sort((*byOrdinal)(d)) }

// byOrdinal sorts the papers of a drawing.
type byOrdinal drawing

func (b *byOrdinal) Len() int           { return len(b.ordinals) }
func (b *byOrdinal) Less(i, j int) bool { return b.ordinals[i] < b.ordinals[j] }
func (b *byOrdinal) Swap(i, j int) {
	b.ordinals[i], b.ordinals[j] = b.ordinals[j], b.ordinals[i]
	b.spots[i], b.spots[j] = b.spots[j], b.spots[i]
}

// carryAtlas notes where papers lie before the next generation takes over: whoever asks for the map then lays it over
// that one.
func (e *Engine) carryAtlas() {
	g := e.live.Load()
	e.atlasMu.Lock()
	defer e.atlasMu.Unlock()
	a := e.atlas.Load()
	if a == nil || g == nil || a.serial != g.serial {
		return
	}
	e.atlas.Store(&atlas{drawing: a.carried(g)})
}

// drawn reports how many papers of a generation were there when the map was drawn, and whether it is of its model.
// Those that it shows may be fewer for good: a large corpus is thinned, and papers without a vector have no place.
func (e *Engine) drawn(g *Generation) (papers int, current bool) {
	a := e.atlas.Load()
	if a == nil {
		return 0, false
	}
	return g.slotsAt(a.revision), a.model == g.model.Fingerprint()
}

// newcomers reports whether there are papers that the map has no place for yet.
func (e *Engine) newcomers(g *Generation) bool {
	a := e.atlas.Load()
	return a != nil && !a.settled(g)
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
