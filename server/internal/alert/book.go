package alert

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/store"
)

// State is a subscription and how it is doing.
type State struct {
	*Subscription
	standing

	Threshold float64 // of kinds that go by nearness; 0 while there is none
	Problem   string
	Cursor    string      // of the last match
	Reports   []SinkState // of Sinks, in their order
}

// Create makes a subscription. It is given without UID, Since and times; the copy that comes back has all of them.
func (a *Alerts) Create(ctx context.Context, s *Subscription) (State, error) {
	s, err := a.complete(s)
	if err != nil {
		return State{}, err
	}
	s.UID = newUID()
	s.Created, s.Updated = a.cfg.Now().UTC(), a.cfg.Now().UTC()
	err = a.change(func(base uint64) error { return a.create(ctx, base, s) })
	if err != nil {
		return State{}, err
	}
	a.Poke()
	return a.Get(ctx, s.Owner, s.ID)
}

// create is one attempt of Create. The caller holds changes.
func (a *Alerts) create(ctx context.Context, base uint64, s *Subscription) error {
	key := nameKey(s.Owner, s.ID)
	a.mu.RLock()
	exists, owned, all := a.byName[string(key)] != nil, a.owned[s.Owner], len(a.byUID)
	a.mu.RUnlock()
	switch {
	case exists:
		return fmt.Errorf("%w: %q", ErrExists, s.ID)
	case owned >= MaxOwned || all >= MaxSubscriptions:
		return fmt.Errorf("%w: %d of one principal, and %d in all", ErrFull, MaxOwned, MaxSubscriptions)
	}
	s.Since = a.engine.Revision() // what is visible now is not new
	st := standing{First: 1, Considered: s.Since, Sends: map[string]sinkStanding{}, Next: s.Schedule.Next(a.cfg.Now())}
	for i := range s.Sinks {
		st.Sends[s.Sinks[i].key()] = sinkStanding{}
	}
	row, standingRow := encode(s), encode(&st)
	if s.Kind.Nearness() { // a text without words is refused
		if _, _, err := a.threshold(ctx, &entry{sub: s}, s); err != nil {
			return err
		}
	}
	return a.store(base, s, row, standingRow)
}

// Get returns a subscription of an owner.
func (a *Alerts) Get(ctx context.Context, owner, id string) (State, error) {
	e, err := a.find(owner, id)
	if err != nil {
		return State{}, err
	}
	return a.state(ctx, e)
}

func (a *Alerts) find(owner, id string) (*entry, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	e := a.byName[string(nameKey(owner, id))]
	if e == nil {
		return nil, fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	return e, nil
}

// listToken begins the tokens of List before they are encoded.
const listToken = "subscriptions:"

// ListToken is the token of the page behind a subscription.
func ListToken(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(listToken + id)) }

// List returns up to size subscriptions of an owner in ascending byte order of ids, and the token of the page behind
// them; empty when there is none.
func (a *Alerts) List(ctx context.Context, owner, token string, size int) ([]State, string, error) {
	after := ""
	if token != "" {
		plain, err := base64.RawURLEncoding.DecodeString(token)
		var ours bool
		if after, ours = strings.CutPrefix(string(plain), listToken); err != nil || !ours {
			return nil, "", fmt.Errorf("%w: it is of another list", engine.ErrInvalidPageToken)
		}
	}
	prefix := nameKey(owner, "")
	from := prefix
	if after != "" {
		from = nameKey(owner, after)
	}
	rows, err := a.engine.Records(store.SubscriptionTable, prefix, from, size)
	if err != nil {
		return nil, "", err
	}
	var out []State
	for _, r := range rows {
		a.mu.RLock()
		e := a.byName[string(r.Key)]
		a.mu.RUnlock()
		if e == nil {
			continue // deleted since
		}
		s, err := a.state(ctx, e)
		if err != nil {
			return nil, "", err
		}
		out = append(out, s)
	}
	if len(rows) < size {
		return out, "", nil
	}
	return out, ListToken(string(rows[len(rows)-1].Key[len(prefix):])), nil
}

