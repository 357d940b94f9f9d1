package embed

import "sync"

// pool runs the phases of a batch on a fixed set of goroutines. What a phase computes must not depend on which
// goroutine takes which part.
type pool struct {
	workers int
	parts   []chan func(worker int)
	phase   sync.WaitGroup
	all     sync.WaitGroup
}

func newPool(workers int) *pool {
	p := &pool{workers: workers}
	for w := 1; w < workers; w++ {
		in := make(chan func(int))
		p.parts = append(p.parts, in)
		p.all.Go(func() {
			for fn := range in {
				fn(w)
				p.phase.Done()
			}
		})
	}
	return p
}

// run calls fn once for each worker, from 0, and returns when all calls have.
func (p *pool) run(fn func(worker int)) {
	p.phase.Add(len(p.parts))
	for _, in := range p.parts {
		in <- fn
	}
	fn(0)
	p.phase.Wait()
}

// split calls fn with the part of [0, n) that each worker is to do, in multiples of step.
func (p *pool) split(n, step int, fn func(worker, from, to int)) {
	steps := (n + step - 1) / step
	p.run(func(w int) {
		from, to := steps*w/p.workers*step, min(steps*(w+1)/p.workers*step, n)
		if from < to {
			fn(w, from, to)
		}
	})
}

func (p *pool) close() {
	for _, in := range p.parts {
		close(in)
	}
	p.all.Wait()
}
