package alert

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
)

// SinkStanding is how a sink is doing. The numbers are those of the contract.
type SinkStanding uint8

// The standings of sinks.
const (
	SinkActive SinkStanding = iota + 1
	SinkUnconfirmed
	SinkUnsubscribed
	SinkFailing
	SinkDisabled
)

// SinkState is how a sink is doing, in figures.
type SinkState struct {
	Standing  SinkStanding
	Delivered int64
	Dropped   int64
	Pending   int64
	Last      time.Time // of a delivery
	Error     string
	Retry     time.Time
	URL       string // of a feed
}

// prepareSink refuses what the server is not set up for, and fills in what it chooses.
func (a *Alerts) prepareSink(s *Sink) error {
	missing := ""
	switch {
	case s.Kind == Email && a.cfg.SMTP.Host == "":
		missing = "e-mail needs a mail server: --smtp-server, --smtp-from and --public-url"
	case s.Kind != Webhook && a.cfg.PublicURL == "":
		missing = "links need the server's own address: --public-url"
	}
	if missing != "" {
		return fmt.Errorf("%w: %s", ErrNotConfigured, missing)
	}
	if s.Secret == "" {
		switch s.Kind {
		case Webhook:
			s.Secret = newSecret()
		case Feed:
			s.Secret = rand.Text()
		}
	}
	return nil
}

// sinkStates describes the sinks of a subscription, in their order.
func (a *Alerts) sinkStates(s *State) []SinkState {
	out := make([]SinkState, len(s.Sinks))
	for i := range s.Sinks {
		sink := &s.Sinks[i]
		at := s.Sends[sink.key()]
		one := SinkState{
			Standing: SinkActive, Delivered: at.Delivered, Dropped: at.Dropped, Last: at.Last, Error: at.Error, Retry: at.Retry,
			Pending: int64(s.Head - min(s.Head, at.Through)),
		}
		a.mu.RLock()
		box := a.mailboxes[string(nameKey(s.Owner, sink.Address))]
		a.mu.RUnlock()
		switch {
		case sink.Kind == Feed:
			one.Pending, one.URL = 0, a.page("/feed", sink.Secret+".atom")
		case at.Disabled:
			one.Standing, one.Pending = SinkDisabled, 0
		case at.Unsubscribed || sink.Kind == Email && box.State == unsubscribed:
			one.Standing, one.Pending = SinkUnsubscribed, 0
		case sink.Kind == Email && box.State != confirmed:
			one.Standing = SinkUnconfirmed
		case at.Error != "":
			one.Standing = SinkFailing
		}
		out[i] = one
	}
	return out
}

// byWorth orders matches by their score or cosine, best first.
func byWorth(list []*Match) []*Match {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *Match) int {
		return cmp.Compare(max(b.Score, b.Cosine), max(a.Score,
			a.Cosine))
	})
	return list
}

func checksum(b []byte) uint64 { return xxhash.Sum64(b) }
