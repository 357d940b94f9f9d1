package embed

import (
	"slices"
	"strings"
)

// compound is the word read last, together with those that it is joined to, in the spelling without hyphens and
// markup: il6 of IL-6, tnfalpha of TNF-α, lifepo4 of LiFePO$_4$. An analysis counts it beside its parts, so that a
// text is found by either spelling.
type compound struct {
	word    [maxWord + 32]byte
	n       int    // bytes of it; 0 = the word read last cannot be continued
	parts   int    // words of it
	marked  bool   // a joint of it is markup
	surface string // as written, during EachWord
}

const (
	// maxGap is the number of bytes between two words that are looked at for a joint.
	maxGap = 6
	// maxParts is the number of words of a compound; the next word begins anew.
	maxParts = 8
)

// start begins anew with a word.
func (c *compound) start(word []byte, surface string) {
	c.n, c.parts, c.marked, c.surface = copy(c.word[:maxWord], word), 1, false, surface
}

// join adds the word that follows a gap, when the two are one name, and reports whether they are.
func (c *compound) join(gap string, word []byte) bool {
	if c.n == 0 || gap == "" || c.parts == maxParts || c.n+len(word) > maxWord || !c.joins(gap, word) {
		return false
	}
	c.n += copy(c.word[c.n:], word)
	c.parts++
	return true
}

func (c *compound) joins(gap string, right []byte) bool {
	left := c.word[:c.n]
	if !hasLetter(left) && !hasLetter(right) {
		return false
	}
	switch {
	case gap == "-":
		return joinedByHyphen(left, right)
	case indexTag(gap) == len(gap):
		c.marked = true
		return true
	case strings.Trim(gap, "$_^{}\\-") != "":
		return false
	case gap == "_": // x_1, but not an identifier such as learning_rate
		return isDigit(right[0])
	case strings.ContainsAny(gap, "_^"):
		c.marked = true
		return true
	case c.marked && strings.Trim(gap, "$}") == "":
		return true
	case strings.Count(gap, "-") == 1 || gap == "$\\" || gap == "\\": // TNF-$\alpha$, TNF$\alpha$
		return joinedByHyphen(left, right)
	}
	return false
}

// joinedByHyphen reports whether two words with a hyphen between them are also written as one: IL-6, BRCA-1, TNF-α,
// 3-D.
func joinedByHyphen(left, right []byte) bool {
	const longestName, longestNumber, longestUnit = 16, 6, 2
	switch {
	case len(left) > longestName:
		return false
	case beginsGreek(right):
		return true
	case isDigit(right[0]):
		return len(right) <= longestNumber && hasLetter(left) && !slices.Contains(right, '.')
	}
	return isDigit(left[len(left)-1]) && len(right) <= longestUnit
}

// beginsGreek reports whether a word is the name of a Greek letter, with a digit or two letters more at most.
func beginsGreek(word []byte) bool {
	if word[0] < 'a' || word[0] > 'z' {
		return false
	}
	for _, name := range greekNames {
		if len(word) < len(name) || string(word[:len(name)]) != name {
			continue
		}
		rest := word[len(name):]
		if len(rest) == 0 || isDigit(rest[0]) || len(name) > 3 && len(rest) <= 2 {
			return true
		}
	}
	return false
}

func hasLetter(word []byte) bool {
	for _, c := range word {
		if !isDigit(c) && c != '.' {
			return true
		}
	}
	return false
}

// indexTag returns the length of the tag of a lower or upper index that a text begins with, or 0.
func indexTag(text string) int {
	for _, tag := range [...]string{"<sub>", "</sub>", "<sup>", "</sup>"} {
		if strings.HasPrefix(text, tag) {
			return len(tag)
		}
	}
	return 0
}
