package engine

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/akin-search/akin/server/internal/profile"
)

// A profile may have seen 100,000 papers, and looking so many ids up in the store takes a tenth of a second. So where
// the papers of a profile stand is kept from call to call: a slot stays a paper's as long as it is alive, so that only
// those are looked up again whose slot has died, and those that were not stored, once something has been written
// since.

// seenSlots is where the papers that a profile has seen stand in a generation. It does not change once it is shared.
type seenSlots struct {
	profile  *profile.Profile // whose Seen it follows
	serial   uint64           // of the generation
	revision uint64           // that it was looked up at
	slots    []uint32         // by place in profile.Seen: what carries the paper, or unstored

	hidden []uint32      // ascending: those not to be recommended
	rest   time.Duration // that hidden is for
	until  time.Time     // when the next paper that was shown has rested
}

// seenCache keeps seenSlots of the profiles that were asked for, up to about a number of bytes. The zero value is
// ready.
type seenCache struct {
	mu    sync.Mutex
	kept  map[string]*seenSlots
	bytes int
}

// seenBytes bounds the cache: when it is full, it begins anew.
const seenBytes = 64 << 20

func (c *seenCache) get(key string) *seenSlots {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept[key]
}

func (c *seenCache) put(key string, s *seenSlots) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.kept[key]; old != nil {
		c.bytes -= old.size()
	}
	if c.bytes += s.size(); c.bytes > seenBytes || c.kept == nil {
		c.kept, c.bytes = map[string]*seenSlots{}, s.size()
	}
	c.kept[key] = s
}

func (s *seenSlots) size() int { return 256 + 4*(len(s.slots)+len(s.hidden)) }

// seen is what is known for a profile in a generation before anything is looked up.
func (c *seenCache) seen(key string, p *profile.Profile, g *Generation) *seenSlots {
	if s := c.get(key); s != nil && s.profile == p && s.serial == g.serial {
		return s
	}
	s := &seenSlots{profile: p, serial: g.serial, revision: math.MaxUint64, slots: make([]uint32, len(p.Seen))}
	for i := range s.slots {
		s.slots[i] = unstored
	}
	return s
}

// pending are the places whose papers are to be looked up before the slots hold in a view.
func (s *seenSlots) pending(v *view) (places []int) {
	for i, slot := range s.slots {
		switch {
		case slot == unstored:
			if s.revision == v.revision {
				continue
			}
		case slot < v.slots:
			if _, alive := v.gen.slots.version(slot, v.revision); alive {
				continue
			}
		}
		places = append(places, i)
	}
	return places
}

// found is s with the slots of some places, as a view has them.
func (s *seenSlots) found(v *view, places []int, slots []uint32) *seenSlots {
	if len(places) == 0 && s.revision == v.revision {
		return s
	}
	next := *s
	next.revision = v.revision
	if len(places) > 0 {
		next.slots, next.hidden = slices.Clone(s.slots), nil
		for i, place := range places {
			next.slots[place] = slots[i]
		}
	}
	return &next
}

// resting is s with what is not to be recommended at a time: papers that were read, and those shown less than rest ago.
func (s *seenSlots) resting(now time.Time, rest time.Duration) *seenSlots {
	if s.hidden != nil && s.rest == rest && now.Before(s.until) {
		return s
	}
	next := *s
	next.rest, next.until = rest, now.Add(time.Hour)
	next.hidden = make([]uint32, 0, len(s.slots))
	for i := range s.profile.Seen {
		seen := &s.profile.Seen[i]
		if !seen.Read {
			again := seen.Time.Add(rest)
			if !now.Before(again) {
				continue
			}
			if again.Before(next.until) {
				next.until = again
			}
		}
		if s.slots[i] != unstored {
			next.hidden = append(next.hidden, s.slots[i])
		}
	}
	slices.Sort(next.hidden)
	return &next
}
