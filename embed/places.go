package embed

// places finds the place of a feature in a view. It forgets everything in one step: a slot counts only in its round.
type places struct {
	slots []placeSlot
	round uint32
	used  int
}

type placeSlot struct {
	round, feature uint32
	place          int32
}

func (t *places) reset() {
	t.round++
	t.used = 0
	if t.round == 0 { // after 2^32 rounds
		clear(t.slots)
		t.round = 1
	}
}

func (t *places) add(v *view, feature uint32) {
	if 2*t.used >= len(t.slots) {
		t.grow(v)
	}
	s := t.find(feature)
	if s.round == t.round {
		v.counts[s.place]++
		return
	}
	*s = placeSlot{round: t.round, feature: feature, place: int32(len(v.features))}
	v.features = append(v.features, feature)
	v.counts = append(v.counts, 1)
	t.used++
}

func (t *places) find(feature uint32) *placeSlot {
	mask := uint32(len(t.slots) - 1)
	for i := feature * 0x9E3779B1 >> 7 & mask; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.round != t.round || s.feature == feature {
			return s
		}
	}
}

// grow doubles the slots and puts the features of the view, which are those of the round, into them again.
func (t *places) grow(v *view) {
	t.slots = make([]placeSlot, max(1024, 2*len(t.slots)))
	if t.round == 0 {
		t.round = 1
	}
	for i, f := range v.features {
		*t.find(f) = placeSlot{round: t.round, feature: f, place: int32(i)}
	}
}
