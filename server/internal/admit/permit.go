package admit

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// Permit is leave to run. It is made by the limiter; the zero value is one that nothing depends on.
type Permit struct {
	limiter *Limiter
	ticket  ticket

	mu       sync.Mutex
	since    time.Time // when it began to hold its place
	yielded  time.Time // when it last gave way
	released bool
}

// Yielding is kept short: what waits is a call that someone waits for, and what gives way may hold a lock of the engine
// that this very call needs.
const (
	yieldEvery = time.Millisecond
	yieldMost  = 20 * time.Millisecond
)

// release gives the place back, once.
func (p *Permit) release() {
	if p == nil || p.limiter == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.released {
		p.released = true
		p.giveBack()
	}
}

// giveBack charges the caller and leaves. p.mu is held.
func (p *Permit) giveBack() {
	l := p.limiter
	l.mu.Lock()
	now := l.now()
	l.finished(&p.ticket, now.Sub(p.since), now)
	l.leave(p.ticket.class)
	l.mu.Unlock()
}

// retake takes a place again that was given back, whatever stands in the queue: its call has waited its turn already.
// It waits for a free place, though no longer than most. p.mu is held.
func (p *Permit) retake(ctx context.Context, most time.Duration) {
	l := p.limiter
	l.mu.Lock()
	if l.free(p.ticket.class) {
		l.running[p.ticket.class]++
		p.since = l.now()
		l.mu.Unlock()
		return
	}
	place := l.enqueue(p.ticket, light, l.now().Add(-maxWait[p.ticket.class])) // first of its class
	l.mu.Unlock()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case err := <-place.turn:
		if err == nil {
			p.since = l.now()
			return
		}
	case <-timer.C:
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	p.since = l.now()
	if l.withdraw(place) {
		l.running[p.ticket.class]++ // beyond the limit
	}
}

// yield lets whoever is more urgent run: called by long work wherever its context is asked whether it has ended. It
// takes nothing but a look at the clock most of the time.
func (p *Permit) yield(ctx context.Context) {
	if p.limiter == nil || !p.mu.TryLock() {
		return // another goroutine of the same call is about it
	}
	defer p.mu.Unlock()
	l := p.limiter
	now := l.now()
	if p.released || now.Sub(p.yielded) < yieldEvery || now.Sub(p.since) < yieldEvery {
		return
	}
	if l.urgent(p.ticket.class) {
		p.giveBack()
		p.retake(ctx, yieldMost)
	} else {
		runtime.Gosched()
	}
	p.yielded = l.now()
}

// urgent reports whether anyone waits who goes before, or beside, a call of a low class.
func (l *Limiter) urgent(c Class) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for other := Interactive; other <= c; other++ {
		if other != Writing && l.queues[other].Len() > 0 {
			return true
		}
	}
	return false
}

// withdraw takes a place out of its queue, and reports true, or takes the turn that it got at the same moment: then it
// holds its place, unless the turn was a refusal. mu is held.
func (l *Limiter) withdraw(p *place) bool {
	if p.index >= 0 {
		l.queues[p.class].remove(p)
		return true
	}
	select {
	case err := <-p.turn:
		return err != nil
	default: // its turn was received: a refusal, since a place ends the wait
		return true
	}
}

// pause gives the place back while a stream's client reads. resume must follow, on the same goroutine.
func (p *Permit) pause() {
	if p == nil || p.limiter == nil {
		return
	}
	p.mu.Lock()
	if !p.released {
		p.giveBack()
	}
}

// resume ends what pause began.
func (p *Permit) resume(ctx context.Context) {
	if p == nil || p.limiter == nil {
		return
	}
	if !p.released {
		p.retake(ctx, yieldMost)
	}
	p.mu.Unlock()
}

// context makes long work yield.
func (p *Permit) context(ctx context.Context) context.Context {
	if p.limiter == nil || p.ticket.class < Batch {
		return ctx
	}
	return &yielding{ctx, p}
}

// yielding is a context whose Err is the place where long work gives way: every loop that honours its context asks it
// now and then, and needs to know nothing of admission.
type yielding struct {
	context.Context
	permit *Permit
}

// Err implements context.Context.
func (y *yielding) Err() error {
	y.permit.yield(y.Context)
	return y.Context.Err()
}
