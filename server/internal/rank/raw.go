package rank

// Raw is a candidate with all that a blend needs of it at first: what does not depend on the other candidates. A shard
// answers with these, and a front blends those of all shards.
type Raw struct {
	Slot           uint32
	Cosine, BM25   float32
	Estimate       float32 // of BM25
	Shared         uint32  // bigrams of the query
	Dense, ByWords bool    // which list found it
}

// Raw appends the candidates of Candidates to dst, in no order. It stands for Fuse where the blend is another's.
func (r *Ranker) Raw(c Corpus, q *Query, dst []Raw) ([]Raw, error) {
	if q.Terms == nil {
		for _, found := range r.dense {
			dst = append(dst, Raw{Slot: found.Slot, Cosine: found.Score, Dense: true})
		}
		return dst, nil
	}
	n, err := r.merge(c, q)
	if err != nil {
		return dst, err
	}
	l := &r.list
	estimates := make([]float64, len(l.slots))
	c.Words.Estimates(&r.words, l.slots, estimates)
	l.match(c.Words, &r.words, q.Weights.Phrase)
	for i, slot := range l.slots {
		dst = append(dst, Raw{
			Slot: slot, Cosine: l.cosines[i], BM25: float32(l.bm25[i]), Estimate: float32(estimates[i]),
			Shared: l.bigrams[i], Dense: i < n, ByWords: l.byWords[i],
		})
	}
	return dst, nil
}
