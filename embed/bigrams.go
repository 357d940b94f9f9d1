package embed

// bigram hashes two words in their order to 16 bits: the top ones of a product that all bits of both reach.
func bigram(first, second uint32) uint16 {
	h := (uint64(first)<<FeatureBits | uint64(second)) * 0x9E3779B97F4A7C15
	h ^= h >> 32
	return uint16(h * 0xD6E8FEB86659FD93 >> 48)
}

// wordEnds are the words that may have the next one as their neighbour, plus 1; 0 = none.
type wordEnds struct {
	last     uint32 // the word before
	compound uint32 // the compound that ended with it
	before   uint32 // the word before the compound that is being read
}

// follow appends the bigrams that end with a word or compound. A compound stands in the place of all its words, so
// that it has the neighbours that it has where it is written as one word.
func (e *wordEnds) follow(bigrams []uint16, id uint32, compound bool) []uint16 {
	if compound {
		if e.before != 0 {
			bigrams = append(bigrams, bigram(e.before-1, id))
		}
		e.compound = id + 1
		return bigrams
	}
	if e.last != 0 {
		bigrams = append(bigrams, bigram(e.last-1, id))
	}
	if e.compound != 0 {
		bigrams = append(bigrams, bigram(e.compound-1, id))
	}
	e.last, e.compound = id+1, 0
	return bigrams
}
