package alert

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/store"
)

// What is in memory follows what is on disk: every change of records, of this node or of another one of its cluster, is
// taken in by absorb, in the order of the commits, and by nothing else. A change that stands on records which another
// node has changed meanwhile is refused, and looked at again.

// change calls fn with the version of records that is in memory, until its changes do not meet those of another node.
// changes is held meanwhile.
func (a *Alerts) change(fn func(base uint64) error) error {
	a.changes.Lock()
	defer a.changes.Unlock()
	for {
		err := fn(a.present())
		if !errors.Is(err, engine.ErrRecordsChanged) {
			return err
		}
		if a.ctx.Err() != nil {
			return ErrClosed
		}
	}
}

// present is the version of records that is in memory.
func (a *Alerts) present() uint64 {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.version
}

// commit changes records that are at a version, and returns the version that this leads to. The caller holds changes.
// Alone it takes its time, whatever becomes of the call: half a call is worse. In a cluster, where it may wait for
// other nodes, it ends with the alerts, and is made or not made as a whole.
func (a *Alerts) commit(base uint64, weight int, fn func(tx *store.RecordTx) error) (uint64, error) {
	ctx := a.ctx
	if a.cfg.Leads == nil {
		ctx = context.WithoutCancel(ctx)
	}
	return a.engine.UpdateRecords(ctx, base, int64(weight), fn)
}

// absorb takes changes of records into memory.
func (a *Alerts) absorb(version uint64, changes []store.Change) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.version = version
	for i := range changes {
		if err := a.absorbOne(&changes[i]); err != nil {
			a.log.Error("a record of alerts cannot be read: it counts from the next start", "table", changes[i].Table,
				"error", err)
		}
	}
	for i := range changes { // the subscriptions of all are known by now
		c := &changes[i]
		if c.Table != store.StandingTable || c.Value == nil || len(c.Key) != len(UID{}) {
			continue
		}
		e := a.byUID[UID(c.Key)]
		if e == nil {
			continue
		}
		var st standing
		if err := json.Unmarshal(c.Value, &st); err != nil {
			a.log.Error("the standing of a subscription cannot be read", "subscription", e.sub.ID, "error", err)
			continue
		}
		e.publish(st)
	}
}

// absorbOne takes in one change but those of standings. The caller holds mu.
func (a *Alerts) absorbOne(c *store.Change) error {
	switch c.Table {
	case store.SubscriptionTable:
		if c.Value == nil {
			a.drop(string(c.Key))
			return nil
		}
		s, err := decodeSubscription(c.Value)
		if err != nil {
			return err
		}
		a.take(s)
	case store.DeliveryTable:
		if c.Value == nil {
			delete(a.outbox, string(c.Key))
			return nil
		}
		d := &delivery{key: string(c.Key)}
		if err := json.Unmarshal(c.Value, d); err != nil {
			return err
		}
		a.outbox[d.key] = d
	case store.AddressTable:
		var box mailbox
		if err := json.Unmarshal(c.Value, &box); err != nil {
			return err
		}
		a.mailboxes[string(c.Key)] = box
	case store.AlertTable:
		switch {
		case string(c.Key) == string(cursorKey) && len(c.Value) == 8:
			a.stored = binary.BigEndian.Uint64(c.Value)
			a.cursor.Store(a.stored)
		case len(c.Key) == len(gonePrefix)+len(UID{}) && c.Value != nil:
			signal(a.sweep)
		}
	}
	return nil
}

// take puts a new subscription, or another version of one, in its place. The caller holds mu.
func (a *Alerts) take(s *Subscription) {
	if e := a.byUID[s.UID]; e != nil {
		before := e.sub
		e.sub, e.problem = s, ""
		a.noteFeeds(before, e)
		return
	}
	a.enter(&entry{sub: s, changed: make(chan struct{})})
	for { // a matcher that did not know it may have gone past what it asks for
		at := a.cursor.Load()
		if at <= max(a.stored, s.Since) || a.cursor.CompareAndSwap(at, max(a.stored, s.Since)) {
			return
		}
	}
}

// drop takes a subscription away that was deleted. The caller holds mu.
func (a *Alerts) drop(name string) {
	e := a.byName[name]
	if e == nil {
		return
	}
	delete(a.byName, name)
	delete(a.byUID, e.sub.UID)
	if a.owned[e.sub.Owner]--; a.owned[e.sub.Owner] == 0 {
		delete(a.owned, e.sub.Owner)
	}
	e.gone = true
	a.noteFeeds(e.sub, e)
	e.wake()
}

// leadPoll is how often a node that does not lead looks whether it does.
const leadPoll = 250 * time.Millisecond

// leads reports whether this node matches and sends.
func (a *Alerts) leads() bool { return a.cfg.Leads == nil || a.cfg.Leads() }

// awaitLead returns true once this node matches and sends, after a call of anew where it did not, and false when the
// alerts close.
func (a *Alerts) awaitLead(anew func()) bool {
	if a.leads() {
		return true
	}
	for !a.leads() {
		if !pause(a.ctx, leadPoll) {
			return false
		}
	}
	anew()
	return true
}
