package alert

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/store"
)

// mailbox is a row: whether an address wants what an owner's subscriptions send. It is a value.
type mailbox struct {
	State mailboxState
	Asked time.Time // when the question went out last
	Since time.Time // when State came about
}

// mailboxState is what the addressee has said. The numbers are stored.
type mailboxState uint8

const (
	asked mailboxState = iota + 1
	confirmed
	unsubscribed
)

// askAgain is how long a mailbox is left alone that was asked and has not said yes.
const askAgain = 7 * 24 * time.Hour

// loadMailboxes reads what the addressees have said.
func (a *Alerts) loadMailboxes() error {
	return a.each(store.AddressTable, nil, func(r store.Record) error {
		var m mailbox
		if err := json.Unmarshal(r.Value, &m); err != nil {
			return fmt.Errorf("a row of mailboxes: %w", err)
		}
		a.mailboxes[string(r.Key)] = m
		return nil
	})
}

// mailboxReady reports whether a mail may go to an address now. when is the moment at which it may, if it is only too
// early; zero otherwise.
func (a *Alerts) mailboxReady(owner, address string, now time.Time) (ready bool, when time.Time) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	key := nameKey(owner, address)
	if a.mailboxes[string(key)].State != confirmed {
		return false, time.Time{}
	}
	if next := a.lastMail[string(key)].Add(mailRest); next.After(now) {
		return false, next
	}
	return true, time.Time{}
}

// ask notes questions to the mailboxes of a subscription that have not said whether they want mail: one for each, and
// none where one went out of late. It adds to a transaction; the caller holds changes.
func (a *Alerts) ask(s *Subscription, tx *store.RecordTx, now time.Time) error {
	for i := range s.Sinks {
		if s.Sinks[i].Kind != Email {
			continue
		}
		address := s.Sinks[i].Address
		key := string(nameKey(s.Owner, address))
		a.mu.RLock()
		box := a.mailboxes[key]
		a.mu.RUnlock()
		if box.State == confirmed || now.Sub(box.Asked) < askAgain && !box.Asked.IsZero() {
			continue
		}
		box = mailbox{State: asked, Asked: now.UTC(), Since: now.UTC()}
		d := &delivery{Kind: Email, Owner: s.Owner, Target: address, Confirm: true, key: deliveryKey(Email, s.Owner, address,
			true)}
		sum := sha256.Sum256([]byte(d.key + now.String()))
		d.ID = hex.EncodeToString(sum[:16])
		if err := errors.Join(tx.Put(store.AddressTable, []byte(key), encode(&box)),
			tx.Put(store.DeliveryTable, []byte(d.key), encode(d))); err != nil {
			return err
		}
	}
	return nil
}

// answer notes what an addressee has said.
func (a *Alerts) answer(owner, address string, state mailboxState) error {
	key := nameKey(owner, address)
	err := a.change(func(base uint64) error {
		a.mu.RLock()
		box, known := a.mailboxes[string(key)]
		a.mu.RUnlock()
		if !known || box.State == state {
			return nil
		}
		box.State, box.Since = state, a.cfg.Now().UTC()
		row := encode(&box)
		_, err := a.commit(base, len(row), func(tx *store.RecordTx) error { return tx.Put(store.AddressTable, key, row) })
		return err
	})
	if err == nil {
		a.Poke()
	}
	return err
}

// dropSink notes that an addressee does not want the matches of one subscription any more.
func (a *Alerts) dropSink(uid UID, address string) error {
	return a.change(func(base uint64) error {
		a.mu.RLock()
		var st standing
		if e := a.byUID[uid]; e != nil {
			st = e.standing.clone()
		}
		a.mu.RUnlock()
		key := (&Sink{Kind: Email, Address: address}).key()
		sink, there := st.Sends[key]
		if !there || sink.Unsubscribed {
			return nil
		}
		sink.Unsubscribed = true
		st.Sends[key] = sink
		row := encode(&st)
		_, err := a.commit(base, len(row), func(tx *store.RecordTx) error { return tx.Put(store.StandingTable, uid[:], row) })
		return err
	})
}

// What a signed link does. The letters stand in links that were sent.
const (
	linkConfirm = 'c' // owner, 0, address
	linkLeave   = 'a' // owner, 0, address: all subscriptions of the owner
	linkLeave1  = 's' // uid, address: one subscription
)

const macSize = 16

// link is the token of a signed link.
func (a *Alerts) link(what byte, subject string) (string, error) {
	key, err := a.signingKey()
	if err != nil {
		return "", err
	}
	plain := append([]byte{what}, subject...)
	return base64.RawURLEncoding.EncodeToString(append(plain, mac(key, plain)...)), nil
}

func mac(key, plain []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(plain)
	return h.Sum(nil)[:macSize]
}

// follow reads the token of a link; not ok when it was not made here.
func (a *Alerts) follow(token string) (what byte, subject string, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < 1+macSize {
		return 0, "", false
	}
	key, err := a.signingKey()
	if err != nil {
		return 0, "", false
	}
	plain := b[:len(b)-macSize]
	if !hmac.Equal(mac(key, plain), b[len(plain):]) {
		return 0, "", false
	}
	return plain[0], string(plain[1:]), true
}

// signingKey is the key of links. It is made when it is first asked for, and kept with the subscriptions.
func (a *Alerts) signingKey() ([]byte, error) {
	a.keyOnce.Lock()
	defer a.keyOnce.Unlock()
	if a.key != nil {
		return a.key, nil
	}
	for {
		base := a.present()
		row, err := a.engine.Record(store.AlertTable, signingKey)
		if err != nil {
			return nil, err
		}
		if len(row) != sha256.Size {
			row = make([]byte, sha256.Size)
			_, _ = rand.Read(row) // never fails
			_, err = a.commit(base, 64, func(tx *store.RecordTx) error { return tx.Put(store.AlertTable, signingKey, row) })
			if errors.Is(err, engine.ErrRecordsChanged) && a.ctx.Err() == nil {
				continue // another node may have made one
			}
			if err != nil {
				return nil, err
			}
		}
		a.key = row
		return row, nil
	}
}

// act does what a link says, for someone who has said so. It returns what to tell them.
func (a *Alerts) act(what byte, subject string) (string, error) {
	if what == linkLeave1 {
		var uid UID
		if len(subject) < len(uid) {
			return "", nil
		}
		copy(uid[:], subject)
		return "You are unsubscribed from this alert.", a.dropSink(uid, subject[len(uid):])
	}
	owner, address, _ := strings.Cut(subject, "\x00")
	if what == linkConfirm {
		return "Thank you. Alerts will be sent to " + address + ".", a.answer(owner, address, confirmed)
	}
	return "You are unsubscribed: no more alerts are sent to " + address + ".", a.answer(owner, address, unsubscribed)
}
