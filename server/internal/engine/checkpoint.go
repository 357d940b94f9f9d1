package engine

import (
	"context"
	"github.com/akin-search/akin/embed"
	"sort"
)

func (e *Engine) loadCheckpoint(context.Context) (*Generation, *embed.Model) { return nil, nil }
func (e *Engine) writeCheckpoint(context.Context) error                      { return nil }
func (e *Engine) trimLog(through uint64) error {
	e.logMu.Lock()
	defer e.logMu.Unlock()
	return storeError(e.store.TrimLog(min(through, e.buildFrom)))
}
func (e *Engine) diskBytes() int64 { return 0 }
func (g *Generation) slotsAt(revision uint64) int {
	return sort.Search(g.slots.len(), func(i int) bool { return g.slots.row(uint32(i)).born > revision })
}
