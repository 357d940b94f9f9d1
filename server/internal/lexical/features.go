package lexical

// Features appends the features of a slot below Len to dst, rising.
func (x *Index) Features(slot uint32, dst []uint32) []uint32 {
	for p := x.row(slot).all(); len(p.lows) > 0; {
		dst = append(dst, p.next()>>countBits)
	}
	return dst
}

// Features are those of the query that some live paper has, rising. They are the query's own, until it is prepared
// again.
func (q *Query) Features() []uint32 { return q.features }
