package lexical

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is the kind of a query, which decides how much its cosine counts when the caller does not say.
type Kind uint8

// The kinds of queries.
const (
	TextQuery  Kind = iota // a question, a sentence, an abstract
	TitleQuery             // a few words without a full stop: most often the title of a paper
	PaperQuery             // a stored paper
)

// titleWords is the most content words of a title-like text.
const titleWords = 10

// KindOf tells a title-like text, at most ten content words and no final punctuation, from other text.
func KindOf(text string, tokens int) Kind {
	if tokens > titleWords {
		return TextQuery
	}
	last, _ := utf8.DecodeLastRuneInString(strings.TrimRightFunc(text, unicode.IsSpace))
	if unicode.Is(unicode.Po, last) && last != '*' && last != '%' && last != '&' && last != '#' && last != '@' {
		return TextQuery
	}
	return TitleQuery
}

// DenseWeight is the default weight of the cosine for a kind of query, 0 to 1. The rest is BM25's.
func DenseWeight(k Kind) float64 {
	switch k {
	case PaperQuery:
		return .5
	case TitleQuery:
		return .15
	}
	return .4
}

// Ranking is the candidates of one query: four slices of one length. It is scratch that can be used again.
type Ranking struct {
	Slots   []uint32
	Cosines []float32
	BM25    []float64
	Scores  []float64 // what Order ranks by; written by Blend

	order []int32
	spare struct {
		slots   []uint32
		cosines []float32
		bm25    []float64
		scores  []float64
	}
}

// Resize gives the four slices the length n, with undefined contents.
func (r *Ranking) Resize(n int) {
	r.Slots = slices.Grow(r.Slots[:0], n)[:n]
	r.Cosines = slices.Grow(r.Cosines[:0], n)[:n]
	r.BM25 = slices.Grow(r.BM25[:0], n)[:n]
	r.Scores = slices.Grow(r.Scores[:0], n)[:n]
}

// Len is the number of candidates.
func (r *Ranking) Len() int { return len(r.Slots) }

// Blend writes weight * cosine + (1 - weight) * BM25 to Scores, both scaled over the candidates so that the least is 0 and
// the most is 1. One that is the same for all candidates counts 0 for all.
func (r *Ranking) Blend(weight float64) {
	if len(r.Slots) == 0 {
		return
	}
	lowC, highC := slices.Min(r.Cosines), slices.Max(r.Cosines)
	lowB, highB := slices.Min(r.BM25), slices.Max(r.BM25)
	scaleC, scaleB := 0., 0.
	if highC > lowC {
		scaleC = weight / (float64(highC) - float64(lowC))
	}
	if highB > lowB {
		scaleB = (1 - weight) / (highB - lowB)
	}
	for i := range r.Scores {
		r.Scores[i] = scaleC*(float64(r.Cosines[i])-float64(lowC)) + scaleB*(r.BM25[i]-lowB)
	}
}

// Order sorts the candidates by falling score, ties by rising slot.
func (r *Ranking) Order() {
	n := len(r.Slots)
	r.order = slices.Grow(r.order[:0], n)[:n]
	for i := range r.order {
		r.order[i] = int32(i)
	}
	slices.SortFunc(r.order, func(i, j int32) int {
		switch a, b := r.Scores[i], r.Scores[j]; {
		case a > b:
			return -1
		case a < b:
			return 1
		case r.Slots[i] < r.Slots[j]:
			return -1
		}
		return 1
	})
	s := &r.spare
	r.Slots, s.slots = permute(r.Slots, s.slots, r.order)
	r.Cosines, s.cosines = permute(r.Cosines, s.cosines, r.order)
	r.BM25, s.bm25 = permute(r.BM25, s.bm25, r.order)
	r.Scores, s.scores = permute(r.Scores, s.scores, r.order)
}

// permute writes from, in the given order, to the memory of to, and returns it with from as the new spare.
func permute[T any](from, to []T, order []int32) (ordered, spare []T) {
	to = slices.Grow(to[:0], len(from))[:len(from)]
	for i, at := range order {
		to[i] = from[at]
	}
	return to, from
}
