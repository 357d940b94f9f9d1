package admit

import (
	"container/heap"
	"context"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"
)

// Limiter decides how many calls run at a time, and which is next. It bounds work by what the cores can do and not by a
// number that someone has to guess.
//
// Interactive calls run in slots whose number it finds by itself: while all are taken and others wait, a slot is added
// when no more goroutines run or wait for a core than there are cores, and taken away when twice as many do. This needs
// no model of the work: a call that sleeps on the disk makes room, a call that computes does not, and with as many
// computing as there are cores the processor beyond these is left to look after the network. Batch and heavy calls
// share as many slots as there are cores, come after interactive ones, and give way now and then (see Permit.Yield).
//
// Within a class calls wait in order of their deadlines, those of a caller that takes much less than its share before
// the others', and those of one that takes more behind. A call that cannot be reached in time is refused at once.
type Limiter struct {
	cores int
	now   func() time.Time
	load  func() int // goroutines that run, or wait for a core

	mu      sync.Mutex
	slots   int       // of interactive calls
	sampled time.Time // when slots was last looked at
	running [classes]int
	queues  [classes]queue
	hold    [classes]float64 // seconds that a unit holds its place, smoothed
	coming  arrivals
	usage   usage
	seq     uint64

	patience [classes]patience // with an estimate that was wrong
}

// Bounds of the limiter.
const (
	adjustEvery  = time.Millisecond
	slotsPerCore = 64  // at most
	maxWriting   = 256 // calls that wait for the disk: the store commits what has come together
	maxQueued    = 1024
)

// maxWait is how long a call may wait for its turn, by class, and never longer than a third of what is left to its
// deadline. Short: under overload a longer queue only makes everyone slower, and what is turned away early can go
// elsewhere.
var maxWait = [classes]time.Duration{
	Interactive: time.Second,
	Writing:     2 * time.Second,
	Batch:       2 * time.Second,
	Heavy:       30 * time.Second,
}

// NewLimiter makes a limiter for a number of cores.
func NewLimiter(cores int) *Limiter {
	sample := []metrics.Sample{
		{Name: "/sched/goroutines/runnable:goroutines"}, {Name: "/sched/goroutines/running:goroutines"},
	}
	l := &Limiter{cores: cores, now: time.Now, slots: 2 * cores}
	for c := range l.patience {
		l.patience[c].most = 2 * maxWait[c]
	}
	l.load = func() int { // under mu
		metrics.Read(sample)
		sum := 0
		for _, s := range sample {
			if s.Value.Kind() == metrics.KindUint64 {
				sum += int(s.Value.Uint64())
			}
		}
		return sum
	}
	l.hold = [classes]float64{Interactive: .0005, Writing: .005, Batch: .0005, Heavy: 1}
	return l
}

// Cores is how many cores this process may use.
func Cores() int { return runtime.GOMAXPROCS(0) }

// ticket is what a call waits with.
type ticket struct {
	key      any       // who it is charged to
	class    Class     // not Control
	units    float64   // of cost
	deadline time.Time // zero: none
}

// place is a ticket in a queue.
type place struct {
	ticket
	part  part      // of its caller, when it came
	order time.Time // the deadline, or when it should be reached at the latest
	seq   uint64
	index int // in the heap; -1: no longer there
	turn  chan error
	wait  wait // of acquire
}

