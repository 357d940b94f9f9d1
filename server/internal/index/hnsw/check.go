package hnsw

import (
	"bytes"
	"fmt"
	"slices"
)

// Check implements index.Searcher. It verifies codes, every link, chains, and that every node is reachable from the
// entry unless insertions are still to be verified by the next repair.
func (x *Index) Check() error {
	x.catchup.Lock()
	defer x.catchup.Unlock()
	if err := x.codes.Check(); err != nil {
		return err
	}
	b := new(builder)
	graphed := uint32(x.graphed.Load())
	b.look(x)
	if int(graphed) > b.view.N {
		return fmt.Errorf("hnsw: %d slots in the graph of %d", graphed, b.view.N)
	}
	for slot := range graphed {
		for level := 0; level <= x.levelOf(&b.view, &b.tables, slot); level++ {
			if err := x.checkList(&b.walker, slot, level, graphed); err != nil {
				return fmt.Errorf("hnsw: %w", err)
			}
		}
	}
	if err := x.checkChains(b); err != nil {
		return err
	}
	if strays := x.strays(b); len(strays) > 0 && x.unproven == 0 {
		return fmt.Errorf("hnsw: %d nodes cannot be reached, the first is slot %d", len(strays), strays[0])
	}
	return nil
}

// checkChains verifies that chains run forward through equal coarse codes and hold every chained slot once.
func (x *Index) checkChains(b *builder) error {
	followers, marked := 0, 0
	for slot := range uint32(b.view.N) {
		if b.tables.isChained(slot) {
			marked++
		}
		next := b.tables.behind(slot)
		if next == none || int(next) >= b.view.N {
			continue
		}
		followers++
		switch {
		case next <= slot:
			return fmt.Errorf("hnsw: slot %d is followed by %d", slot, next)
		case !b.tables.isChained(next):
			return fmt.Errorf("hnsw: slot %d follows %d and is a node", next, slot)
		case !bytes.Equal(b.view.Row(slot), b.view.Row(next)):
			return fmt.Errorf("hnsw: slots %d and %d are chained and differ", slot, next)
		}
	}
	if followers != marked {
		return fmt.Errorf("hnsw: %d slots follow another, %d are marked so", followers, marked)
	}
	return nil
}

// checkList verifies one list: dense, without repetition, and every link to another node of the graph that has the
// layer.
func (x *Index) checkList(w *walker, slot uint32, level int, graphed uint32) error {
	list := x.graph.list(&w.tables, slot, level)
	n := length(list)
	if n > 0 && !x.isNode(&w.view, &w.tables, slot) {
		return fmt.Errorf("slot %d is no node and has links", slot)
	}
	for i, link := range list {
		switch {
		case i >= n && link != none:
			return fmt.Errorf("slot %d, layer %d: link %d behind an empty one", slot, level, i)
		case i >= n:
		case link >= graphed || link == slot:
			return fmt.Errorf("slot %d, layer %d: link to %d among %d slots", slot, level, link, graphed)
		case !x.isNode(&w.view, &w.tables, link) || x.levelOf(&w.view, &w.tables, link) < level:
			return fmt.Errorf("slot %d, layer %d: link to %d, which is not there", slot, level, link)
		case slices.Contains(list[:i], link):
			return fmt.Errorf("slot %d, layer %d: two links to %d", slot, level, link)
		}
	}
	return nil
}
