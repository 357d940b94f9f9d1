package profile

import "time"

// Kind is what an event says about its paper.
type Kind uint8

// The kinds of events. Their numbers are stored.
const (
	Like          Kind = iota + 1
	Dislike            // never recommended, and what is nearer to it than to every like counts less
	NotInterested      // a dislike at half the weight
	Read               // never recommended again
	Shown              // not recommended again for some time
	Undo               // takes the event named by Undoes back
)

// Valid reports whether k is one of the kinds.
func (k Kind) Valid() bool { return k >= Like && k <= Undo }

func (k Kind) String() string {
	if !k.Valid() {
		return "unknown"
	}
	return [...]string{"", "like", "dislike", "not interested", "read", "shown", "undo"}[k]
}

// Event is one thing said about one paper.
type Event struct {
	ID      string // unique in its profile: 1 to 128 bytes
	Kind    Kind
	PaperID string    // of all kinds but Undo
	Undoes  string    // of Undo: the id of the event to take back
	Time    time.Time // when it happened
	Weight  float64   // of preferences, above 0; 0: 1
}

// Limits of a profile. What is beyond them stays stored and does not count: the newest do.
const (
	MaxLikes    = 5_000
	MaxDislikes = 5_000   // dislikes and papers of no interest together
	MaxSeen     = 100_000 // papers read or shown
	MaxEvents   = 250_000 // stored; recording more is refused
)

// notInterestedWeight is what a paper of no interest weighs over a dislike.
const notInterestedWeight = .5
