package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/paper"
)

// duplicateNeighbours is how many neighbours of a paper are compared with the threshold. A larger set of copies is
// still one group, since every copy links to some others of it.
const duplicateNeighbours = 16

// duplicateMost bounds the papers of one answer, which takes some 100 bytes for each while it is made and kept. A
// variable, so that tests shrink it.
var duplicateMost = 1 << 20

// Duplicates returns one page of groups of papers linked by cosines that reach a threshold. The first page looks at
// every paper, which takes about a search each. Later pages are of the same answer, whatever is written meanwhile, for
// minutes (see answerFor); after that they are ErrPageExpired.
func (e *Engine) Duplicates(ctx context.Context, q DuplicateQuery) (DuplicatePage, error) {
	request := duplicateHash(&q)
	var answer *duplicateAnswer
	begin := 0
	if q.PageToken == "" {
		var err error
		if answer, err = e.duplicateGroups(ctx, q); err != nil {
			return DuplicatePage{}, err
		}
	} else {
		number, offset, err := decodeGroupToken(q.PageToken, request)
		if err != nil {
			return DuplicatePage{}, err
		}
		answer = e.answers.find(time.Now(), func(a *duplicateAnswer) bool { return a.number == number })
		if answer == nil {
			return DuplicatePage{}, fmt.Errorf("%w: the groups were not asked for within %v, or gave way to others; ask again",
				ErrPageExpired, answerFor)
		}
		begin = min(offset, len(answer.groups))
	}
	end := min(begin+q.PageSize, len(answer.groups))
	page := DuplicatePage{
		Groups:  answer.groups[begin:end],
		TokenAt: func(n int) string { return groupToken(answer.number, begin+n, request) },
	}
	if end < len(answer.groups) {
		page.NextPageToken = page.TokenAt(end - begin)
	}
	return page, nil
}

func (e *Engine) duplicateGroups(ctx context.Context, q DuplicateQuery) (*duplicateAnswer, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	v := e.look()
	key := duplicateKey{v.gen.serial, v.revision, q.Filter.String(), q.MinCosine}
	if kept := e.answers.find(time.Now(), func(a *duplicateAnswer) bool { return a.key == key }); kept != nil {
		return kept, nil
	}
	if err := v.restrict(q.Filter); err != nil {
		return nil, err
	}
	links, err := v.duplicateLinks(ctx, q.MinCosine)
	if err != nil {
		return nil, err
	}
	groups, err := e.nameGroups(ctx, v, links)
	if err != nil {
		return nil, err
	}
	return e.answers.keep(key, groups, time.Now()), nil
}

// links joins slots into sets.
type links struct {
	parent map[uint32]uint32
	least  map[uint32]float64 // of a set's root: least cosine among its links
}

// root finds the set of a slot, halving the path on its way.
func (l *links) root(slot uint32) uint32 {
	for {
		p, ok := l.parent[slot]
		if !ok || p == slot {
			return slot
		}
		if pp, ok := l.parent[p]; ok {
			l.parent[slot] = pp
		}
		slot = p
	}
}

// join links two slots by a cosine.
func (l *links) join(a, b uint32, cosine float64) {
	l.touch(a)
	l.touch(b)
	ra, rb := l.root(a), l.root(b)
	least := min(l.least[ra], l.least[rb], cosine)
	if ra != rb {
		l.parent[rb] = ra
		delete(l.least, rb)
	}
	l.least[ra] = least
}

func (l *links) touch(slot uint32) {
	if _, ok := l.parent[slot]; !ok {
		l.parent[slot], l.least[slot] = slot, 1
	}
}

// duplicateLinks searches the neighbours of every accepted slot. Cosines of stored vectors carry the rounding of their
// codes, so that two copies of one text may come out a hair below 1.
func (v *view) duplicateLinks(ctx context.Context, minCosine float64) (*links, error) {
	const rounding = 1e-4
	l := &links{parent: map[uint32]uint32{}, least: map[uint32]float64{}}
	vector := make([]float32, v.gen.model.Dims())
	var found []index.Candidate
	for slot := range uint32(v.gen.slots.len()) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !v.Accepts(slot) {
			continue
		}
		if err := v.gen.vectors.Vector(slot, vector); err != nil {
			return nil, err
		}
		var err error
		found, _, err = v.gen.vectors.Search(ctx, &index.Query{Vector: vector, K: duplicateNeighbours, Accept: v}, found[:0])
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			if c.Slot != slot && float64(c.Score) >= minCosine-rounding {
				l.join(slot, c.Slot, min(1, max(minCosine, float64(c.Score))))
			}
		}
		if len(l.parent) > duplicateMost {
			return nil, fmt.Errorf("%w: more than %d; raise min_cosine, or give a filter", ErrTooManyDuplicates, duplicateMost)
		}
	}
	return l, nil
}

// nameGroups turns sets of slots into sorted groups of ids.
func (e *Engine) nameGroups(ctx context.Context, v *view, l *links) ([]DuplicateGroup, error) {
	slots := sortedKeys(l.parent)
	byRoot := map[uint32]*DuplicateGroup{}
	var ordinals []uint64
	var papers []*paper.Paper
	for run := range slices.Chunk(slots, scanRun) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ordinals = ordinals[:0]
		for _, slot := range run {
			ordinals = append(ordinals, v.row(slot).ordinal)
		}
		var err error
		if papers, err = e.store.Papers(ordinals, false, papers[:0]); err != nil {
			return nil, storeError(err)
		}
		for i, slot := range run {
			root := l.root(slot)
			if byRoot[root] == nil {
				byRoot[root] = &DuplicateGroup{MinCosine: l.least[root]}
			}
			if papers[i] == nil {
				return nil, fmt.Errorf("the record of slot %d is gone, though a reader holds it", slot)
			}
			byRoot[root].IDs = append(byRoot[root].IDs, papers[i].ID)
		}
	}
	groups := make([]DuplicateGroup, 0, len(byRoot))
	for _, g := range byRoot {
		slices.Sort(g.IDs)
		groups = append(groups, *g)
	}
	slices.SortFunc(groups, func(a, b DuplicateGroup) int { return cmp.Compare(a.IDs[0], b.IDs[0]) })
	return groups, nil
}
