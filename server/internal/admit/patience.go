package admit

import (
	"sync"
	"time"
)

// patience is a time that is the same for all who take it: whoever begins first is out of time first. So one timer does
// for all. A timer for each would wake a thread that waits for the network, whenever it is the next to fire.
type patience struct {
	most time.Duration

	mu          sync.Mutex
	first, last *wait       // in the order of their beginning
	timer       *time.Timer // nil before the first wait
	armed       bool        // the timer will look
}

// wait is one who takes a patience. It is a part of what waits.
type wait struct {
	before, after *wait
	since         time.Time
	late          func() // called once the time is over, on a goroutine of the patience
	among         bool   // of those that wait
}

// begin starts the time of a wait that is not among others. end must follow.
func (p *patience) begin(w *wait, late func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.since, w.late, w.among = time.Now(), late, true
	w.before, w.after = p.last, nil
	if p.last == nil {
		p.first = w
	} else {
		p.last.after = w
	}
	p.last = w
	p.arm(p.most)
}

// arm makes the timer look after a time, unless it will look anyway. mu is held.
func (p *patience) arm(d time.Duration) {
	switch {
	case p.armed:
		return
	case p.timer == nil:
		p.timer = time.AfterFunc(d, p.look)
	default:
		p.timer.Reset(d)
	}
	p.armed = true
}

// end ends a wait, if it has not been late before. late may still be running.
func (p *patience) end(w *wait) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.among {
		p.remove(w)
	}
}

// remove is called with mu held.
func (p *patience) remove(w *wait) {
	if w.before == nil {
		p.first = w.after
	} else {
		w.before.after = w.after
	}
	if w.after == nil {
		p.last = w.before
	} else {
		w.after.before = w.before
	}
	w.before, w.after, w.among = nil, nil, false
}

// look tells those that are late. Who began behind the first one is looked at when the first one's time is over, or
// with the next that comes: the timer runs no more often than that.
func (p *patience) look() {
	p.mu.Lock()
	p.armed = false
	now := time.Now()
	var late []func()
	for p.first != nil && now.Sub(p.first.since) >= p.most {
		late = append(late, p.first.late)
		p.remove(p.first)
	}
	if p.first != nil {
		p.arm(p.most - now.Sub(p.first.since))
	}
	p.mu.Unlock()
	for _, f := range late {
		f()
	}
}