// Acquire waits for a ticket's turn. The permit must be released. The error is a status: a refusal, or the context's.
func (l *Limiter) acquire(ctx context.Context, t ticket) (*Permit, error) {
	if t.class == Control {
		return &Permit{}, nil
	}
	l.mu.Lock()
	now := l.now()
	l.adjust(now)
	part := l.usage.part(t.key, now)
	if l.free(t.class) && l.queues[t.class].Len() == 0 {
		l.running[t.class]++
		l.mu.Unlock()
		return &Permit{limiter: l, ticket: t, since: now}, nil
	}
	if wait := l.wait(t.class, part); l.queues[t.class].Len() >= maxQueued || !l.inTime(&t, wait, now) {
		l.mu.Unlock()
		return nil, overloaded(wait)
	}
	p := l.enqueue(t, part, now)
	l.mu.Unlock()

	l.patience[t.class].begin(&p.wait, func() { l.refuse(p) })
	defer l.patience[t.class].end(&p.wait)
	select {
	case err := <-p.turn:
		if err != nil {
			return nil, err
		}
		return &Permit{limiter: l, ticket: t, since: l.now()}, nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.withdraw(p) { // its turn came at the same moment
		l.leave(t.class)
	}
	return nil, contextError(ctx)
}

// refuse ends a wait that was estimated to be shorter.
func (l *Limiter) refuse(p *place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.index >= 0 { // its turn has not come
		l.queues[p.class].remove(p)
		p.turn <- overloaded(maxWait[p.class])
	}
}

// arrive looks whether a call whose headers are in is worth receiving: a refusal here costs a tenth of one after the
// message. What it returns is for received.
func (l *Limiter) arrive(t ticket) (period int64, err error) {
	if t.class == Control {
		return 0, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	part := l.usage.part(t.key, now)
	wait := l.wait(t.class, part)
	if t.class == Interactive { // a burst of headers must see itself
		wait += seconds(l.coming.count(t.class, now) * l.hold[t.class] / float64(l.slots))
	}
	if l.queues[t.class].Len() >= maxQueued || !l.inTime(&t, wait, now) {
		l.adjust(now)
		return 0, overloaded(wait)
	}
	return l.coming.come(t.class, now), nil
}

// received ends what arrive began: the message is in, or will never be.
func (l *Limiter) received(c Class, period int64) {
	if c == Control {
		return
	}
	l.mu.Lock()
	l.coming.gone(c, period, l.now())
	l.mu.Unlock()
}

// insist is acquire for a part of a call that has been admitted: it waits, and is not refused.
func (l *Limiter) insist(ctx context.Context, t ticket) (*Permit, error) {
	l.mu.Lock()
	now := l.now()
	if l.free(t.class) && l.queues[t.class].Len() == 0 {
		l.running[t.class]++
		l.mu.Unlock()
		return &Permit{limiter: l, ticket: t, since: now}, nil
	}
	p := l.enqueue(t, l.usage.part(t.key, now), now)
	l.mu.Unlock()
	select {
	case err := <-p.turn:
		return &Permit{limiter: l, ticket: t, since: l.now()}, err
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.withdraw(p) {
		l.leave(t.class)
	}
	return nil, contextError(ctx)
}

// enqueue puts a ticket into its queue. mu is held.
func (l *Limiter) enqueue(t ticket, p part, now time.Time) *place {
	l.seq++
	place := &place{ticket: t, part: p, order: now.Add(maxWait[t.class]), seq: l.seq, turn: make(chan error, 1)}
	if !t.deadline.IsZero() && t.deadline.Before(place.order) {
		place.order = t.deadline
	}
	heap.Push(&l.queues[t.class], place)
	return place
}

// free reports whether a call of a class may begin now. mu is held.
func (l *Limiter) free(c Class) bool {
	low := l.running[Batch] + l.running[Heavy]
	switch c {
	case Interactive:
		return l.running[Interactive] < l.slots
	case Writing:
		return l.running[Writing] < maxWriting
	case Batch: // one goes on whatever waits, so that nothing starves
		return low < l.cores && (low == 0 || l.queues[Interactive].Len() == 0)
	default:
		return low < l.cores && l.running[Heavy] < max(1, l.cores/2) &&
			(low == 0 || l.queues[Interactive].Len() == 0) && l.queues[Batch].Len() == 0
	}
}

// leave gives a place back and calls whoever is next. mu is held.
func (l *Limiter) leave(c Class) {
	l.running[c]--
	l.dispatch()
}

// dispatch lets the next calls begin. mu is held.
func (l *Limiter) dispatch() {
	now := l.now()
	for c := Interactive; c < classes; c++ {
		q := &l.queues[c]
		for q.Len() > 0 && l.free(c) {
			p := heap.Pop(q).(*place)
			if !p.deadline.IsZero() && p.deadline.Sub(now) < seconds(p.units*l.hold[c]) {
				p.turn <- overloaded(retryStep) // it would end after its deadline
				continue
			}
			l.running[c]++
			p.turn <- nil
		}
	}
}

// wait estimates how long a call of a class that comes now waits for its turn: what is before it in the queue, times
// what each holds its place, over the places. mu is held.
func (l *Limiter) wait(c Class, p part) time.Duration {
	before, places := l.queues[c].units(p), max(1, l.cores/2)
	switch c {
	case Interactive:
		places = l.slots // each holds its place longer where they share the cores
	case Writing:
		places = maxWriting
	case Batch:
		places = l.cores
	}
	return seconds(before * l.hold[c] / float64(places))
}

// inTime reports whether a call that waits so long is reached within what its class may wait and a third of what is
// left to it: the estimate may be wrong by as much.
func (l *Limiter) inTime(t *ticket, wait time.Duration, now time.Time) bool {
	if wait > maxWait[t.class] {
		return false
	}
	if t.deadline.IsZero() {
		return true
	}
	left := t.deadline.Sub(now)
	return wait <= left/3 && seconds(t.units*l.hold[t.class]) < left
}

// adjust looks after the number of interactive slots. mu is held.
func (l *Limiter) adjust(now time.Time) {
	if now.Sub(l.sampled) < adjustEvery {
		return
	}
	full := l.running[Interactive] >= l.slots
	if !full && l.slots <= 2*l.cores {
		return // nothing to decide
	}
	l.sampled = now
	switch load := l.load(); {
	case load > 2*l.cores+1:
		l.slots = max(l.cores, l.slots-1)
	case full && load <= l.cores:
		l.slots = min(slotsPerCore*l.cores, l.slots+1)
	}
}

// finished charges a caller for a permit that ran so long. mu is held.
func (l *Limiter) finished(t *ticket, ran time.Duration, now time.Time) {
	const weight = .05
	per := ran.Seconds() / max(.25, t.units)
	l.hold[t.class] += weight * (min(per, 20*l.hold[t.class]) - l.hold[t.class]) // one outlier does not shut the door
	if t.class != Writing {
		l.usage.add(t.key, ran.Seconds(), now)
	}
}

// State is a look at the limiter, for metrics.
type State struct {
	Slots   int // interactive calls that may run at a time
	Running [classes]int
	Queued  [classes]int
}

// State looks at the limiter.
func (l *Limiter) State() (s State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Slots, s.Running = l.slots, l.running
	for c := range l.queues {
		s.Queued[c] = l.queues[c].Len()
	}
	return s
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
