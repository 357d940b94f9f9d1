package embed

// view is one side of a training pair: features with their counts, in the order they first occur.
type view struct {
	features []uint32
	counts   []int32
}

func (v *view) reset() { v.features, v.counts = v.features[:0], v.counts[:0] }

// viewMaker makes the two views of a paper. It serves one goroutine.
type viewMaker struct {
	table     tally
	sentences float64 // share of sentence pairs
	chosen    []bool
}

// views draws the pair of a paper from the random state: title and abstract, or a sentence and the rest of the paper, or
// two halves of the features where there is neither.
func (m *viewMaker) views(a, b *view, features []uint32, s span, random uint64) {
	a.reset()
	b.reset()
	title := int(s.title)
	hasTitle, hasAbstract := title > 0, title < len(features)
	random = splitmix(random)
	bySentence := s.sentences >= 2 && (!hasTitle || unit(random) < m.sentences)
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
		m.halves(a, b, features, random)
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

// halves gives each occurrence to one of the views.
func (m *viewMaker) halves(a, b *view, features []uint32, random uint64) {
	m.chosen = m.chosen[:0]
	for range features {
		random = splitmix(random)
		m.chosen = append(m.chosen, random>>63 != 0)
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

// tally finds the place of a feature in a view. It forgets everything in one step: a slot counts only in its round.
type tally struct {
	slots []tallySlot
	round uint32
	used  int
}

type tallySlot struct {
	round, feature uint32
	place          int32
}

func (t *tally) reset() {
	t.round++
	t.used = 0
	if t.round == 0 { // after 2^32 rounds
		clear(t.slots)
		t.round = 1
	}
}

func (t *tally) add(v *view, feature uint32) {
	if 2*t.used >= len(t.slots) {
		t.grow(v)
	}
	s := t.find(feature)
	if s.round == t.round {
		v.counts[s.place]++
		return
	}
	*s = tallySlot{round: t.round, feature: feature, place: int32(len(v.features))}
	v.features = append(v.features, feature)
	v.counts = append(v.counts, 1)
	t.used++
}

func (t *tally) find(feature uint32) *tallySlot {
	mask := uint32(len(t.slots) - 1)
	for i := feature * 0x9E3779B1 >> 7 & mask; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.round != t.round || s.feature == feature {
			return s
		}
	}
}

// grow doubles the slots and puts the features of the view, which are those of the round, into them again.
func (t *tally) grow(v *view) {
	t.slots = make([]tallySlot, max(1024, 2*len(t.slots)))
	if t.round == 0 {
		t.round = 1
	}
	for i, f := range v.features {
		*t.find(f) = tallySlot{round: t.round, feature: f, place: int32(i)}
	}
}
