package shard

import (
	"errors"
	"math"
	"slices"

	"github.com/akin-search/akin/server/internal/engine"
)

// A partial answer leaves out shards that do not answer, for callers that have asked for it. Whatever round a shard
// fails in, the whole question is asked anew without it, so that an answer is of the same shards from its first round
// to its last. What is known of the words of all shards still weighs the words of those that are left.

// absent says which shards an answer leaves out, by shard. Nil: none.
type absent []bool

func (a absent) has(shard int) bool { return a != nil && a[shard] }

// with leaves out one more of a number of shards.
func (a absent) with(shard, shards int) absent {
	b := make(absent, shards)
	copy(b, a)
	b[shard] = true
	return b
}

// numbers are those of the shards left out, from 1.
func (a absent) numbers() (list []int) {
	for shard, left := range a {
		if left {
			list = append(list, shard+1)
		}
	}
	return list
}

// gone is the revision in a page token of a shard that the first page has left out.
const gone = math.MaxUint64

// absent are the shards that the first page has left out.
func (p page) absent() (a absent) {
	for shard, revision := range p.revisions {
		if revision == gone {
			a = a.with(shard, len(p.revisions))
		}
	}
	return a
}

// partly has a question answered, where that is allowed without the shards that fail twice: after one failure another
// replica may answer. A further page leaves out what the first one has left out, and nothing more, since the places of
// its hits would be others.
func (f *Front) partly(allowed bool, token string, answer func(absent) (*engine.Result, error)) (
	*engine.Result, error) {
	if !allowed {
		return answer(nil)
	}
	shards := f.papers.Shards()
	var left absent
	if token != "" {
		p, _, err := parsePage(token, shards)
		if err != nil {
			return nil, err
		}
		left = p.absent()
	}
	failures := make([]int, shards)
	for {
		if token == "" {
			left = f.withoutNodes(left)
		}
		if left != nil && !slices.Contains(left, false) {
			return nil, f.down(0)
		}
		result, err := answer(left)
		if err == nil {
			result.MissingShards = left.numbers()
			return result, nil
		}
		var failed *engine.ShardError
		if token != "" || !errors.As(err, &failed) || left.has(failed.Shard-1) {
			return nil, err
		}
		if failures[failed.Shard-1]++; failures[failed.Shard-1] > 1 {
			f.cfg.Logger.Warn("a shard is left out of an answer", "error", err)
			left = left.with(failed.Shard-1, shards)
		}
	}
}

// withoutNodes leaves out the shards that no node is up for, too.
func (f *Front) withoutNodes(left absent) absent {
	for shard := range f.papers.Shards() {
		if !left.has(shard) && len(f.cfg.Replicas(shard)) == 0 {
			left = left.with(shard, f.papers.Shards())
		}
	}
	return left
}
