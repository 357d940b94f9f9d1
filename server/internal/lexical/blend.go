package lexical

import (
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
