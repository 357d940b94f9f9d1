package lexical

// Features appends the features of a slot below Len to dst, rising.
func (x *Index) Features(slot uint32, dst []uint32) []uint32 {
	p := x.row(slot)
	for b, begin := uint32(0), 0; begin < len(p.lows); b++ {
		end := p.end(b)
		for _, low := range p.lows[begin:end] {
			dst = append(dst, b<<bucketShift|uint32(low))
		}
		begin = end
	}
	return dst
}

// Features are those of the query that some live paper has, rising. They are the query's own, until it is prepared
// again.
func (q *Query) Features() []uint32 { return q.features }
