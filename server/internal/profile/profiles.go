package profile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/akin-search/akin/server/internal/store"
)

// Errors about profiles.
var (
	// ErrNotFound: a profile has no events.
	ErrNotFound = errors.New("profile not found")
	// ErrFull: a profile has MaxEvents events.
	ErrFull = errors.New("profile full")
)

// Profiles are those of one store. Methods may be called from many goroutines at once.
type Profiles struct {
	store *store.Store
	now   func() time.Time
	cache *cache

	// A deletion takes several commits, and holds the stripe of its profile meanwhile; whoever records holds those of its
	// profiles shared, in rising order.
	seed    maphash.Seed
	stripes [64]sync.RWMutex
}

// Open finishes deletions that an earlier process began. now tells the time of recording.
func Open(ctx context.Context, s *store.Store, now func() time.Time) (*Profiles, error) {
	p := &Profiles{store: s, now: now, cache: newCache(cacheBytes), seed: maphash.MakeSeed()}
	for {
		begun, err := s.Records(store.DeletionTable, nil, nil, 0)
		if err != nil || len(begun) == 0 {
			return p, err
		}
		for _, d := range begun {
			if err := p.removeEvents(ctx, d.Key); err != nil {
				return nil, err
			}
		}
	}
}

// Owned is an event and the id of the profile it is for.
type Owned struct {
	Profile string
	Event
}

// Record stores events of an owner's profiles, all or none, durably, and returns how many are new: those whose id their
// profile has change nothing. An event without a time gets that of recording.
func (p *Profiles) Record(ctx context.Context, owner string, events []Owned) (recorded int, err error) {
	keys := make([][]byte, len(events))
	weight := int64(0)
	for i := range events {
		keys[i] = profileKey(owner, events[i].Profile)
		weight += int64(len(keys[i])+len(events[i].ID)+len(events[i].PaperID)) + 256
	}
	defer p.share(keys)()
	// The function runs on the committer and may outlive this call: what it counts is its own.
	done := make(chan int, 1)
	now := p.now().UTC()
	err = p.store.UpdateRecords(ctx, weight, func(tx *store.RecordTx) error {
		n, err := p.Put(tx, owner, events, now)
		if err == nil {
			done <- n
		}
		return err
	})
	p.Changed(owner, events)
	if err != nil {
		return 0, err
	}
	return <-done, nil
}

// Put is Record within a transaction, for a caller who keeps recording and deletion of a profile apart and calls
// Changed when the transaction is durable.
func (p *Profiles) Put(tx *store.RecordTx, owner string, events []Owned, now time.Time) (recorded int, err error) {
	for i := range events {
		is, err := record(tx, profileKey(owner, events[i].Profile), events[i].Event, now)
		if err != nil {
			return 0, fmt.Errorf("profile %q: %w", events[i].Profile, err)
		}
		if is {
			recorded++
		}
	}
	return recorded, nil
}

// Changed forgets what is remembered of the profiles of some events.
func (p *Profiles) Changed(owner string, events []Owned) {
	for i := range events {
		p.cache.drop(string(profileKey(owner, events[i].Profile)))
	}
}

// record stores one event, and reports whether it is new.
func record(tx *store.RecordTx, profile []byte, e Event, now time.Time) (bool, error) {
	key := eventKey(profile, e.ID)
	if before, err := tx.Get(store.EventTable, key); err != nil || before != nil {
		return false, err
	}
	row, err := tx.Get(store.ProfileTable, profile)
	if err != nil {
		return false, err
	}
	summary := Summary{Created: now}
	if row != nil {
		if summary, err = decodeSummary("", row); err != nil {
			return false, err
		}
	}
	if summary.Events >= MaxEvents {
		return false, fmt.Errorf("%w: it has %d events, which is the most: delete it, or go on under another id", ErrFull,
			MaxEvents)
	}
	summary.Events++
	summary.Updated = now
	if e.Time.IsZero() {
		e.Time = now
	}
	if err := tx.Put(store.EventTable, key, e.Encode()); err != nil {
		return false, err
	}
	return true, tx.Put(store.ProfileTable, profile, summary.encode())
}

