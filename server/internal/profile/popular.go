package profile

import (
	"bytes"
	"context"
	"time"

	"github.com/akin-search/akin/server/internal/store"
)

// Popularity counts the profiles that like or have read a paper, in a period and in the one before.
type Popularity struct{ Recent, Before float64 }

// readWeight is what a paper that was read counts over one that is liked.
const readWeight = .5

// Popular adds up the LIKE and READ events of all profiles of an owner in the period that ends at a time, and in the
// one before, of the same length. A profile counts once a period for a paper: 1 if it likes it, 1/2 if it has read it.
// Events that were undone do not count. It is empty when the period has no such event. It reads every event of the
// owner.
func (p *Profiles) Popular(ctx context.Context, owner string, end time.Time,
	period time.Duration) (map[string]Popularity, error) {
	counts := map[string]Popularity{}
	some := false
	add := func(events []Event) {
		undone := map[string]bool{}
		for i := range events {
			if events[i].Kind == Undo {
				undone[events[i].Undoes] = true
			}
		}
		own := map[string]Popularity{}
		for i := range events {
			e := &events[i]
			if undone[e.ID] || e.Kind != Like && e.Kind != Read || e.Time.After(end) {
				continue
			}
			weight := 1.
			if e.Kind == Read {
				weight = readWeight
			}
			one := own[e.PaperID]
			switch age := end.Sub(e.Time); {
			case age < period:
				one.Recent = max(one.Recent, weight)
				some = true
			case age < 2*period:
				one.Before = max(one.Before, weight)
			}
			own[e.PaperID] = one
		}
		for id, one := range own {
			sum := counts[id]
			sum.Recent, sum.Before = sum.Recent+one.Recent, sum.Before+one.Before
			counts[id] = sum
		}
	}
	prefix := profileKey(owner, "")
	var profile []byte // whose events are gathered
	var events []Event
	for after := []byte(nil); ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows, err := p.store.Records(store.EventTable, prefix, after, 0)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			end := bytes.LastIndexByte(row.Key, 0)
			e, err := DecodeEvent(string(row.Key[end+1:]), row.Value)
			if err != nil {
				return nil, err
			}
			if !bytes.Equal(row.Key[:end], profile) {
				add(events)
				profile, events = bytes.Clone(row.Key[:end]), events[:0]
			}
			events = append(events, e)
		}
		if len(rows) == 0 {
			break
		}
		after = rows[len(rows)-1].Key
	}
	if add(events); !some {
		return nil, nil
	}
	return counts, nil
}
