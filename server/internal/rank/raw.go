package rank

// Raw is a candidate with all that a blend needs of it at first: what does not depend on the other candidates. A shard
// answers with these, and a front blends those of all shards.
type Raw struct {
	Slot           uint32
	Cosine, BM25   float32
	Shared         uint32 // bigrams of the query
	Dense, ByWords bool   // which list found it
}

// Raw appends the candidates of Candidates to dst, in no order. It stands for Fuse where the blend is another's.
func (r *Ranker) Raw(c Corpus, q *Query, dst []Raw) ([]Raw, error) {
	if q.Terms == nil {
		for _, found := range r.dense {
			dst = append(dst, Raw{Slot: found.Slot, Cosine: found.Score, Dense: true})
		}
		return dst, nil
	}
	m, n, err := r.facts(c, q)
	if err != nil {
		return dst, err
	}
	l := &r.list
	shared := make([]uint32, len(l.slots))
	if q.Weights.Phrase > 0 {
		c.Words.Shared(&r.words, l.slots, shared)
	}
	for i, slot := range l.slots {
		dst = append(dst, Raw{
			Slot: slot, Cosine: l.cosines[i], BM25: float32(l.bm25[i]), Shared: shared[i], Dense: i < n, ByWords: i >= m,
		})
	}
	return dst, nil
}
