package rank

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is the kind of a query, which decides how much its cosine counts when the caller does not say.
type Kind uint8

// The kinds of queries.
const (
	TextQuery  Kind = iota // a question, a sentence or a few
	TitleQuery             // a few words without a full stop: most often the title of a paper
	PaperQuery             // a stored paper, or a text as long as an abstract
)

const (
	titleWords = 10 // the most content words of a title-like text
	paperWords = 60 // the least of a text as long as an abstract
)

// KindOf tells a title-like text, at most ten content words and no final punctuation, from other text, and that from a
// text as long as an abstract. Tokens is the number of content words.
func KindOf(text string, tokens int) Kind {
	if tokens >= paperWords {
		return PaperQuery
	}
	if tokens > titleWords {
		return TextQuery
	}
	last, _ := utf8.DecodeLastRuneInString(strings.TrimRightFunc(text, unicode.IsSpace))
	if unicode.Is(unicode.Po, last) && last != '*' && last != '%' && last != '&' && last != '#' && last != '@' {
		return TextQuery
	}
	return TitleQuery
}

// Depth is the number of candidates by cosine that a search is ranked from where words find others.
const Depth = 64

// Weights say how candidates are found and ranked.
type Weights struct {
	Dense      float64 // share of the cosine in the blend with BM25, 0 to 1
	K1         float64 // of BM25, see lexical.Index.PrepareK1; 0: lexical.DefaultK1
	Phrase     float64 // worth of a shared bigram, in units of BM25
	Alike      float64 // worth of a word like one that a paper lacks, as a share of that one's idf, times their cosine
	Words      int     // candidates by BM25 for every Depth by cosine; 0: none
	Neighbours float64 // worth of neighbours that score high, where the blend's own range is 1
}

// DefaultWeights are the weights for a kind of query where the request does not choose. The measurements behind them
// are in server/docs/decisions.md.
//
//   - A title is looked for by its words, most of all by pairs of them, and how often a paper repeats one says little;
//     the cosine only helps. A word of the title that a paper lacks it may say in another way.
//   - A whole paper has words enough to be near to what it should be near to: candidates by BM25 and shared bigrams
//     bring nothing, and many words make them costly.
//   - Papers that answer a question, or are like a paper, stand together; the paper with a title stands alone.
//   - The cosines of an untrained model count shared words, as BM25 does and does better.
func DefaultWeights(k Kind, trained bool) Weights {
	w := Weights{Dense: .55, Phrase: 1.5, Words: 60, Neighbours: .1}
	switch k {
	case TitleQuery:
		w.Dense, w.K1, w.Neighbours, w.Alike = .3, .4, 0, .5
	case PaperQuery:
		w = Weights{Dense: .6, Neighbours: .1}
	}
	if !trained {
		w.Dense, w.Words, w.Alike = .05, Depth, 0
		if k == TitleQuery {
			w.K1 = .6
		}
	}
	return w
}

// WithDense is the weights with a share of the cosine that the caller chose. Since that may be small, words find as
// many candidates as vectors. At 0 and 1 the neighbours, who are so by cosine and are judged by both, have no say, and
// no word stands in for another.
func (w Weights) WithDense(share float64) Weights {
	w.Dense, w.Words = share, Depth
	if share == 0 || share == 1 {
		w.Neighbours, w.Alike = 0, 0
	}
	return w
}
