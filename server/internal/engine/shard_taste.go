package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/taste"
)

// ShardTaste asks a shard for papers that someone may like.
type ShardTaste struct {
	Likes, Dislikes []taste.Subject
	DenseWeight     *float64            // nil: the default
	Statistics      *lexical.Statistics // of all shards, for the words of all subjects
	Model           string              // fingerprint of the model that the vectors are of
	Revision        uint64              // as in ShardQuery
	Behind          uint64              // only papers whose text was written behind this revision
	Exclude         []string            // ids that are never candidates

	// Papers that a profile has seen are left out: those of one owner, at a time, as in Recommendation. ProfileID empty:
	// there is none.
	Owner, ProfileID string
	ShownRest        time.Duration
	Now              time.Time

	Reach
}

// ShardRating is a paper that a shard has rated.
type ShardRating struct {
	taste.Rating
	Ordinal   uint64 // names the paper to the shard
	Born      uint64 // revision that wrote it
	Published int64  // Unix seconds; NoTime where it is not known
}

// ShardRated is what a shard has found for a taste.
type ShardRated struct {
	Ratings  []ShardRating
	Report   index.Report
	Revision uint64         // answered from
	Position paper.Position // that the answer includes
	Warnings []string       // about the filter
}

// Rate finds the candidates of a shard for a taste, and rates them.
func (e *Engine) Rate(ctx context.Context, q *ShardTaste) (*ShardRated, error) {
	reached := e.Sequence()
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	r := e.rankers.Get().(*ranker)
	defer e.rankers.Put(r)
	v, err := e.tasteView(ctx, q)
	if err != nil {
		return nil, err
	}
	r.learnOthers(v.gen, q)
	o := Options{Mode: q.Mode, Ef: q.Ef}
	ratings, report, err := r.taste.Rated(ctx, v.gen.corpus(), e.find(ctx, v, &o, q.Depth, 0), &r.finder, nil)
	if err != nil {
		return nil, err
	}
	rated := &ShardRated{Ratings: make([]ShardRating, len(ratings)), Report: report}
	for i, found := range ratings {
		rated.Ratings[i] = v.rating(found.Slot, found.Rating)
	}
	rated.Warnings = v.gen.columns.Doubts(q.Filter)
	rated.Revision = v.revision
	rated.Position, err = e.positionOf(v.revision, reached)
	return rated, err
}

// seenBy is a taste with the profile whose seen papers are left out.
func (e *Engine) seenBy(ctx context.Context, q *ShardTaste) (t FullTaste, err error) {
	t.Recommendation = &Recommendation{Owner: q.Owner, ProfileID: q.ProfileID, ShownRest: q.ShownRest}
	t.Now = q.Now
	if q.ProfileID != "" {
		t.profile, err = e.profiles.Get(ctx, q.Owner, q.ProfileID)
	}
	return t, storeError(err)
}

// Subject makes a like or a dislike ready to be asked of shards: one by text or by vector. Stored papers the shards
// themselves tell (Subjects).
func (e *Engine) Subject(p *Preference, model string) (taste.Subject, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	r := e.rankers.Get().(*ranker)
	defer e.rankers.Put(r)
	g, err := e.generationOf(model, 0)
	if err != nil {
		return taste.Subject{}, err
	}
	if p.PaperID != "" {
		return taste.Subject{}, fmt.Errorf("a stored paper is its shard's to tell: %q", p.PaperID)
	}
	ask, err := r.subject(g, p, unstored)
	if err != nil {
		return taste.Subject{}, err
	}
	own := ask.asked(g)
	return taste.Subject{Vector: own.Vector, Words: own.Terms, Weight: p.Weight}, nil
}
