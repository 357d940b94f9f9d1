package main

import "time"

// stretch is the time over which the slowest rate is taken.
const stretch = 10 * time.Second

// pace watches how fast acknowledgements come.
type pace struct {
	slowest float64       // papers a second over the worst stretch; 0 while there was none
	longest time.Duration // between two acknowledgements

	last   time.Time
	begin  time.Time // of the stretch that runs
	papers int64     // acknowledged at its begin
}

func newPace(begin time.Time) *pace { return &pace{last: begin, begin: begin} }

// note takes in that so many papers are acknowledged at a moment.
func (p *pace) note(now time.Time, papers int64) {
	p.longest, p.last = max(p.longest, now.Sub(p.last)), now
	took := now.Sub(p.begin)
	if took < stretch {
		return
	}
	if rate := float64(papers-p.papers) / took.Seconds(); p.slowest == 0 || rate < p.slowest {
		p.slowest = rate
	}
	p.begin, p.papers = now, papers
}
