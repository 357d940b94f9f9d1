package alert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/store"
)

// What is tried how often, and for how long.
const (
	partMatches  = 200         // of one subscription in one delivery
	mostMatches  = 500         // of one delivery
	mailRest     = time.Minute // between two mails to one mailbox
	firstBackoff = time.Minute // before the second attempt; each further wait is twice as long
	longBackoff  = time.Hour   // at most
	sendTimeout  = 30 * time.Second
	senders      = 8 // deliveries at a time

	// KeepMail is how long a mail that cannot be delivered is tried. Then its matches are dropped.
	KeepMail = 7 * 24 * time.Hour
	// KeepWebhook is how long a webhook may fail. Then it is disabled, and what waits for it is dropped.
	KeepWebhook = 5 * 24 * time.Hour
)

// delivery is a row: what is under way to one place. Its parts stay what they are until it has arrived or is given up,
// so that every attempt sends the same, under the same id.
type delivery struct {
	ID       string // of 32 hex digits
	Kind     SinkKind
	Owner    string
	Target   string    // mailbox, or uid and URL of a webhook
	Confirm  bool      `json:",omitempty"` // asks whether the mailbox wants mail; it has no parts
	Parts    []part    `json:",omitempty"`
	Attempts int       `json:",omitempty"`
	First    time.Time `json:",omitzero"` // attempt
	Next     time.Time `json:",omitzero"` // attempt

	key     string // of the row
	running bool   // under mu
}

// part is a run of matches of one subscription.
type part struct {
	UID           UID
	Sink          string // Sink.key
	From, Through uint64 // numbers above From, up to Through
}

// permanent is a refusal that another attempt does not mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

func deliveryKey(kind SinkKind, owner, target string, confirm bool) string {
	if confirm {
		return "confirm\x00" + owner + "\x00" + target
	}
	return kind.String() + "\x00" + owner + "\x00" + target
}

// loadOutbox reads what was under way when the last process ended.
func (a *Alerts) loadOutbox() error {
	return a.each(store.DeliveryTable, nil, func(r store.Record) error {
		d := &delivery{}
		if err := json.Unmarshal(r.Value, d); err != nil {
			return fmt.Errorf("a row of deliveries: %w", err)
		}
		d.key = string(r.Key)
		a.outbox[d.key] = d
		return nil
	})
}

// collectDue notes deliveries of what may be sent and is not under way yet, and returns when the next may be noted.
func (a *Alerts) collectDue(now time.Time) (next time.Time, err error) {
	base := a.present()
	waiting := map[string]*delivery{} // by key
	var order []string
	for _, e := range a.snapshot() {
		a.mu.RLock()
		sub, st, gone := e.sub, e.standing, e.gone
		a.mu.RUnlock()
		if gone || sub.Paused || len(sub.Sinks) == 0 {
			continue
		}
		if _, known := a.cfg.Filter(sub.Owner); !known {
			continue
		}
		for i := range sub.Sinks {
			sink := &sub.Sinks[i]
			at := st.Sends[sink.key()]
			if sink.Kind == Feed || at.Disabled || at.Unsubscribed || at.Through >= st.Released {
				continue
			}
			target := sink.Address
			if sink.Kind == Webhook {
				target = sub.UID.String() + " " + sink.URL
			} else {
				ready, when := a.mailboxReady(sub.Owner, sink.Address, now)
				if !ready {
					if !when.IsZero() && (next.IsZero() || when.Before(next)) {
						next = when
					}
					continue
				}
			}
			key := deliveryKey(sink.Kind, sub.Owner, target, false)
			a.mu.RLock()
			underWay := a.outbox[key] != nil
			a.mu.RUnlock()
			if underWay {
				continue
			}
			d := waiting[key]
			if d == nil {
				d = &delivery{Kind: sink.Kind, Owner: sub.Owner, Target: target, key: key}
				waiting[key] = d
				order = append(order, key)
			}
			if room := mostMatches - d.size(); room > 0 {
				d.Parts = append(d.Parts, part{sub.UID, sink.key(), at.Through, at.Through + min(st.Released-at.Through,
					partMatches, uint64(room))})
			}
		}
	}
	const run, most = 500, 5000 // rows and their parts, a commit
	for len(order) > 0 {
		var noted []*delivery
		for parts := 0; len(order) > 0 && len(noted) < run && parts < most; order = order[1:] {
			d := waiting[order[0]]
			noted, parts = append(noted, d), parts+len(d.Parts)
		}
		if base, err = a.note(base, noted); err != nil {
			return next, err
		}
	}
	return next, nil
}

