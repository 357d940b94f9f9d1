package admit

import (
	"sync"
	"time"
)

// Shed is how many calls of one method doors have refused for one reason.
type Shed struct {
	Method string
	Err    error // as the callers were told, without the names of their requests
	Calls  int
}

// shed counts what doors refuse, and tells of it once a second: a line in the log or a metric for each would cost more
// than the refusal.
type shed struct {
	tell func([]Shed) // nil: no one

	mu     sync.Mutex
	counts map[shedKey]int // nil when nothing is to be told
}

type shedKey struct {
	method string
	err    error
}

// tellEvery is how long counts are gathered.
const tellEvery = time.Second

func (s *shed) count(method string, err error) {
	if s.tell == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts = make(map[shedKey]int)
		time.AfterFunc(tellEvery, s.report)
	}
	s.counts[shedKey{method, err}]++
}

func (s *shed) report() {
	s.mu.Lock()
	counts := s.counts
	s.counts = nil
	s.mu.Unlock()
	told := make([]Shed, 0, len(counts))
	for key, n := range counts {
		told = append(told, Shed{key.method, key.err, n})
	}
	s.tell(told)
}
