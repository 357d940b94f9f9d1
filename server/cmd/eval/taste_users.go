package main

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// tasteRow is one kind of profile: how many likes of each interest, and what is disliked.
type tasteRow struct {
	Name     string
	Likes    []int // of each interest
	Dislikes dislikes
}

// dislikes says what the users of a row dislike.
type dislikes uint8

const (
	none       dislikes = iota
	unrelated           // 3 relevant papers of one more query
	nearest             // the same, of the query whose mean vector is nearest to the likes'
	neighbours          // the 4 papers most like one of the likes
	neighbour           // the one most like the only like
)

// tasteRows are the rows of the table.
var tasteRows = []tasteRow{
	{"1 x 3", []int{3}, none},
	{"1 x 10", []int{10}, none},
	{"3 x 1", []int{1, 1, 1}, none},
	{"3 x 3", []int{3, 3, 3}, none},
	{"5 x 3", []int{3, 3, 3, 3, 3}, none},
	{"8 + 3", []int{8, 3}, none},
	{"2 x 4, 3 unrelated dislikes", []int{4, 4}, unrelated},
	{"2 x 4, 3 dislikes of the nearest interest", []int{4, 4}, nearest},
	{"2 x 4, 4 neighbours of a like disliked", []int{4, 4}, neighbours},
	{"1 x 1, its neighbour disliked", []int{1}, neighbour},
}

// tasteUser is a synthetic user: interests are queries, and the relevant papers are shared out between what the user
// has liked and what is to be found.
type tasteUser struct {
	likes    []uint32 // slots
	interest []int    // of each like
	dislikes []uint32
	find     []map[uint32]int // grades of the papers to be found, an interest each
	disliked map[uint32]bool  // relevant to the disliked query
}

// relevant are the relevant papers of one query, by rising slot.
type relevant struct {
	slots  []uint32
	grades map[uint32]int
}

// pools gathers the relevant papers of each query that has any.
func (c *collection) pools() []relevant {
	var out []relevant
	for _, q := range c.Queries {
		r := relevant{grades: map[uint32]int{}}
		for id, grade := range q.Grades {
			if slot, ok := c.slots[id]; ok && grade > 0 {
				r.slots = append(r.slots, slot)
				r.grades[slot] = grade
			}
		}
		slices.Sort(r.slots)
		if len(r.slots) > 0 {
			out = append(out, r)
		}
	}
	return out
}

// sharesAny reports whether two queries have a relevant paper in common.
func (r *relevant) sharesAny(other *relevant) bool {
	return slices.ContainsFunc(r.slots, func(slot uint32) bool { return other.grades[slot] > 0 })
}

// drawUser draws a user of a row, or reports that the draw came to nothing: no queries left that share no paper.
func (c *collection) drawUser(rng *rand.Rand, pools []relevant, row *tasteRow) (*tasteUser, bool) {
	var chosen []int
	draw := func(least int) bool {
		for _, i := range rng.Perm(len(pools)) {
			if len(pools[i].slots) >= least && c.disjoint(pools, chosen, i) {
				chosen = append(chosen, i)
				return true
			}
		}
		return false
	}
	u := &tasteUser{disliked: map[uint32]bool{}}
	for i, likes := range row.Likes {
		if !draw(likes + 2) {
			return nil, false
		}
		pool := &pools[chosen[i]]
		find := map[uint32]int{}
		for at, j := range rng.Perm(len(pool.slots)) {
			slot := pool.slots[j]
			if at < likes {
				u.likes, u.interest = append(u.likes, slot), append(u.interest, i)
			} else {
				find[slot] = pool.grades[slot]
			}
		}
		u.find = append(u.find, find)
	}
	switch row.Dislikes {
	case unrelated, nearest:
		least := row.Likes[0] + 2
		if row.Dislikes == nearest {
			if !c.chooseNearest(pools, &chosen, least, u.likes) {
				return nil, false
			}
		} else if !draw(least) {
			return nil, false
		}
		pool := &pools[chosen[len(chosen)-1]]
		for at, j := range rng.Perm(len(pool.slots)) {
			u.disliked[pool.slots[j]] = true
			if at < 3 {
				u.dislikes = append(u.dislikes, pool.slots[j])
			}
		}
	case neighbours:
		u.dislikes = c.mostAlike(u, 4)
	case neighbour:
		u.dislikes = c.mostAlike(u, 1)
	}
	return u, true
}

func (c *collection) disjoint(pools []relevant, chosen []int, i int) bool {
	return !slices.ContainsFunc(chosen, func(j int) bool { return i == j || pools[i].sharesAny(&pools[j]) })
}

// chooseNearest adds the query whose mean vector has the largest cosine with the mean of the likes.
func (c *collection) chooseNearest(pools []relevant, chosen *[]int, least int, likes []uint32) bool {
	mean := c.meanOf(likes)
	best, bestCosine := -1, float32(-2)
	for i := range pools {
		if len(pools[i].slots) < least || !c.disjoint(pools, *chosen, i) {
			continue
		}
		if cosine := dot(mean, c.meanOf(pools[i].slots)); cosine > bestCosine {
			best, bestCosine = i, cosine
		}
	}
	if best >= 0 {
		*chosen = append(*chosen, best)
	}
	return best >= 0
}

// mostAlike returns the n papers most like the first like, leaving out the likes and the papers to be found.
func (c *collection) mostAlike(u *tasteUser, n int) []uint32 {
	out := map[uint32]bool{}
	for _, slot := range u.likes {
		out[slot] = true
	}
	for _, find := range u.find {
		for slot := range find {
			out[slot] = true
		}
	}
	likeness := c.likenessTo(u.likes[0])
	slots := make([]uint32, 0, len(likeness))
	for slot := range likeness {
		if !out[uint32(slot)] {
			slots = append(slots, uint32(slot))
		}
	}
	slices.SortFunc(slots, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(likeness[b], likeness[a]), cmp.Compare(a, b))
	})
	return slots[:n]
}
