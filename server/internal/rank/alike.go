package rank

import (
	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/lexical"
)

const (
	// alikeDepth is the number of candidates, the best before, whose words are compared with those they lack.
	alikeDepth = 4
	// alikeWords is how many words that a candidate lacks are looked for. A title has ten, and joined ones.
	alikeWords = 16
	// alikeFeatures is how many words of a candidate are looked at: an abstract has some 85. Of a longer text they are a
	// sample, chosen by a hash.
	alikeFeatures = 256
)

// alike is the scratch of list.alike.
type alike struct {
	features []uint32 // of a candidate
	lacking  [alikeWords]uint32
	nearest  [alikeWords]float32
}

// alike adds to the scores of the best candidates what words are worth that say nearly what words of the query say
// which they lack: the idf of such a word, times the largest cosine between its row in the model and the row of a word
// that the candidate has, times weight, in units of BM25. It counts as a part of the words. It follows phrases, and
// allocates nothing once its scratch has grown.
func (l *list) alike(m *embed.Model, x Words, q *lexical.Query, weight float64) {
	weight *= l.scale.words
	if weight == 0 || m == nil || !m.Trained() {
		return
	}
	h := &l.soft
	for _, at := range l.near.at[:l.best(alikeDepth)] {
		h.features = x.Features(l.slots[at], h.features[:0])
		n := h.lack(q.Features())
		if n == 0 {
			continue
		}
		m.MostAlike(h.nearest[:n], h.lacking[:n], h.features[:min(alikeFeatures, len(h.features))])
		for i, cosine := range h.nearest[:n] {
			more := weight * q.Weight(h.lacking[i]) * float64(cosine)
			l.parts[at].Words += more
			l.scores[at] += more
		}
	}
}

// lack finds the first words, of those which rise, that are not among the candidate's features.
func (h *alike) lack(words []uint32) (n int) {
	at := 0
	for _, word := range words {
		for at < len(h.features) && h.features[at] < word {
			at++
		}
		if at < len(h.features) && h.features[at] == word {
			continue
		}
		if n == len(h.lacking) {
			break
		}
		h.lacking[n] = word
		n++
	}
	return n
}
