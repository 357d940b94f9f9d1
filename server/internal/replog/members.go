package replog

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Nodes tell one another twice a second, and whenever it changes, how far they are. From that each knows
//
//   - its lag: how long ago a majority of nodes was last known to have nothing that this node had not applied;
//   - whether it holds a lease: it hears a majority, and hears and is heard by everyone whom any of these has heard
//     within knownFor.
//
// Whoever waits for all replicas waits for each that it has heard within leaseWait, or since it is in contact itself. A
// node that cannot be heard by a publisher notices within heardFor that the publisher does not name it, or that others
// hear a publisher that it does not, and its lease ends leaseFor after that, which is before the publisher stops to
// wait. Clocks are compared with themselves only, and need only run at about the same speed.
const (
	announceEvery = 500 * time.Millisecond
	announceLeast = 5 * time.Millisecond // between two announcements

	heardFor  = 2 * time.Second
	knownFor  = 6 * time.Second  // more than twice heardFor, with room for messages under way
	leaseFor  = 6 * time.Second  // more than knownFor - heardFor, so that a node's end costs the others no lease
	leaseWait = 12 * time.Second // more than heardFor + leaseFor, with room for messages under way

	// aloneAfter is how long a node may be without a majority before its writes are refused: it cannot tell sooner that
	// it is cut off, and no election helps.
	aloneAfter = 5 * time.Second
)

// Member is what a node has told of itself.
type Member struct {
	Node    string        `json:"node"`
	Applied uint64        `json:"applied"`         // newest message that its queries see and its disk holds
	End     uint64        `json:"end"`             // newest message that it has heard of
	Leads   bool          `json:"leads"`           // the log
	Model   string        `json:"model"`           // fingerprint
	Ready   string        `json:"ready"`           // fingerprint of the model that it has prepared; empty: none
	Chain   string        `json:"chain"`           // digest of all messages up to Applied
	Hears   []string      `json:"hears"`           // nodes that it has heard within heardFor
	Knows   []string      `json:"knows"`           // nodes that it has heard within knownFor
	Shard   int           `json:"shard,omitempty"` // as in Config, as the two that follow; 0 before it was heard
	Shards  int           `json:"shards,omitempty"`
	Calls   string        `json:"calls,omitempty"`
	Settled bool          `json:"settled,omitempty"` // see Settle
	Silent  time.Duration `json:"-"`                 // since it was last heard; 0 for this node
	Never   bool          `json:"-"`                 // it was not heard since this node is up
}

// members are the other nodes as this one hears them.
type members struct {
	mu     sync.Mutex
	own    Member
	peers  map[string]*peer
	count  int // of nodes, this one included
	leased time.Time
	// contact is when this node last heard a majority that named it, since when it has done so without a break.
	contact, since time.Time
	change         chan struct{} // closed at the next change of any peer; nil while nobody waits

	dirty chan struct{} // has an element when own has changed
}

// peer is one other node.
type peer struct {
	Member
	heard time.Time
	// level is when this node was last known to have applied all that the peer knew of. asked is what the peer knew of
	// at a later time, once that is applied.
	level   time.Time
	asked   uint64
	askedAt time.Time
}

func (s *members) init(c *Config) {
	s.own.Node, s.count, s.peers = c.Node, len(c.Peers), map[string]*peer{}
	s.own.Shard, s.own.Shards, s.own.Calls = c.Shard, c.Shards, c.Calls
	s.dirty = make(chan struct{}, 1)
	for name := range c.Peers {
		if name != c.Node {
			s.peers[name] = &peer{Member: Member{Node: name}}
		}
	}
}

// hear takes an announcement in.
func (s *members) hear(m *nats.Msg) {
	var told Member
	name := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
	if json.Unmarshal(m.Data, &told) != nil || told.Node != name {
		return
	}
	s.heard(told, time.Now())
}

func (s *members) heard(told Member, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.peers[told.Node]
	if !ok {
		return // this node itself, or one that is not of the cluster
	}
	p.Member, p.heard = told, now
	s.settle(p)
	if p.asked <= s.own.Applied {
		p.asked, p.askedAt = max(told.End, told.Applied), now
		s.settle(p)
	}
	if s.named(now) {
		if now.Sub(s.contact) >= heardFor {
			s.since = now
		}
		s.contact = now
	}
	if s.connected(now) {
		s.leased = now
	}
	if s.change != nil {
		close(s.change)
		s.change = nil
	}
}

// settle notes that what a peer knew of is applied. Called under mu.
func (s *members) settle(p *peer) {
	if p.asked <= s.own.Applied && p.askedAt.After(p.level) {
		p.level = p.askedAt
	}
}

// connected reports whether this node hears a majority, and hears and is heard by everyone whom these hear. Called
// under mu.
func (s *members) connected(now time.Time) bool {
	hears := map[string]*peer{}
	for name, p := range s.peers {
		if now.Sub(p.heard) < heardFor && !p.heard.IsZero() {
			hears[name] = p
		}
	}
	if len(hears)+1 <= s.count/2 {
		return false
	}
	for _, p := range hears {
		if !slices.Contains(p.Hears, s.own.Node) {
			return false
		}
		for _, other := range p.Knows {
			if _, ok := hears[other]; !ok && other != s.own.Node && s.peers[other] != nil {
				return false
			}
		}
	}
	return true
}

