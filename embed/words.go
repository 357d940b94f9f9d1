package embed

import (
	"encoding/binary"
	"math/bits"

	"github.com/blevesearch/go-porterstemmer"
	"github.com/cespare/xxhash/v2"
)

// maxWord is the number of bytes of a word that count; what follows them is left out. It bounds the work and the
// memory of a text without spaces.
const maxWord = 128

// stopWords are the English stop words of Lucene.
var stopWords = func() map[string]bool {
	words := map[string]bool{}
	for _, w := range []string{"a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is",
		"it", "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to",
		"was", "will", "with"} {
		words[w] = true
	}
	return words
}()

// stems turns a word into the 64-bit hash of its stem. It remembers the words of up to 24 bytes it met last, in a table
// where each word has one place: papers repeat themselves, and stemming is what an analysis would spend its time in.
type stems struct {
	recent []stemEntry
	runes  [maxWord + 8]rune
	stem   [4 * maxWord]byte
}

type stemEntry struct {
	word [3]uint64 // the bytes of the word, then zeros
	hash uint64
}

const (
	stemEntries = 1 << 13
	stopHash    = 0 // of a stop word; no stem is known to hash to it
)

func (s *stems) init() { s.recent = make([]stemEntry, stemEntries) }

// hash returns the hash of the stem of a lower-case word, or stopHash. The word must have room for 24 bytes.
func (s *stems) hash(word []byte) uint64 {
	if len(word) > 24 {
		return s.compute(word)
	}
	key := wordKey(word)
	mixed := (key[0]^bits.RotateLeft64(key[1], 23)^bits.RotateLeft64(key[2], 47))*0x9E3779B97F4A7C15 +
		key[1]*0xC2B2AE3D27D4EB4F
	e := &s.recent[mixed>>(64-13)]
	if e.word != key {
		e.word, e.hash = key, s.compute(word)
	}
	return e.hash
}

// wordKey returns the bytes of a word of up to 24 bytes as numbers. The bytes behind it, up to 24, are cleared.
func wordKey(word []byte) (key [3]uint64) {
	b := word[:24]
	clear(b[len(word):])
	return [3]uint64{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])}
}

// compute stems words of ASCII letters and digits; words of other scripts are hashed as they are.
func (s *stems) compute(word []byte) uint64 {
	if stopWords[string(word)] {
		return stopHash
	}
	for i, c := range word {
		if c >= 0x80 {
			return xxhash.Sum64(word)
		}
		s.runes[i] = rune(c)
	}
	stem := porterstemmer.StemWithoutLowerCasing(s.runes[:len(word)])
	for i, r := range stem {
		s.stem[i] = byte(r)
	}
	return xxhash.Sum64(s.stem[:len(stem)])
}
