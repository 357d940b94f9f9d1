package engine

import (
	"context"
	"fmt"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// holdsContent reports whether a generation that was brought up to the store's revision holds exactly the store's
// papers, by the digest of both. Nothing is written meanwhile.
func (e *Engine) holdsContent(g *Generation) error {
	if have, want := g.content(), e.store.Content(); have != want {
		return fmt.Errorf("its papers have the digest %016x, and those of the store %016x", have, want)
	}
	return nil
}

// content is the digest of what is visible at the generation's revision, as Store.Content has it of what is stored.
func (g *Generation) content() uint64 {
	revision, sum := g.revision(), uint64(0)
	for slot := range uint32(g.slots.len()) {
		if row := g.slots.row(slot); row.visible(revision) {
			sum += store.VersionDigest(row.ordinal, row.born)
		}
	}
	return sum
}

// leastAlike is the least cosine of a paper's vector with its stored one, which is held at 8 bits a number at the
// least.
const leastAlike = .98

// checkContent analyses and embeds stored papers anew, and holds what comes out against what the generation has in
// their slots. Nothing may be appended meanwhile.
func (e *Engine) checkContent(ctx context.Context, g *Generation, found []store.IDOrdinal) error {
	ordinals := make([]uint64, len(found))
	for i := range found {
		ordinals[i] = found[i].Ordinal
	}
	papers, err := e.store.Papers(ordinals, true, make([]*paper.Paper, 0, len(found)))
	if err != nil {
		return storeError(err)
	}
	items, err := e.prepare(ctx, g.model, papers)
	if err != nil {
		return err
	}
	var cosine [1]float32
	for i, it := range items {
		slot, ok := g.slots.find(ordinals[i])
		if !ok {
			return fmt.Errorf("generation: paper %q of the store has no slot", found[i].ID)
		}
		carrier := g.slots.carrier(slot)
		if it.shared = true; !g.sameText(carrier, it) {
			return fmt.Errorf("generation: the words of paper %q are not those of its text", found[i].ID)
		}
		if it.zero() {
			continue
		}
		if err := g.vectors.Scores(it.vector, []uint32{carrier}, cosine[:]); err != nil {
			return fmt.Errorf("index: %w", err)
		}
		if cosine[0] < leastAlike {
			return fmt.Errorf("index: the vector of paper %q has a cosine of %.3f with that of its text", found[i].ID, cosine[0])
		}
	}
	return nil
}

// zero reports whether an item has the zero vector: no word of it counts.
func (it *item) zero() bool {
	for _, x := range it.vector {
		if x != 0 {
			return false
		}
	}
	return true
}