// Update changes a subscription: change is given a copy, whose UID, owner, id, Since and times it leaves alone.
func (a *Alerts) Update(ctx context.Context, owner, id string, change func(s *Subscription) error) (State, error) {
	err := a.change(func(base uint64) error { return a.update(ctx, base, owner, id, change) })
	if err != nil {
		return State{}, err
	}
	a.Poke()
	return a.Get(ctx, owner, id)
}

// update is one attempt of Update. The caller holds changes.
func (a *Alerts) update(ctx context.Context, base uint64, owner, id string, change func(s *Subscription) error) error {
	e, err := a.find(owner, id)
	if err != nil {
		return err
	}
	a.mu.RLock()
	before, st := e.sub, e.standing.clone()
	a.mu.RUnlock()
	next := *before
	if err := change(&next); err != nil {
		return err
	}
	s, err := a.complete(&next)
	if err != nil {
		return err
	}
	s.Updated = a.cfg.Now().UTC()
	sinks := make(map[string]sinkStanding, len(s.Sinks))
	for i := range s.Sinks {
		key := s.Sinks[i].key()
		one, known := st.Sends[key]
		if !known {
			one.Through = st.Head // only what comes
		}
		sinks[key] = one
	}
	st.Sends = sinks
	if s.Schedule != before.Schedule {
		st.Next = s.Schedule.Next(a.cfg.Now())
	}
	if !s.Schedule.Periodic() {
		st.Released = st.Head
	}
	if s.Kind.Ranked() && !before.Kind.Ranked() {
		st.Considered = a.engine.Revision()
	}
	row, standingRow := encode(s), encode(&st)
	if s.Kind.Nearness() {
		if _, _, err := a.threshold(ctx, &entry{sub: s}, s); err != nil {
			return err
		}
	}
	return a.store(base, s, row, standingRow)
}

// Delete removes a subscription. Its matches and marks are removed in the background.
func (a *Alerts) Delete(owner, id string) error {
	return a.change(func(base uint64) error {
		e, err := a.find(owner, id)
		if err != nil {
			return err
		}
		a.mu.RLock()
		uid := e.sub.UID
		a.mu.RUnlock()
		_, err = a.commit(base, 256, func(tx *store.RecordTx) error {
			tx.Delete(store.SubscriptionTable, nameKey(owner, id))
			tx.Delete(store.StandingTable, uid[:])
			return tx.Put(store.AlertTable, goneKey(uid), nil)
		})
		return err
	})
}

// store puts a subscription on disk, with the questions to its mailboxes. The caller holds changes.
func (a *Alerts) store(base uint64, s *Subscription, row, standingRow []byte) error {
	_, err := a.commit(base, len(row)+len(standingRow)+1024, func(tx *store.RecordTx) error {
		if err := a.ask(s, tx, a.cfg.Now()); err != nil {
			return err
		}
		return errors.Join(tx.Put(store.SubscriptionTable, nameKey(s.Owner, s.ID), row),
			tx.Put(store.StandingTable, s.UID[:], standingRow))
	})
	return err
}

// complete fills in defaults and what a caller may not choose, in a copy.
func (a *Alerts) complete(given *Subscription) (*Subscription, error) {
	s := *given
	if err := s.compile(); err != nil {
		return nil, err
	}
	if s.Schedule.Every == 0 {
		s.Schedule.Every = AtOnce
	}
	s.Sinks = append([]Sink(nil), s.Sinks...)
	for i := range s.Sinks {
		if err := a.prepareSink(&s.Sinks[i]); err != nil {
			return nil, err
		}
	}
	return &s, nil
}

// state describes an entry.
func (a *Alerts) state(ctx context.Context, e *entry) (State, error) {
	a.mu.RLock()
	s := State{Subscription: e.sub, standing: e.standing, Problem: e.problem}
	a.mu.RUnlock()
	if _, known := a.cfg.Filter(s.Owner); !known {
		s.Problem = "its principal is not known any more: nothing is matched or sent"
	}
	if s.Subscription.Kind.Nearness() {
		var err error
		var problem string
		if s.Threshold, problem, err = a.threshold(ctx, e, s.Subscription); err != nil {
			return s, err
		}
		s.Problem = cmp.Or(s.Problem, problem)
	}
	cursor, err := a.cursorOf(s.UID, s.Head)
	if err != nil {
		return s, err
	}
	s.Cursor = cursor
	s.Reports = a.sinkStates(&s)
	return s, nil
}
