package embed

import (
	"math"
	"math/bits"
	"slices"
)

// Terms are the features of one or more texts with their counts. A feature is a bucket of a fixed hash, so it says
// nothing about the word it came from, and two words in 2^20 share one.
type Terms struct {
	IDs    []uint32 // ascending and distinct, below 1<<FeatureBits
	Counts []uint16 // occurrences of each, 1 to 65535; more are held as 65535
	Tokens int      // words or n-grams of the texts, not saturating; a compound counts as its parts only
	// Bigrams are 16-bit hashes of every two neighbouring words of one text, in the order of the texts and as often as
	// they occur. Only Analysis.Words has them.
	Bigrams []uint16
}

// Analysis is what Analyzer.Analyze finds in its texts.
type Analysis struct {
	// Words are the single content words, whatever the config: the input of BM25.
	Words Terms
	// Features are the n-grams of the config: the input of Model.Embed. They share the slices of Words when the config is
	// single words and nothing else.
	Features Terms
}

// counter counts features in an open-addressed table. It keeps at most smallTable slots between texts.
type counter struct {
	slots  []countSlot
	used   []uint32 // indexes of the taken slots
	shift  int      // a hash of 32 bits shifted right by this is a slot
	tokens int
	sorted []uint64
}

type countSlot struct {
	key   uint32 // feature + 1; 0 = free
	count uint32
}

const (
	firstTable = 1 << 10
	smallTable = 1 << 14
)

func (c *counter) init() {
	c.slots = make([]countSlot, firstTable)
	c.used = make([]uint32, 0, firstTable/2)
	c.shift = 32 - bits.Len(firstTable-1)
}

func (c *counter) add(id uint32) {
	c.tokens++
	c.addBeside(id)
}

// addBeside counts a feature that is no token of its own.
func (c *counter) addBeside(id uint32) {
	i := c.find(id)
	if c.slots[i].key == 0 {
		if len(c.used) == len(c.slots)/2 {
			c.grow()
			i = c.find(id)
		}
		c.used = append(c.used, i)
		c.slots[i].key = id + 1
	}
	c.slots[i].count++
}

// find returns the slot of a feature, or the free one where it belongs.
func (c *counter) find(id uint32) uint32 {
	mask := uint32(len(c.slots) - 1)
	i := id * 0x9E3779B1 >> c.shift
	for c.slots[i].key != id+1 && c.slots[i].key != 0 {
		i = (i + 1) & mask
	}
	return i
}

func (c *counter) grow() {
	old := c.slots
	c.slots = make([]countSlot, 2*len(old))
	c.shift--
	for n, i := range c.used {
		s := old[i]
		c.used[n] = c.find(s.key - 1)
		c.slots[c.used[n]] = s
	}
}

// flush writes the counts to dst, reusing its slices, and empties the counter.
func (c *counter) flush(dst *Terms) {
	c.sorted = c.sorted[:0]
	for _, i := range c.used {
		s := &c.slots[i]
		c.sorted = append(c.sorted, uint64(s.key-1)<<32|uint64(s.count))
		*s = countSlot{}
	}
	slices.Sort(c.sorted)
	dst.IDs, dst.Counts = slices.Grow(dst.IDs[:0], len(c.sorted)), slices.Grow(dst.Counts[:0], len(c.sorted))
	for _, v := range c.sorted {
		dst.IDs = append(dst.IDs, uint32(v>>32))
		dst.Counts = append(dst.Counts, uint16(min(uint32(v), math.MaxUint16)))
	}
	dst.Tokens = c.tokens
	c.tokens = 0
	c.used = c.used[:0]
	if len(c.slots) > smallTable {
		c.sorted = nil
		c.init()
	}
}
