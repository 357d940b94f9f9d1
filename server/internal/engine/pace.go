package engine

import (
	"context"
	"sync"
)

// pace holds writers back to the rate at which something behind them keeps up. Its zero value lets everyone pass.
type pace struct {
	mu     sync.Mutex
	held   bool
	credit int           // writes that may still pass; below 0 after a batch larger than the credit
	change chan struct{} // closed when credit is granted or writers are freed; nil while nobody waits
}

// hold begins to hold writers back. Once more changes nothing.
func (p *pace) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.held {
		p.held, p.credit = true, 0
	}
}

// grant lets n more writes pass.
func (p *pace) grant(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.credit += n
	p.wake()
}

// free lets everyone pass again.
func (p *pace) free() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = false
	p.wake()
}

// wake is called under mu.
func (p *pace) wake() {
	if p.change != nil {
		close(p.change)
		p.change = nil
	}
}

// take waits until n writes may pass. A batch passes whole as soon as there is any credit, so that its size does not
// matter.
func (p *pace) take(ctx context.Context, n int) error {
	for {
		p.mu.Lock()
		switch {
		case !p.held:
			p.mu.Unlock()
			return nil
		case p.credit > 0:
			p.credit -= n
			p.mu.Unlock()
			return nil
		}
		if p.change == nil {
			p.change = make(chan struct{})
		}
		change := p.change
		p.mu.Unlock()
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tailPace lets writers pass a full tail at four fifths of the rate at which the graph takes it in, so that the tail
// ebbs and nobody waits until it has: behind a swap in the midst of an import of millions that takes minutes. Its zero
// value is ready.
type tailPace struct {
	mu     sync.Mutex
	serial uint64 // of the generation that due is about
	due    int    // vectors in its graph at which the next write passes
}

// pass reports whether a write of n papers may pass, of which a generation's graph holds a number of vectors.
func (p *tailPace) pass(serial uint64, graph, n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.serial != serial {
		p.serial, p.due = serial, graph+n+n/4
	}
	if graph < p.due {
		return false
	}
	p.due = graph + n + n/4
	return true
}