// Get returns a profile; one without events is empty.
func (p *Profiles) Get(ctx context.Context, owner, id string) (*Profile, error) {
	key := profileKey(owner, id)
	if found := p.cache.get(string(key)); found != nil {
		return found, nil
	}
	version := p.cache.version(string(key))
	var events []Event
	for after := ""; ; {
		page, err := p.Events(owner, id, after, 0)
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(page) == 0 {
			break
		}
		events = append(events, page...)
		after = page[len(page)-1].ID
	}
	found := Fold(events)
	p.cache.put(string(key), version, found)
	return found, nil
}

// Events returns up to limit events of a profile (at most, and for 0, 1,000) in ascending byte order of ids above
// after.
func (p *Profiles) Events(owner, id, after string, limit int) ([]Event, error) {
	prefix := eventPrefix(profileKey(owner, id))
	from := prefix
	if after != "" {
		from = append(bytes.Clone(prefix), after...)
	}
	rows, err := p.store.Records(store.EventTable, prefix, from, limit)
	if err != nil {
		return nil, err
	}
	events := make([]Event, 0, len(rows))
	for _, row := range rows {
		e, err := DecodeEvent(string(row.Key[len(prefix):]), row.Value)
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// List returns up to limit profiles of an owner (at most, and for 0, 1,000) in ascending byte order of ids above after.
func (p *Profiles) List(owner, after string, limit int) ([]Summary, error) {
	prefix := profileKey(owner, "")
	from := prefix
	if after != "" {
		from = profileKey(owner, after)
	}
	rows, err := p.store.Records(store.ProfileTable, prefix, from, limit)
	if err != nil {
		return nil, err
	}
	out := make([]Summary, 0, len(rows))
	for _, row := range rows {
		s, err := decodeSummary(string(row.Key[len(prefix):]), row.Value)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// Delete removes a profile with all its events. ErrNotFound when it has none.
func (p *Profiles) Delete(ctx context.Context, owner, id string) error {
	key := profileKey(owner, id)
	stripe := &p.stripes[p.stripe(key)]
	stripe.Lock()
	defer stripe.Unlock()
	defer p.cache.drop(string(key))
	err := p.store.UpdateRecords(ctx, int64(len(key)), func(tx *store.RecordTx) error {
		row, err := tx.Get(store.ProfileTable, key)
		if err != nil {
			return err
		}
		if row == nil {
			return fmt.Errorf("%w: %q", ErrNotFound, id)
		}
		tx.Delete(store.ProfileTable, key)
		return tx.Put(store.DeletionTable, key, nil)
	})
	if err != nil {
		return err
	}
	// From here on the profile is gone for good: whoever gives up leaves half of its events to nobody, and the next start
	// would finish. Finishing now is quicker than explaining.
	return p.removeEvents(context.WithoutCancel(ctx), key)
}

// removeEvents removes the events of a profile that is marked for deletion, and the mark.
func (p *Profiles) removeEvents(ctx context.Context, key []byte) error {
	const chunk = 1000 // rows a commit: others wait for milliseconds
	for {
		rows, err := p.store.Records(store.EventTable, eventPrefix(key), nil, chunk)
		if err != nil {
			return err
		}
		err = p.store.UpdateRecords(ctx, int64(len(rows)*64), func(tx *store.RecordTx) error {
			for _, row := range rows {
				tx.Delete(store.EventTable, row.Key)
			}
			if len(rows) < chunk {
				tx.Delete(store.DeletionTable, key)
			}
			return nil
		})
		if err != nil || len(rows) < chunk {
			return err
		}
	}
}

func (p *Profiles) stripe(key []byte) int {
	return int(maphash.Bytes(p.seed, key) % uint64(len(p.stripes)))
}

// share locks the stripes of profiles against deletions, and returns what unlocks them.
func (p *Profiles) share(keys [][]byte) (unlock func()) {
	var stripes []int
	for _, key := range keys {
		stripes = append(stripes, p.stripe(key))
	}
	slices.Sort(stripes)
	stripes = slices.Compact(stripes)
	for _, i := range stripes {
		p.stripes[i].RLock()
	}
	return func() {
		for _, i := range stripes {
			p.stripes[i].RUnlock()
		}
	}
}
