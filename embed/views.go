package embed

// view is one side of a training pair: features with their counts, in the order they first occur.
type view struct {
	features []uint32
	counts   []int32
}

func (v *view) reset() { v.features, v.counts = v.features[:0], v.counts[:0] }

// viewMaker makes the two views of a paper. It serves one goroutine.
type viewMaker struct {
	recipe *recipe
	table  places
	chosen []bool
}

// views draws the pair of a paper from the random state: some of the words and the rest, or a sentence and the rest of
// the paper, or title and abstract. What a paper lacks another pair stands in for; the last resort is two halves of
// the words.
func (m *viewMaker) views(a, b *view, features []uint32, s span, random uint64) {
	a.reset()
	b.reset()
	title := int(s.title)
	hasTitle, hasAbstract := title > 0, title < len(features)
	random = splitmix(random)
	if unit(random) < m.recipe.cropShare {
		if random = splitmix(random); !hasTitle && unit(random) < m.recipe.windowShare {
			m.window(a, b, features, random, m.recipe.cropWords)
		} else {
			m.crop(a, b, features, random, m.recipe.cropWords)
		}
		return
	}
	random = splitmix(random)
	bySentence := s.sentences >= 2 && (!hasTitle || unit(random) < m.recipe.sentenceShare)
	random = splitmix(random)
	switch {
	case bySentence:
		from, to := sentence(features, title, int(random%uint64(s.sentences)))
		m.count(a, features[from:to])
		m.count(b, features[:from], features[to:])
	case hasTitle && hasAbstract:
		m.count(a, features[:title])
		m.count(b, features[title:])
	default:
		m.crop(a, b, features, random, .5)
	}
}

// unit turns 64 random bits into a number from 0 to below 1.
func unit(random uint64) float64 { return float64(random>>11) / (1 << 53) }

// sentence returns where the nth sentence is among the features, which begin with title ones of the title.
func sentence(features []uint32, title, n int) (from, to int) {
	from = title
	for i := title; i < len(features); i++ {
		if features[i]&endSentence == 0 {
			continue
		}
		if n == 0 {
			return from, i + 1
		}
		n--
		from = i + 1
	}
	return from, from
}

// count counts the features of all parts together.
func (m *viewMaker) count(v *view, parts ...[]uint32) {
	for _, part := range parts {
		for _, f := range part {
			m.table.add(v, f&^endSentence)
		}
	}
	m.table.reset()
}

// crop gives each occurrence of a word to a with the given probability and else to b.
func (m *viewMaker) crop(a, b *view, features []uint32, random uint64, share float64) {
	m.chosen = m.chosen[:0]
	for range features {
		random = splitmix(random)
		m.chosen = append(m.chosen, unit(random) < share)
	}
	for _, side := range []struct {
		v    *view
		take bool
	}{{a, true}, {b, false}} {
		for i, f := range features {
			if m.chosen[i] == side.take {
				m.table.add(side.v, f&^endSentence)
			}
		}
		m.table.reset()
	}
}

// window gives a share of the words to a, neighbours that may begin anywhere and go on at the beginning, and the rest
// to b.
func (m *viewMaker) window(a, b *view, features []uint32, random uint64, share float64) {
	n := len(features)
	if n == 0 {
		return
	}
	from := int(splitmix(random) % uint64(n))
	to := from + max(1, int(share*float64(n)+.5))
	wrapped := max(0, to-n)
	to -= wrapped
	m.count(a, features[from:to], features[:wrapped])
	m.count(b, features[wrapped:from], features[to:])
}
