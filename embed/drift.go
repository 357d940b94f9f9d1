package embed

import "math"

// Drift says how far the words of a corpus have moved from those that the model was made of, 0 for not at all: of the
// weight that a mean paper's words should have, the share that they have too much or too little of.
//
//	drift = sum of df |should - has| / sum of df should,  should = idf^Rarity of the corpus, has = Weight
//
// over all features, each as often as papers have it. A word that the model never saw has 0. papers is the number of
// papers of the corpus, and frequency the number of them that have a feature: the Words of package lexical, whatever
// the config. It takes about 20 ms.
func (m *Model) Drift(papers int, frequency func(feature uint32) int) float64 {
	var wrong, all float64
	for id := range uint32(1 << FeatureBits) {
		df := frequency(id)
		if df <= 0 || df > papers { // a write at work may be counted in one and not in the other
			continue
		}
		should := float64(rarity(m.cfg, uint32(papers), uint32(df)))
		all += float64(df) * should
		wrong += float64(df) * math.Abs(should-m.Weight(id))
	}
	if all == 0 {
		return 0
	}
	return wrong / all
}