// within lists the nodes that were heard lately. Called under mu.
func (s *members) within(now time.Time, d time.Duration) (names []string) {
	for name, p := range s.peers {
		if now.Sub(p.heard) < d && !p.heard.IsZero() {
			names = append(names, name)
		}
	}
	return names
}

// named reports whether this node hears a majority that hears it. Called under mu.
func (s *members) named(now time.Time) bool {
	n := 1
	for _, p := range s.peers {
		if now.Sub(p.heard) < heardFor && !p.heard.IsZero() && slices.Contains(p.Hears, s.own.Node) {
			n++
		}
	}
	return n > s.count/2
}

// alone reports whether no majority has heard this node, and been heard by it, for so long that no write succeeds here.
func (s *members) alone(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.contact.IsZero() && now.Sub(s.contact) >= aloneAfter
}

// gone reports whether a peer can hold no lease, for a node that is about to tell of a write. Silence counts from when
// this node was in contact itself: before, the peer could not know of it. Called under mu.
func (s *members) gone(p *peer, now time.Time) bool {
	from := p.heard
	if s.since.After(from) {
		from = s.since
	}
	return now.Sub(s.contact) < heardFor && now.Sub(from) >= leaseWait
}

// lag is how long ago a majority of nodes was last known to have nothing that this one had not applied.
func (s *members) lag(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	ages := make([]time.Duration, 0, len(s.peers))
	for _, p := range s.peers {
		s.settle(p)
		ages = append(ages, now.Sub(p.level))
	}
	slices.Sort(ages)
	return ages[s.count/2-1] // with this node a majority
}

// first reports whether this node holds a lease, and no node of an earlier name is heard.
func (s *members) first(now time.Time) bool {
	if !s.holds(now) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range s.within(now, heardFor) {
		if name < s.own.Node {
			return false
		}
	}
	return true
}

// holds reports whether this node holds a lease.
func (s *members) holds(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.leased.IsZero() && now.Sub(s.leased) < leaseFor
}

// await returns once every node that may hold a lease has applied a message.
func (s *members) await(ctx context.Context, sequence uint64) error {
	for {
		s.mu.Lock()
		missing := false
		for _, p := range s.peers {
			missing = missing || p.Applied < sequence && !s.gone(p, time.Now())
		}
		if !missing {
			s.mu.Unlock()
			return nil
		}
		if s.change == nil {
			s.change = make(chan struct{})
		}
		change := s.change
		s.mu.Unlock()
		timer := time.NewTimer(announceEvery) // a lease may end without a message
		select {
		case <-change:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
}

// list is all nodes in the order of their names.
func (s *members) list(now time.Time) []Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []Member{s.own}
	for _, p := range s.peers {
		m := p.Member
		m.Silent, m.Never = now.Sub(p.heard), p.heard.IsZero()
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b Member) int { return strings.Compare(a.Node, b.Node) })
	return all
}

// Report tells the others how far this node is, of which a later report may know less: what its queries see and its
// disk holds, and the model that serves.
func (l *Log) Report(applied Mark, model string) {
	s := &l.members
	s.mu.Lock()
	changed := s.own.Applied < applied.Sequence || s.own.Model != model
	if s.own.Model = model; s.own.Applied <= applied.Sequence {
		s.own.Applied, s.own.Chain = applied.Sequence, applied.Chain.String()
	}
	s.mu.Unlock()
	if changed {
		select {
		case s.dirty <- struct{}{}:
		default:
		}
	}
}

// Ready tells the others which model this node has prepared; empty: none.
func (l *Log) Ready(model string) {
	l.members.mu.Lock()
	defer l.members.mu.Unlock()
	l.members.own.Ready = model
}

// Settle tells the others that this node serves for good: a node that starts must fit it, not the other way round.
func (l *Log) Settle() {
	l.members.mu.Lock()
	defer l.members.mu.Unlock()
	l.members.own.Settled = true
}

// Heard reports whether a node was heard of lately; this one always is.
func (m *Member) Heard() bool { return m.Silent < heardFor }

// announce tells the other nodes of this one until the log is closed.
func (l *Log) announce() {
	s := &l.members
	tick := time.NewTicker(announceEvery)
	defer tick.Stop()
	for {
		now := time.Now()
		leads := l.Leads()
		s.mu.Lock()
		s.own.Leads, s.own.End = leads, l.end.Load()
		s.own.Hears, s.own.Knows = s.within(now, heardFor), s.within(now, knownFor)
		own := s.own
		s.mu.Unlock()
		if text, err := json.Marshal(own); err == nil {
			_ = l.conn.Publish(nodeSubject(l.cfg.Cluster, l.cfg.Node), text) // the next one comes soon
		}
		pause(l.background, announceLeast)
		select {
		case <-s.dirty:
		case <-tick.C:
		case <-l.background.Done():
			return
		}
	}
}

// Lag is how long ago a majority of nodes was last known to have nothing that this node had not applied.
func (l *Log) Lag() time.Duration { return l.members.lag(time.Now()) }

// Leased reports whether this node holds a lease: every write that was acknowledged to be everywhere is visible here.
func (l *Log) Leased() bool { return l.members.holds(time.Now()) }

// Everywhere returns once every node that may hold a lease has applied a message.
func (l *Log) Everywhere(ctx context.Context, sequence uint64) error {
	return l.members.await(ctx, sequence)
}

// Members are all nodes in the order of their names.
func (l *Log) Members() []Member { return l.members.list(time.Now()) }
