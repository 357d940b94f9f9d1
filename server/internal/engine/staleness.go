package engine

// staleness is what the scheduler knows of the drift of the live model. It is a value.
type staleness struct {
	generation uint64 // serial
	papers     int    // when the drift was measured
	drift      float64
}

// observe measures the drift where it decides about a training, and again when the corpus has grown by a tenth.
func (s staleness) observe(g *Generation) staleness {
	papers, learnt := g.papers(), g.model.Papers()
	if learnt < learnEarly || papers < 2*learnt || s.generation == g.serial && papers < s.papers+s.papers/10 {
		return s
	}
	return staleness{g.serial, papers, g.model.Drift(papers, g.words.Frequency)}
}
