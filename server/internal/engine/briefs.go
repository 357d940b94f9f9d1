package engine

import (
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// briefs keeps in memory what most answers show of a paper, its id and title, by the ordinal of its record: a record
// never changes, so what is kept is never wrong, and whether a paper may be seen is the view's to say. Successive
// records stand on one shelf, and are read from the store together: that costs as much as reading a few one by one, and
// the memory has no pointers to each. A shelf has one place, which it shares with those a multiple of briefShelves
// later. Any number of goroutines use it at once.
type briefs struct {
	places [briefShelves]atomic.Pointer[shelf]
}

const (
	// briefShelves is how many shelves there are: of a million papers, about 95 MB of abstracts' usual titles.
	briefShelves = 1 << 15
	shelfPapers  = 32
	// briefBytes is the longest id and title that are kept, together. It bounds the whole by 270 MB.
	briefBytes = 256
	// crowded is how many misses of a shelf there must be, on average, for it to take another's place: where there are
	// more papers than places, reading one record alone costs less.
	crowded = 8
)

// shelf is the ids and titles of successive records, as far as there are any. It is never changed.
type shelf struct {
	first   uint64              // ordinal of the first one
	settled bool                // later records are known of: nothing can be added any more
	titles  [shelfPapers]uint16 // where in text each title begins
	ends    [shelfPapers]uint16 // and ends, which is where the next id begins
	text    string              // id, title, id, title
}

func (b *briefs) place(ordinal uint64) *atomic.Pointer[shelf] {
	return &b.places[ordinal/shelfPapers%briefShelves]
}

// get returns the brief of a record; without an id where it is not kept.
func (b *briefs) get(ordinal uint64) (kept store.Brief) {
	s := b.place(ordinal).Load()
	if s == nil || s.first != ordinal-ordinal%shelfPapers {
		return kept
	}
	i, begin := ordinal%shelfPapers, uint16(0)
	if i > 0 {
		begin = s.ends[i-1]
	}
	return store.Brief{ID: s.text[begin:s.titles[i]], Title: s.text[s.titles[i]:s.ends[i]]}
}

// wants reports whether the shelf of a record that is not kept should be read.
func (b *briefs) wants(ordinal uint64) bool {
	s := b.place(ordinal).Load()
	switch {
	case s == nil:
		return true
	case s.first == ordinal-ordinal%shelfPapers:
		return !s.settled
	default:
		return rand.N(crowded) == 0
	}
}

// newShelf makes the shelf of records from an ordinal on. settled: there are later ones.
func newShelf(first uint64, records []store.Brief, settled bool) *shelf {
	s := &shelf{first: first, settled: settled}
	var text strings.Builder
	for i := range s.ends {
		kept := i < len(records) && len(records[i].ID)+len(records[i].Title) <= briefBytes
		if kept {
			text.WriteString(records[i].ID)
		}
		s.titles[i] = uint16(text.Len())
		if kept {
			text.WriteString(records[i].Title)
		}
		s.ends[i] = uint16(text.Len())
	}
	s.text = text.String()
	return s
}

// shelve reads the shelf of a record, if it can be read: what is wrong is told by reading the record alone.
func (e *Engine) shelve(r *ranker, ordinal uint64) {
	first := ordinal - ordinal%shelfPapers
	read, later, err := e.store.BriefsFrom(first, shelfPapers, r.read[:0])
	if r.read = read; err == nil {
		e.briefs.place(ordinal).Store(newShelf(first, read, later))
	}
}

// briefPapers appends papers with ids and titles alone to dst, nil where there is none any more.
func (e *Engine) briefPapers(r *ranker, ordinals []uint64, dst []*paper.Paper) ([]*paper.Paper, error) {
	papers := make([]paper.Paper, len(ordinals)) // one piece of memory for all
	for i, ordinal := range ordinals {
		brief := e.briefs.get(ordinal)
		if brief.ID == "" && e.briefs.wants(ordinal) {
			e.shelve(r, ordinal)
			brief = e.briefs.get(ordinal)
		}
		if brief.ID == "" {
			read, err := e.store.Briefs(ordinals[i:i+1], r.read[:0])
			if r.read = read; err != nil {
				return nil, err
			}
			brief = read[0]
		}
		if brief.ID == "" {
			dst = append(dst, nil)
			continue
		}
		// The texts lie here and there, and are read when the answer is encoded, all one after the other.
		vector.Prefetch(unsafe.Pointer(unsafe.StringData(brief.ID)), (len(brief.ID)+len(brief.Title))/64+1)
		papers[i].ID, papers[i].Title = brief.ID, brief.Title
		dst = append(dst, &papers[i])
	}
	clear(r.read)
	return dst, nil
}
