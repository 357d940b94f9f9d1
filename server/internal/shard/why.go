package shard

import (
	"context"
	"fmt"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/rank"
)

// addReasons says for every hit because of which likes it was found. numbers are those of the likes of ask in the
// recommendation. The shard that found a hit has its words; the texts of likes, which may be in others, go along.
func (f *Front) addReasons(ctx context.Context, u *union, rec *engine.FullTaste, ask *engine.ShardTaste, numbers []int,
	hits []engine.Hit, ranked []rank.Scored) error {
	texts, err := f.textsOf(ctx, rec.Likes, numbers)
	if err != nil {
		return err
	}
	slots, place := make([]uint32, len(ranked)), map[uint32]int{}
	for i := range ranked {
		slots[i] = ranked[i].Slot
		place[slots[i]] = i
	}
	return u.eachNode(slots, func(ctx context.Context, node Node, slots []uint32, ordinals []uint64) error {
		reasons, err := node.Why(ctx, ask, texts, ordinals)
		if err == nil && len(reasons) != len(slots) {
			err = fmt.Errorf("%d reasons for %d papers", len(reasons), len(slots))
		}
		if err != nil {
			return err
		}
		for i, slot := range slots {
			for j := range reasons[i].Likes {
				like := &reasons[i].Likes[j]
				if like.Like < 0 || like.Like >= len(numbers) {
					return fmt.Errorf("like %d of %d", like.Like, len(numbers))
				}
				like.Like = numbers[like.Like]
				like.PaperID = rec.Likes[like.Like].PaperID
			}
			hits[place[slot]].Because = reasons[i]
		}
		return nil
	})
}

// textsOf are the texts of some likes, wherever their papers are; nil of a vector.
func (f *Front) textsOf(ctx context.Context, likes []engine.Preference, numbers []int) ([][]string, error) {
	texts := make([][]string, len(numbers))
	var ids []string
	var places []int
	for i, number := range numbers {
		switch like := &likes[number]; {
		case like.PaperID != "":
			ids, places = append(ids, like.PaperID), append(places, i)
		case like.Vector == nil:
			texts[i] = []string{like.Text}
		}
	}
	papers, err := f.Get(ctx, ids, true)
	if err != nil {
		return nil, err
	}
	for i, p := range papers {
		if p == nil {
			return nil, fmt.Errorf("%w: a paper that is liked was removed just now", engine.ErrShardMoved)
		}
		texts[places[i]] = []string{p.Title, p.Abstract}
	}
	return texts, nil
}
