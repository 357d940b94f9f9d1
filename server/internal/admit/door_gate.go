package admit

import (
	"time"

	"google.golang.org/grpc/peer"
)

// passed is a call that the door let through.
type passed struct {
	method string
	class  Class
	period int64 // for Limiter.received
}

// watchFor is how long after a refusal doors look at every call.
const watchFor = time.Second

// watch makes doors look at every call for a while.
func (g *Gate) watch(now time.Time) { g.watching.Store(now.Add(watchFor).UnixNano()) }

// While calls are refused, work in the background runs for bgShare of each bgPeriod: it goes on, so that a server that
// is always full still learns and rebuilds, and what it holds is not held for long.
const (
	bgPeriod = 50 * time.Millisecond
	bgShare  = 5 * time.Millisecond
)

// GiveWay is for long work that nobody waits for, to be called often. It returns at once unless calls are being
// refused.
func (g *Gate) GiveWay() {
	now := time.Now().UnixNano()
	if now > g.watching.Load() {
		return
	}
	if into := time.Duration(now % int64(bgPeriod)); into > bgShare {
		time.Sleep(bgPeriod - into)
	}
}

// watches reports whether doors look at every call.
func (g *Gate) watches(now time.Time) bool { return now.UnixNano() <= g.watching.Load() }

// turnAway decides on a call whose headers a door has read. It refuses what Arrive would refuse for want of room, and
// leaves everything else to it.
func (g *Gate) turnAway(d *Door) error {
	now := time.Now()
	if !g.watches(now) {
		return nil
	}
	h := &d.head
	rule, known := g.cfg.Rules[h.method]
	if !known || rule.Role == 0 || rule.Class == Control {
		return nil
	}
	p, err := g.cfg.Keys.identify(h.authorization, d.from)
	if err != nil || rule.Permits(p) != nil {
		return nil //nolint:nilerr // Arrive says so
	}
	t := ticket{key: p.account, class: rule.Class, units: 1}
	switch {
	case p == Everyone:
		t.key = connectionOf(d.from)
	case p.account.limiter != nil && p.account.limiter.TokensAt(now) < 1:
		err = p.account.limited
	case p.account.calls.Load() >= maxCalls:
		err = errTooManyCalls
	}
	if rule.Streams {
		if err == nil && g.seats.full(&Call{Rule: rule, key: t.key}) {
			err = errTooManyStreams
		}
		if err != nil {
			g.turned(now, h.method, err)
		}
		return err
	}
	if h.timed {
		t.deadline = now.Add(h.timeout)
	}
	var period int64
	if err == nil {
		period, err = g.limiter.arrive(t)
	}
	if err != nil {
		g.turned(now, h.method, err)
		return err
	}
	d.passed = append(d.passed, passed{h.method, rule.Class, period})
	return nil
}

// turned notes that a door has refused a call.
func (g *Gate) turned(now time.Time, method string, err error) {
	g.watch(now)
	g.shed.count(method, err)
}

// ahead takes the oldest call of a method that the door of a connection let through: its place is looked at already. It
// runs on the goroutine that reads the connection, as the door does.
func ahead(from *peer.Peer, method string) (p passed, ok bool) {
	if from == nil {
		return p, false
	}
	c, atDoor := from.Addr.(*caller)
	if !atDoor {
		return p, false
	}
	for len(c.door.passed) > 0 {
		p := c.door.passed[0]
		c.door.passed = c.door.passed[1:]
		if p.method == method {
			return p, true
		}
	}
	return p, false
}

// connectionOf tells one connection from another.
func connectionOf(from *peer.Peer) any {
	if from != nil {
		if c, ok := from.Addr.(*caller); ok {
			return c
		}
	}
	return from
}
