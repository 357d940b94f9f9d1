package embed

import "math/bits"

// bucketSet is a set of buckets that knows how many of its members lie below each: a bitmap with a count per word. It
// maps the buckets that a model knows to the numbers 0, 1, 2 ... in 1/4 byte a bucket.
type bucketSet []bucketWord

type bucketWord struct {
	bits  uint64
	below uint32 // members in the words before
}

func newBucketSet(buckets int) bucketSet { return make(bucketSet, buckets/64) }

func (s bucketSet) insert(b uint32) { s[b>>6].bits |= 1 << (b & 63) }

// count fills in the counts after the last insert and returns the number of members.
func (s bucketSet) count() int {
	below := uint32(0)
	for i := range s {
		s[i].below = below
		below += uint32(bits.OnesCount64(s[i].bits))
	}
	return int(below)
}

// rank returns the number of the bucket, and whether it is in the set.
func (s bucketSet) rank(b uint32) (uint32, bool) {
	w := &s[b>>6]
	bit := uint64(1) << (b & 63)
	return w.below + uint32(bits.OnesCount64(w.bits&(bit-1))), w.bits&bit != 0
}

// each calls fn for every member, ascending.
func (s bucketSet) each(fn func(b uint32)) {
	for i := range s {
		for rest := s[i].bits; rest != 0; rest &= rest - 1 {
			fn(uint32(i)<<6 | uint32(bits.TrailingZeros64(rest)))
		}
	}
}
