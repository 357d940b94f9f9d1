package rank

import "slices"

// Parts are what a score is made of: they sum to it.
type Parts struct {
	Dense         float64 // of the cosine
	Words         float64 // of BM25, and of words like those that a paper lacks
	Phrase        float64 // of shared pairs of neighbouring words
	Neighbourhood float64 // of other candidates that are near and score high
}

func (p *Parts) sum() float64 { return p.Dense + p.Words + p.Phrase + p.Neighbourhood }

func (p *Parts) times(factor float64) {
	p.Dense *= factor
	p.Words *= factor
	p.Phrase *= factor
	p.Neighbourhood *= factor
}

// reading turns the scores that a ranking counts with into those that people read. A ranking counts from its weakest
// candidate, and its scale follows from all of them, so its scores say little by themselves. Read, 1 is a paper that
// says what the query says: the same vector, each of the query's words once in a text of usual length, all its pairs
// of words, and neighbours that score best. 0 is a paper that has nothing in common with it. The map is linear, so the
// order stays.
type reading struct {
	base  float64 // what the weakest candidate has in common with the query
	ideal float64 // the score of the paper that says what the query says
}

// plain reads scores as they are.
var plain = reading{ideal: 1}

// read sets the reading of the list. ideal is the most that a paper can be expected to have of each part; where a
// candidate has more, that is the ideal.
func (l *list) read(ideal Parts) reading {
	r := reading{ideal: ideal.sum()}
	if len(l.slots) > 0 {
		best := slices.Max(l.scores)
		parts := &l.parts[slices.Index(l.scores, best)]
		r.base = parts.sum() - best
		r.ideal = max(r.ideal, parts.sum())
	}
	if r.ideal <= 0 { // nothing to have in common
		r.ideal = 1
	}
	return r
}

// Finish turns the scores of Ranked into those that people read, from 0 to 1, and scales the parts so that they sum to
// them. It is the last stage. What age has taken from a score it takes from every part alike.
func (r *Ranker) Finish() {
	for i := range r.Ranked {
		hit := &r.Ranked[i]
		hit.Score = min(1, max(0, (r.reading.base+hit.Score)/r.reading.ideal))
		if sum := hit.Parts.sum(); sum > 0 {
			hit.Parts.times(hit.Score / sum)
		}
	}
}
