package alert

// Stats are figures of all alerts.
type Stats struct {
	Subscriptions int64
	Unmatched     int64 // papers that are stored and not matched yet
	Matches       int64 // since the start
	Pending       int64 // matches that wait for delivery, over all sinks
	Delivered     int64 // since the start, over all sinks
	Dropped       int64 // likewise
	Failing       int64 // sinks whose last attempt failed
	Disabled      int64 // sinks that were given up
}

// Attempts is how many deliveries of a kind had an outcome since the start.
func (a *Alerts) Attempts(kind SinkKind, o Outcome) int64 { return a.counts.attempts[kind][o].Load() }

// Stats looks at everything in memory.
func (a *Alerts) Stats() Stats {
	s := Stats{
		Matches: a.counts.matches.Load(), Delivered: a.counts.delivered.Load(), Dropped: a.counts.dropped.Load(),
	}
	a.mu.RLock()
	s.Subscriptions = int64(len(a.byUID))
	for _, e := range a.byUID {
		for i := range e.sub.Sinks {
			sink := e.standing.Sends[e.sub.Sinks[i].key()]
			if e.sub.Sinks[i].Kind != Feed && !sink.Disabled && !sink.Unsubscribed {
				s.Pending += int64(e.standing.Head - min(e.standing.Head, sink.Through))
			}
			switch {
			case sink.Disabled:
				s.Disabled++
			case sink.Error != "":
				s.Failing++
			}
		}
	}
	a.mu.RUnlock()
	if cursor := a.cursor.Load(); s.Subscriptions > 0 && cursor < a.engine.Revision() {
		lens := a.engine.Lens()
		s.Unmatched = int64(lens.Behind(cursor))
		lens.Close()
	}
	return s
}
