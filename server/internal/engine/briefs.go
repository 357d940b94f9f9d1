package engine

import (
	"sync/atomic"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// briefs keeps in memory what most answers show of a paper, its id and title, by the ordinal of its record: a record
// never changes, so what is kept is never wrong, and whether a paper may be seen is the view's to say. A record has one
// place, which it shares with those a multiple of briefPlaces later. Any number of goroutines use it at once.
type briefs struct {
	places [briefPlaces]atomic.Pointer[brief]
}

type brief struct {
	ordinal uint64
	store.Brief
}

const (
	// briefPlaces is how many papers are kept: about 17 MB of an abstract's usual title, 1 MB of it places.
	briefPlaces = 1 << 17
	// briefBytes is the longest id and title that are kept, together. It bounds the whole by 80 MB.
	briefBytes = 512
)

func (b *briefs) get(ordinal uint64) *brief {
	if kept := b.places[ordinal%briefPlaces].Load(); kept != nil && kept.ordinal == ordinal {
		return kept
	}
	return nil
}

func (b *briefs) put(ordinal uint64, text store.Brief) {
	if len(text.ID)+len(text.Title) <= briefBytes {
		b.places[ordinal%briefPlaces].Store(&brief{ordinal, text})
	}
}

// briefPapers appends papers with ids and titles alone to dst, nil where there is none any more.
func (e *Engine) briefPapers(r *ranker, ordinals []uint64, dst []*paper.Paper) ([]*paper.Paper, error) {
	papers := make([]paper.Paper, len(ordinals)) // one piece of memory for all
	r.missing = r.missing[:0]
	for i, ordinal := range ordinals {
		if kept := e.briefs.get(ordinal); kept != nil {
			papers[i].ID, papers[i].Title = kept.ID, kept.Title
		} else {
			r.missing = append(r.missing, ordinal)
		}
		dst = append(dst, &papers[i])
	}
	if len(r.missing) == 0 {
		return dst, nil
	}
	read, err := e.store.Briefs(r.missing, r.read[:0])
	r.read = read
	if err != nil {
		return nil, err
	}
	for i, p := range dst[len(dst)-len(ordinals):] {
		if p.ID != "" {
			continue
		}
		text := read[0]
		read = read[1:]
		if text.ID == "" {
			dst[len(dst)-len(ordinals)+i] = nil
			continue
		}
		p.ID, p.Title = text.ID, text.Title
		e.briefs.put(ordinals[i], text)
	}
	clear(r.read)
	return dst, nil
}
