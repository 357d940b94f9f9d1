package engine

import (
	"context"
	"sync"

	"github.com/akin-search/akin/server/internal/paper"
)

// corpus reads papers from the store for a training, each when it is asked for, so that the texts of a large corpus
// never stand in memory together.
type corpus struct {
	engine   *Engine
	ordinals []uint64 // of the papers that were live at the start
	err      firstError
}

// corpus lists the papers to learn from.
func (e *Engine) corpus(ctx context.Context) (*corpus, error) {
	c := &corpus{engine: e}
	g := e.live.Load()
	revision := g.revision()
	for slot := range uint32(g.slots.len()) {
		if row := g.slots.row(slot); row.visible(revision) {
			c.ordinals = append(c.ordinals, row.ordinal)
		}
	}
	return c, ctx.Err()
}

func (c *corpus) Len() int { return len(c.ordinals) }

// Document returns the texts of a paper, empty when it was removed since the start. It may be called from many
// goroutines.
func (c *corpus) Document(i int) (title, abstract string) {
	papers, err := c.engine.store.Papers(c.ordinals[i:i+1], true, make([]*paper.Paper, 0, 1))
	if err != nil {
		c.err.set(storeError(err))
		return "", ""
	}
	if papers[0] == nil {
		return "", ""
	}
	return papers[0].Title, papers[0].Abstract
}

// firstError keeps the first error of many goroutines.
type firstError struct {
	mu  sync.Mutex
	err error
}

func (f *firstError) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *firstError) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