func (d *delivery) size() int {
	n := 0
	for _, p := range d.Parts {
		n += int(p.Through - p.From)
	}
	return n
}

// note puts deliveries on disk, which were found at a version of records, before anything of them is sent.
func (a *Alerts) note(base uint64, list []*delivery) (uint64, error) {
	rows, size := make([][]byte, len(list)), 0
	for i, d := range list {
		sum := sha256.New()
		fmt.Fprintf(sum, "%s\x00%v\x00%d", d.key, d.Parts, a.cfg.Now().UnixNano())
		d.ID = hex.EncodeToString(sum.Sum(nil)[:16])
		rows[i] = encode(d)
		size += len(d.key) + len(rows[i])
	}
	a.changes.Lock()
	defer a.changes.Unlock()
	version, err := a.commit(base, size, func(tx *store.RecordTx) error {
		for i, d := range list {
			if err := tx.Put(store.DeliveryTable, []byte(d.key), rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return version, err
	}
	return version, a.engine.Hook(PointMarked)
}

// dispatch starts the deliveries whose time has come, as many as there is room for, and returns when the next is due.
func (a *Alerts) dispatch(now time.Time) (next time.Time) {
	a.mu.Lock()
	var due []*delivery
	for _, d := range a.outbox {
		switch {
		case d.running:
		case d.Next.After(now):
			if next.IsZero() || d.Next.Before(next) {
				next = d.Next
			}
		default:
			due = append(due, d)
		}
	}
	a.mu.Unlock()
	for _, d := range due {
		select {
		case a.slots <- struct{}{}:
		default:
			return next // the end of one that runs looks again
		}
		a.mu.Lock()
		d.running = true
		a.mu.Unlock()
		a.workers.Go(func() {
			defer func() { <-a.slots; a.Poke() }()
			a.deliver(d)
		})
	}
	return next
}

// deliver is one attempt.
func (a *Alerts) deliver(d *delivery) {
	ctx, cancel := context.WithTimeout(a.ctx, sendTimeout)
	defer cancel()
	err := a.send(ctx, d)
	if a.ctx.Err() != nil {
		return // it stays on disk, and is tried after the next start
	}
	if err == nil {
		err = a.engine.Hook(PointSent)
	}
	if err := a.settle(d, err); err != nil && !errors.Is(err, engine.ErrClosed) {
		a.log.Error("what became of a delivery could not be noted; it is sent again", "kind", d.Kind, "error", err)
		a.mu.Lock()
		d.running, d.Next = false, a.cfg.Now().Add(firstBackoff)
		a.mu.Unlock()
	}
}

// section is what a delivery says of one subscription.
type section struct {
	sub     *Subscription
	sink    *Sink
	part    part
	matches []*Match // whose papers are there and may be seen
}

// sections reads what a delivery is to say. Subscriptions that are gone, or have their sink no longer, are left out.
func (a *Alerts) sections(ctx context.Context, d *delivery) ([]section, error) {
	var out []section
	for _, p := range d.Parts {
		a.mu.RLock()
		e := a.byUID[p.UID]
		var sub *Subscription
		if e != nil {
			sub = e.sub
		}
		unsubscribed := e != nil && e.standing.Sends[p.Sink].Unsubscribed
		a.mu.RUnlock()
		sink := sinkOf(sub, p.Sink)
		if sink == nil || unsubscribed {
			continue
		}
		list, err := a.matches(sub, p.From, p.Through, int(p.Through-p.From))
		if err != nil {
			return nil, err
		}
		shown, err := a.show(ctx, sub, list)
		if err != nil {
			return nil, err
		}
		s := section{sub: sub, sink: sink, part: p}
		for _, m := range shown {
			if m.Paper != nil {
				s.matches = append(s.matches, m)
			}
		}
		if len(s.matches) > 0 {
			out = append(out, s)
		}
	}
	return out, nil
}

// sinkOf finds a sink of a subscription, which may be nil.
func sinkOf(s *Subscription, key string) *Sink {
	if s == nil {
		return nil
	}
	for i := range s.Sinks {
		if s.Sinks[i].key() == key {
			return &s.Sinks[i]
		}
	}
	return nil
}

// send makes one attempt. A delivery that has nothing left to say has arrived.
func (a *Alerts) send(ctx context.Context, d *delivery) error {
	if d.Confirm {
		return a.sendQuestion(ctx, d)
	}
	sections, err := a.sections(ctx, d)
	if err != nil || len(sections) == 0 {
		return err
	}
	if d.Kind == Email {
		return a.sendDigest(ctx, d, sections)
	}
	return a.sendWebhook(ctx, d, &sections[0])
}

// settle notes what became of an attempt: delivered, to be tried again, or given up.
func (a *Alerts) settle(d *delivery, failure error) error {
	return a.change(func(base uint64) error { return a.settleAt(base, d, failure) })
}

// settleAt is one attempt of settle. The caller holds changes.
func (a *Alerts) settleAt(base uint64, d *delivery, failure error) error {
	now := a.cfg.Now()
	a.mu.RLock()
	known := a.outbox[d.key]
	a.mu.RUnlock()
	if known == nil || known.ID != d.ID {
		return nil // another node, which leads now, has sent it too, and was quicker to note that
	}
	next := *d
	next.Attempts++
	if next.First.IsZero() {
		next.First = now.UTC()
	}
	keep := KeepMail
	if d.Kind == Webhook {
		keep = KeepWebhook
	}
	refused := errors.As(failure, new(permanent))
	over := failure == nil || refused || now.Sub(next.First) >= keep
	next.Next = now.Add(min(longBackoff, firstBackoff<<min(10, next.Attempts-1))).UTC()
	text := ""
	if failure != nil {
		text = shorten(failure.Error(), 300)
	}

	standings := map[UID]standing{}
	total := int64(0)
	a.mu.RLock()
	for _, p := range d.Parts {
		e := a.byUID[p.UID]
		if e == nil {
			continue
		}
		st, known := standings[p.UID]
		if !known {
			st = e.standing.clone()
		}
		sink, there := st.Sends[p.Sink]
		if !there {
			continue
		}
		n := int64(p.Through - p.From)
		sink.Error, sink.Retry = text, time.Time{}
		switch {
		case failure == nil:
			sink.Delivered, sink.Last, sink.Through = sink.Delivered+n, now.UTC(), max(sink.Through, p.Through)
		case !over:
			sink.Retry = next.Next
		case refused || d.Kind == Webhook: // the sink is given up, with all that waits for it
			n = int64(st.Head - min(st.Head, p.From))
			sink.Disabled, sink.Through, sink.Dropped = true, max(sink.Through, st.Head), sink.Dropped+n
		default:
			sink.Dropped, sink.Through = sink.Dropped+n, max(sink.Through, p.Through)
		}
		total += n
		st.Sends[p.Sink] = sink
		standings[p.UID] = st
	}
	a.mu.RUnlock()
	_, err := a.commit(base, 512*(1+len(standings)), func(tx *store.RecordTx) error {
		if over {
			tx.Delete(store.DeliveryTable, []byte(d.key))
		} else if err := tx.Put(store.DeliveryTable, []byte(d.key), encode(&next)); err != nil {
			return err
		}
		for uid, st := range standings {
			if err := tx.Put(store.StandingTable, uid[:], encode(&st)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	outcome := OutcomeDelivered
	switch {
	case failure == nil:
		a.counts.delivered.Add(total)
	case over:
		outcome = OutcomeDropped
		a.counts.dropped.Add(total)
		a.log.Error("matches were dropped: they could not be delivered", "kind", d.Kind.String(), "principal", d.Owner,
			"matches", total, "attempts", next.Attempts, "refused", refused, "error", text)
	default:
		outcome = OutcomeFailed
		a.log.Warn("a delivery failed; it is tried again", "kind", d.Kind.String(), "principal", d.Owner, "at", next.Next,
			"error", text)
	}
	a.counts.attempts[d.Kind][outcome].Add(1)
	if over && d.Kind == Email && failure == nil && !d.Confirm {
		a.mu.Lock()
		a.lastMail[d.Owner+"\x00"+d.Target] = now
		a.mu.Unlock()
	}
	return nil
}

// Outcome is what became of an attempt to deliver.
type Outcome int

// The outcomes.
const (
	OutcomeDelivered Outcome = iota
	OutcomeFailed            // it is tried again
	OutcomeDropped           // it is given up
	outcomes
)

// Outcomes are all of them.
var Outcomes = []Outcome{OutcomeDelivered, OutcomeFailed, OutcomeDropped}

func (o Outcome) String() string { return [...]string{"delivered", "failed", "dropped"}[o] }
