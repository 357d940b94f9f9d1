package hnsw

import (
	"math"
	"slices"
)

// beam holds the candidates of a walk, best first: the two queues of the paper in one sorted array. An entry is a word
// that sorts as it should: the score's bits in an order-preserving form, then the complement of the slot, then two
// flags. Widths are some hundreds, where moving the tail of an array costs less than keeping two heaps.
//
// The walk ends when no entry is left to expand, or none above the floor, if there is one (see stopBelow). Entries that
// may not be hits (rejected) guide the walk but do not count against the width, so a filtered walk goes on until it
// holds width accepted entries that nothing reachable beats.
type beam struct {
	entries  []uint64
	width    int // accepted entries kept
	limit    int // entries kept in all
	accepted int
	cursor   int // entries before it are expanded

	k, rank      int     // accepted entries asked for, and the one of them that the floor follows; 0: no floor
	edge         int     // the index of the rank-th accepted entry, -1 while there are not k
	slack, noise float32 // what the floor leaves between itself and that entry
	floor        float32 // entries below it are not worth expanding; below any cosine while there are not k
}

// lowest is below any cosine.
const lowest = -2

const (
	expanded = 1 << 0
	rejected = 1 << 1
	slotBits = 2
)

// reset empties the beam.
func (b *beam) reset(width, limit int) {
	b.entries = b.entries[:0]
	b.width, b.limit = width, limit
	b.accepted, b.cursor = 0, 0
	b.k, b.rank, b.edge, b.floor = 0, 0, -1, lowest
}

// stopBelow gives a beam that has just been reset a floor that rises with its rank-th best accepted entry, once it has
// k, at least rank and at most the width: entries farther away than (1+slack) times its distance (1 - cosine), and by
// noise more than that, lead nowhere. This is the rule of Al-Jazzazi and others ("Distance Adaptive Beam Search for
// Provably Accurate Graph-Based Nearest Neighbor Search", arXiv 2505.15636), where it replaces the width. noise is how
// far scores may be off: while the rank-th best cannot be told from others, the walk goes on until the beam is full.
func (b *beam) stopBelow(k, rank int, slack, noise float32) {
	b.k, b.rank, b.slack, b.noise = k, rank, slack, noise
}

func entryOf(slot uint32, score float32) uint64 {
	bits := math.Float32bits(score)
	bits ^= uint32(int32(bits)>>31) | 1<<31
	return uint64(bits)<<32 | uint64(MaxSlots-1-slot)<<slotBits
}

func entrySlot(e uint64) uint32 { return MaxSlots - 1 - uint32(e)>>slotBits }

func entryScore(e uint64) float32 {
	bits := uint32(e >> 32)
	bits ^= ^uint32(int32(bits)>>31) | 1<<31
	return math.Float32frombits(bits)
}

// full reports whether an entry must beat bar to get in.
func (b *beam) full() bool { return b.accepted == b.width || len(b.entries) == b.limit }

// bar is the score that a new entry must exceed.
func (b *beam) bar() float32 {
	if !b.full() {
		return b.floor
	}
	return max(b.floor, entryScore(b.entries[len(b.entries)-1]))
}

// merge adds entries, which it sorts; when the beam is full its last entries leave.
func (b *beam) merge(fresh []uint64) {
	if len(fresh) == 0 {
		return
	}
	slices.Sort(fresh)
	old := len(b.entries)
	edge, ahead := b.ahead(fresh)
	entries := slices.Grow(b.entries, len(fresh))[:old+len(fresh)]
	for i, e := range fresh { // the worst first, so that every entry moves once, to where it stays
		shift := len(fresh) - i
		for old > 0 && entries[old-1] < e {
			old--
			entries[old+shift] = entries[old]
		}
		entries[old+shift-1] = e
		if e&rejected == 0 {
			b.accepted++
		}
	}
	b.entries = entries
	b.cursor = min(b.cursor, old)
	if b.k > 0 && b.accepted >= b.k {
		b.follow(edge, ahead)
	}
	b.trim()
	if b.edge >= 0 && b.accepted < b.k { // of so many rejected ones that the limit left no room for k
		b.edge, b.floor = -1, lowest
	}
}

// ahead returns where the entry at the edge will be when fresh ones have come, and how many of these are accepted and
// come before it: the rank-th accepted one is so many accepted entries before that place then.
func (b *beam) ahead(fresh []uint64) (at, accepted int) {
	if b.edge < 0 {
		return 0, 0
	}
	at = b.edge
	for _, e := range fresh {
		if e > b.entries[b.edge] {
			at++
			if e&rejected == 0 {
				accepted++
			}
		}
	}
	return at, accepted
}

// follow sets the floor behind the rank-th accepted entry, which is so many accepted entries before at, or was not
// followed yet.
func (b *beam) follow(at, accepted int) {
	if b.edge < 0 {
		at, accepted = -1, -b.rank
		for accepted < 0 {
			if at++; b.entries[at]&rejected == 0 {
				accepted++
			}
		}
	}
	for accepted > 0 {
		if at--; b.entries[at]&rejected == 0 {
			accepted--
		}
	}
	b.edge = at
	worst := entryScore(b.entries[at])
	b.floor = worst - b.slack*(1-worst) - b.noise
}

// trim takes from the end what the beam has no room for, and rejected entries behind the last of width accepted ones,
// which lead nowhere better.
func (b *beam) trim() {
	last := len(b.entries)
	for ; last > b.limit || b.accepted >= b.width; last-- {
		switch {
		case b.entries[last-1]&rejected != 0:
		case last > b.limit || b.accepted > b.width:
			b.accepted--
		default:
			b.entries = b.entries[:last]
			return
		}
	}
	b.entries = b.entries[:last]
}

// next returns the best entry not expanded yet and marks it, unless it lies below the floor.
func (b *beam) next() (slot uint32, ok bool) {
	for b.cursor < len(b.entries) {
		e := &b.entries[b.cursor]
		b.cursor++
		if *e&expanded == 0 {
			if entryScore(*e) < b.floor {
				return 0, false
			}
			*e |= expanded
			return entrySlot(*e), true
		}
	}
	return 0, false
}
