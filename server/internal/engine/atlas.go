package engine

import (
	"sort"
	"sync/atomic"
	"time"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/slab"
	"github.com/akin-search/akin/server/internal/layout"
)

// A drawing is a map as it was computed, and the words on it. It never changes.
type drawing struct {
	number   uint64    // rises with each drawing of this store
	model    string    // fingerprint of the model whose neighbours it shows
	created  time.Time // when it was computed
	revision uint64    // of the papers that it was drawn from
	low      layout.Point
	unit     float32 // how much of the layout's unit one step of a place is
	levels   [][]layout.Label
}

// plot says where papers lie on a drawing: those that were drawn, and those that were placed beside them since. It
// knows them by the ordinals that they have at a revision, which outlive generations. It never changes.
type plot struct {
	*drawing
	seen     uint64   // the revision
	ordinals []uint64 // rising
	spots    []spot   // of the papers of ordinals
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

// atlas is a drawing, laid over the slots of a generation with the places of all papers that have one. Places are added
// under Engine.atlasMu; reading them takes no lock.
type atlas struct {
	*drawing
	read    *plot       // what is to be laid over a generation; nil: it has been
	gen     *Generation // that it is laid over; nil: none yet
	chunks  slab.Table[*[slotChunk]atomic.Uint32]
	looked  atomic.Uint32 // slots below it are settled, but for those that are pending
	pending []uint32      // slots that the plot lacks and that want a place. Under Engine.atlasMu
	behind  atomic.Bool   // there are some
	placed  int           // slots that have a place. Under Engine.atlasMu
	unsaved int           // of these, about how many the map on disk lacks. Under Engine.atlasMu
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
	if was := a.chunks.Chunks()[slot/slotChunk][slot%slotChunk].Swap(uint32(p)); was == 0 && p != 0 {
		a.placed++
		a.unsaved++
	}
	if slot >= a.looked.Load() {
		a.looked.Store(slot + 1)
	}
}

// Accepts implements index.Accept: the papers that new ones are placed beside.
func (a *atlas) Accepts(slot uint32) bool { return a.at(slot) != 0 }

// Slots implements index.Accept.
func (a *atlas) Slots() index.Listing { return nil }

// Share implements index.Accept.
func (a *atlas) Share() float64 { return float64(a.placed) / float64(max(1, a.gen.slots.len())) }

// over lays a plot over a generation. Both have their papers by rising ordinals, so one pass finds them. Papers that
// the plot lacks are pending, or lie behind looked.
func (p *plot) over(g *Generation) *atlas {
	a := &atlas{drawing: p.drawing, gen: g}
	revision, n := g.revision(), uint32(g.slots.len())
	next := 0
	for slot := uint32(0); slot < n && next < len(p.ordinals); slot++ {
		ordinal := g.slots.row(slot).ordinal
		for next < len(p.ordinals) && p.ordinals[next] < ordinal {
			next++
		}
		a.set(slot, 0)
		if next < len(p.ordinals) && p.ordinals[next] == ordinal {
			a.set(g.slots.carrier(slot), p.spots[next]) // a carrier comes before its versions
		}
	}
	for slot := range a.looked.Load() {
		if _, seen := g.slots.version(slot, revision); seen && a.at(slot) == 0 {
			a.pending = append(a.pending, slot)
		}
	}
	a.behind.Store(len(a.pending) > 0)
	return a
}

// laid is the map, laid over a generation: over the live one for all who ask. What one generation knew is taken over by
// its present ordinals, since the next one has no slots for the past. The caller holds atlasMu, and there is a map.
func (e *Engine) laid(g *Generation) *atlas {
	a := e.atlas.Load()
	if a.gen == g {
		return a
	}
	over := a.known().over(g)
	if a.gen == nil {
		over.unsaved = 0
	}
	if e.live.Load() == g {
		e.atlas.Store(over)
	}
	return over
}

// known is where the papers lie that can be seen, by their present ordinals: those whose text stayed the same, and
// those that came since. The caller holds atlasMu.
func (a *atlas) known() *plot {
	if a.gen == nil {
		return a.read
	}
	seen := a.gen.applied.Load()
	p := &plot{drawing: a.drawing, seen: seen.revision}
	p.ordinals, p.spots = make([]uint64, 0, a.placed), make([]spot, 0, a.placed)
	for slot := range min(a.looked.Load(), seen.slots) {
		if at := a.at(slot); at != 0 {
			p.add(a.gen, slot, at)
		}
	}
	p.sort()
	return p
}

// add notes the place of a slot that holds a text, by the record that is visible, if one is.
func (p *plot) add(g *Generation, slot uint32, at spot) {
	if version, ok := g.slots.version(slot, p.seen); ok {
		p.ordinals = append(p.ordinals, g.slots.row(version).ordinal)
		p.spots = append(p.spots, at)
	}
}

func (p *plot) sort() { sort.Sort((*byOrdinal)(p)) }

// byOrdinal sorts the papers of a plot.
type byOrdinal plot

func (b *byOrdinal) Len() int           { return len(b.ordinals) }
func (b *byOrdinal) Less(i, j int) bool { return b.ordinals[i] < b.ordinals[j] }
func (b *byOrdinal) Swap(i, j int) {
	b.ordinals[i], b.ordinals[j] = b.ordinals[j], b.ordinals[i]
	b.spots[i], b.spots[j] = b.spots[j], b.spots[i]
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
