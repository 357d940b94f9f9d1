package admit

import (
	"container/heap"
	"time"
)

// queue holds places, the next one first. It implements heap.Interface.
type queue struct {
	places []*place
	sum    [greedy + 1]float64 // units waiting, by part
}

func (q *queue) Len() int { return len(q.places) }

// Less goes by part, then by deadline, then by arrival.
func (q *queue) Less(i, j int) bool {
	a, b := q.places[i], q.places[j]
	switch {
	case a.part != b.part:
		return a.part < b.part
	case !a.order.Equal(b.order):
		return a.order.Before(b.order)
	}
	return a.seq < b.seq
}

func (q *queue) Swap(i, j int) {
	q.places[i], q.places[j] = q.places[j], q.places[i]
	q.places[i].index, q.places[j].index = i, j
}

// Push is for package heap.
func (q *queue) Push(x any) {
	p := x.(*place)
	p.index = len(q.places)
	q.places = append(q.places, p)
	q.sum[p.part] += p.units
}

// Pop is for package heap.
func (q *queue) Pop() any {
	last := len(q.places) - 1
	p := q.places[last]
	q.places[last] = nil
	q.places = q.places[:last]
	p.index = -1
	q.sum[p.part] -= p.units
	if last == 0 {
		q.sum = [greedy + 1]float64{} // rounding does not add up
	}
	return p
}

// remove takes a place out, wherever it stands.
func (q *queue) remove(p *place) { heap.Remove(q, p.index) }

// units is the work before someone who comes now. Before the greedy comes also what the others will ask for meanwhile,
// which is taken to be as much as they ask for now.
func (q *queue) units(p part) (units float64) {
	for before := light; before <= p; before++ {
		units += q.sum[before]
	}
	if p == greedy {
		units += q.sum[light] + q.sum[fair]
	}
	return units
}

// part is how much a caller took lately beside an equal part of what all took.
type part uint8

const (
	light  part = iota // a quarter at most: nobody feels it, so that it goes before everyone
	fair               // up to an equal part
	greedy             // more
)

// usage is how much of the cores each caller took lately.
type usage struct {
	callers map[any]*share
	total   float64
	at      time.Time
}

type share struct{ seconds float64 }

// usageHalfLife is after which what a caller took counts half.
const usageHalfLife = time.Second

// decay ages everyone's usage in steps, and forgets who took nothing lately.
func (u *usage) decay(now time.Time) {
	if now.Sub(u.at) < usageHalfLife {
		return
	}
	halvings := int(now.Sub(u.at) / usageHalfLife)
	u.at = now
	factor := 1.0
	for range min(halvings, 30) {
		factor /= 2
	}
	u.total = 0
	for key, s := range u.callers {
		if s.seconds *= factor; s.seconds < 1e-3 {
			delete(u.callers, key)
			continue
		}
		u.total += s.seconds
	}
}

func (u *usage) add(key any, seconds float64, now time.Time) {
	if key == nil {
		return
	}
	u.decay(now)
	if u.callers == nil {
		u.callers = make(map[any]*share)
	}
	s := u.callers[key]
	if s == nil {
		s = &share{}
		u.callers[key] = s
	}
	s.seconds += seconds
	u.total += seconds
}

// part is how much a caller took lately. Among equals it changes between fair and greedy from one moment to the next,
// and whoever had less goes before.
func (u *usage) part(key any, now time.Time) part {
	u.decay(now)
	s := u.callers[key]
	switch {
	case s == nil || s.seconds*float64(len(u.callers)) <= u.total/4:
		return light
	case s.seconds*float64(len(u.callers)) > 1.02*u.total: // beyond what rounding does
		return greedy
	}
	return fair
}

// arrivals counts calls whose headers are in and whose message is not: they will stand in the queue in a moment, and a
// burst of headers must see itself. Who takes longer than two periods to send a message is no longer counted.
type arrivals struct {
	period  int64
	current [classes]float64
	before  [classes]float64
}

const arrivalPeriod = 50 * time.Millisecond

func (a *arrivals) turn(now time.Time) int64 {
	period := now.UnixNano() / int64(arrivalPeriod)
	switch {
	case period == a.period:
	case period == a.period+1:
		a.before, a.current = a.current, [classes]float64{}
	default:
		a.before, a.current = [classes]float64{}, [classes]float64{}
	}
	a.period = period
	return period
}

// come counts a call and returns what gone takes back.
func (a *arrivals) come(c Class, now time.Time) int64 {
	period := a.turn(now)
	a.current[c]++
	return period
}

func (a *arrivals) gone(c Class, period int64, now time.Time) {
	switch a.turn(now) - period {
	case 0:
		a.current[c]--
	case 1:
		a.before[c]--
	}
}

func (a *arrivals) count(c Class, now time.Time) float64 {
	a.turn(now)
	return a.current[c] + a.before[c]
}
