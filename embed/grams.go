package embed

import (
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
)

func (a *Analyzer) feature(hash uint64) {
	id := uint32(hash) & featureMask
	if a.trace != nil {
		a.trace(id)
		return
	}
	a.features.add(id)
}

// wordGrams adds the n-grams that end with the word of the hash.
func (a *Analyzer) wordGrams(hash uint64) {
	copy(a.previous[1:], a.previous[:])
	a.previous[0] = hash
	a.following = min(a.following+1, maxWordGram)
	gram := uint64(0)
	for n := 1; n <= min(a.cfg.Words.Max, a.following); n++ {
		if n == 1 {
			gram = hash
		} else {
			// A multiply and a fold of the longer n-gram's hash and the length, which serves as the tag.
			gram = (gram ^ a.previous[n-1]*0xC2B2AE3D27D4EB4F ^ uint64(n)) * 0x9E3779B97F4A7C15
			gram ^= gram >> 32
		}
		if n >= a.cfg.Words.Min {
			a.feature(gram)
		}
	}
}

// charGrams adds the character n-grams of a word with a space before and behind it. They are hashed behind a byte 2,
// which no word begins with.
func (a *Analyzer) charGrams(word []byte) {
	if a.cfg.Chars.none() {
		return
	}
	var text [maxWord + 3]byte
	text[0], text[1] = 2, ' '
	n := 2 + copy(text[2:], word)
	text[n] = ' '
	var starts [maxWord + 3]int // of the characters in text[1:n+1], and the end
	count := 0
	for i := 1; i <= n; count++ {
		starts[count] = i
		_, width := utf8.DecodeRune(text[i : n+1])
		i += width
	}
	starts[count] = n + 1
	for i := range count {
		mark := starts[i] - 1
		kept := text[mark]
		text[mark] = 2
		for length := a.cfg.Chars.Min; length <= a.cfg.Chars.Max && i+length <= count; length++ {
			a.feature(xxhash.Sum64(text[mark:starts[i+length]]))
		}
		text[mark] = kept
	}
}
