package engine

import (
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"
)

// previous is the generation that the live one replaced. Page tokens of its revisions are answered from it for pinFor
// after the swap, or until the next generation is built, which needs its memory.
type previous struct {
	gen   *Generation
	until time.Time
}

// keepPrevious notes what is replaced. Only the applier calls it, before the next generation serves.
func (e *Engine) keepPrevious(g *Generation) {
	e.previous.Store(&previous{g, time.Now().Add(pinFor)})
}

// dropPrevious forgets the replaced generation. Its memory is garbage as soon as the queries that began by now have
// ended.
func (e *Engine) dropPrevious() {
	if e.previous.Swap(nil) != nil {
		e.retired.Store(e.readers.advance(e.live.Load().revision()))
	}
}

// expirePrevious forgets it when its time is over.
func (e *Engine) expirePrevious(now time.Time) {
	if p := e.previous.Load(); p != nil && !now.Before(p.until) {
		e.dropPrevious()
	}
}

// fits reports whether a generation can answer a page.
func (g *Generation) fits(p page) bool {
	return p.model == xxhash.Sum64String(g.model.Fingerprint()) && g.base <= p.revision && p.revision <= g.revision()
}

// lookAt is look for one page of a request: at the generation that its first page came from, if that can still answer.
func (e *Engine) lookAt(token string, request uint64) (func() *view, error) {
	if token == "" {
		return e.look, nil
	}
	p, err := decodePage(token, request)
	if err != nil {
		return nil, err
	}
	g := e.live.Load()
	if !g.fits(p) {
		// Replaced before this call, if at all: whoever replaces a generation keeps it first.
		if old := e.previous.Load(); old != nil && old.gen.fits(p) {
			g = old.gen
		}
	}
	return func() *view {
		m := g.applied.Load()
		return &view{gen: g, revision: m.revision, slots: m.slots, replaced: e.live.Load() != g}
	}, nil
}

// errChangedSince: a paper that a page's request names has changed since the first page.
var errChangedSince = fmt.Errorf("%w: a paper that the search names was written since the first page; search again",
	ErrPageExpired)
