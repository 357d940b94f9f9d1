package engine

import "time"

// Superseded records are kept for page tokens, which pin the revision of their first page: for pinFor after a later
// revision replaced it, or for the last pinRevisions, whichever is less. So they take at most some 150 MB of the store.
// Variables, so that tests shrink them.
var (
	pinFor       = time.Minute
	pinRevisions = uint64(100_000)
)

// moment says which revision was visible at a time.
type moment struct {
	at       time.Time
	revision uint64
}

// history is what was visible of late, oldest first. It is a value.
type history []moment

// note adds what is visible now, and forgets what is too old to matter. It notes at most one moment a tick.
func (h history) note(now time.Time, revision uint64) history {
	if n := len(h); n == 0 || revision > h[n-1].revision && now.Sub(h[n-1].at) >= min(tickEvery, pinFor)/2 {
		h = append(h, moment{now, revision})
	}
	old := 0
	for old+1 < len(h) && h[old+1].forgotten(now, revision) {
		old++
	}
	return h[old:]
}

// forgotten reports whether no page has a claim to what was replaced by a moment.
func (m moment) forgotten(now time.Time, revision uint64) bool {
	return now.Sub(m.at) >= pinFor || m.revision+pinRevisions <= revision
}

// kept is the oldest revision that a page token may pin.
func (h history) kept(now time.Time) uint64 {
	revision := h[len(h)-1].revision
	kept := uint64(0)
	for _, m := range h {
		if m.forgotten(now, revision) {
			kept = m.revision
		}
	}
	return kept
}
