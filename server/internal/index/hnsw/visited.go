package hnsw

// visited marks the slots a walk has seen. Starting afresh costs one increment: a slot is marked when its stamp is the
// current epoch, and the stamps are cleared once in 255 walks. One byte a vector keeps the set in the second-level
// cache at some hundred thousand vectors.
type visited struct {
	stamps []uint8
	epoch  uint8
}

// reset unmarks everything and makes room for n slots.
func (v *visited) reset(n int) {
	if len(v.stamps) < n {
		v.stamps = make([]uint8, n+n/4+1024)
		v.epoch = 0
	}
	v.epoch++
	if v.epoch == 0 {
		clear(v.stamps)
		v.epoch = 1
	}
}

// mark marks a slot and reports whether it was unmarked.
func (v *visited) mark(slot uint32) bool {
	fresh := v.stamps[slot] != v.epoch
	v.stamps[slot] = v.epoch
	return fresh
}
