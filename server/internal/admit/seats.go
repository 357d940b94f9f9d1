package admit

import "sync"

// seats counts the streams that run for long.
type seats struct {
	mu      sync.Mutex
	taken   int
	imports int
	own     map[any]int
}

// full reports whether there is no seat for a call now.
func (s *seats) full(call *Call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.none(call)
}

func (s *seats) none(call *Call) bool {
	if call.Rule.Class == Batch {
		return s.imports >= maxImportSeats
	}
	return s.taken >= maxSeats || s.own[call.key] >= maxOwnSeats
}

func (s *seats) take(call *Call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.none(call) {
		return false
	}
	if call.Rule.Class == Batch {
		s.imports++
	} else {
		s.taken++
		s.own[call.key]++
	}
	call.seated = true
	return true
}

func (s *seats) give(call *Call) {
	if !call.seated {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	call.seated = false
	if call.Rule.Class == Batch {
		s.imports--
		return
	}
	s.taken--
	if s.own[call.key]--; s.own[call.key] == 0 {
		delete(s.own, call.key)
	}
}
