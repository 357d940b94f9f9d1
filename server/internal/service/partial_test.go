package service

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/engine"
)

// torn is a backend with a shard that does not answer, whose papers have ids of three letters and more.
type torn struct {
	Backend
	asked *engine.Recommendation
}

func (b *torn) Stored(ctx context.Context, ids []string) ([]bool, error) {
	for _, id := range ids {
		if len(id) > 2 {
			return nil, &engine.ShardError{Shard: 2, Shards: 3, Cause: context.DeadlineExceeded}
		}
	}
	return b.Backend.Stored(ctx, ids)
}

func (b *torn) Search(ctx context.Context, q *engine.Query) (*engine.Result, error) {
	result, err := b.Backend.Search(ctx, q)
	if err == nil && q.AllowPartial {
		result.MissingShards = []int{2, 3}
	}
	return result, err
}

func (b *torn) Stats(ctx context.Context) (engine.Stats, error) {
	stats, err := b.Backend.Stats(ctx)
	stats.MissingShards = []int{2, 3}
	return stats, err
}

func (b *torn) Recommend(ctx context.Context, rec *engine.Recommendation) (*engine.Result, error) {
	b.asked = rec
	return b.Backend.Recommend(ctx, rec)
}

// TestWhatIsMissingIsToldToWhoeverAllowsIt, and other spellings of ids, which may be in missing shards, are in nobody's
// way who allows that.
func TestWhatIsMissingIsToldToWhoeverAllowsIt(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	r.upsert(ctx, t, testPaper("a", "Graph networks", "Networks of graphs."), testPaper("b", "Graphs", "Networks."))
	b := &torn{Backend: r.server.engine()}
	var backend Backend = b
	r.server.live.Store(&backend)
	stats, err := r.index.GetIndexStats(ctx, &akinv1.GetIndexStatsRequest{})
	if err != nil || stats.GetPapers() != 2 || !slices.Equal(stats.GetMissingShards(), []int32{2, 3}) {
		t.Errorf("statistics: %v, %v", stats, err)
	}
	for _, partial := range []bool{true, false} {
		for _, abstracts := range []bool{true, false} { // encoded in either way
			req := searchText("graph networks")
			req.AllowPartial = partial
			if abstracts {
				req.Options = &akinv1.SearchOptions{ScoreParts: true}
			}
			found, err := r.similarity.SearchPapers(ctx, req)
			if missing := found.GetInfo().GetMissingShards(); err != nil || partial != (len(missing) == 2) {
				t.Errorf("partial %t: %v, %v", partial, missing, err)
			}
		}
		const other = "arXiv:1706.03762v1"
		search := searchPaper(other)
		search.AllowPartial = partial
		_, err := r.similarity.SearchPapers(ctx, search)
		wantStatus(t, err, codes.Unavailable, reasonShard)
		for _, strict := range []bool{true, false} {
			b.asked = nil
			_, err = r.similarity.RecommendPapers(ctx, &akinv1.RecommendPapersRequest{
				Likes: []*akinv1.Preference{
					{Subject: &akinv1.Preference_PaperId{PaperId: other}}, {Subject: &akinv1.Preference_PaperId{PaperId: "a"}},
				},
				Strict: strict, AllowPartial: partial,
			})
			if partial && !strict {
				if err != nil || !b.asked.AllowPartial || b.asked.Likes[0].PaperID != other {
					t.Errorf("asked for %+v, %v", b.asked, err)
				}
				continue
			}
			wantStatus(t, err, codes.Unavailable, reasonShard)
		}
	}
}

// TestWithoutAlertsInShardsEachCallSaysWhatIsMissing: subscriptions, or what rises.
func TestWithoutAlertsInShardsEachCallSaysWhatIsMissing(t *testing.T) {
	r, ctx := newRig(t, Config{Sharded: true}), testContext(t)
	alerts := akinv1.NewAlertServiceClient(r.conn)
	_, err := alerts.ListSubscriptions(ctx, &akinv1.ListSubscriptionsRequest{})
	wantStatus(t, err, codes.FailedPrecondition, "NOT_IN_CLUSTER")
	if !strings.Contains(err.Error(), "no subscriptions") {
		t.Errorf("subscriptions: %v", err)
	}
	_, err = alerts.ListRisingPapers(ctx, &akinv1.ListRisingPapersRequest{})
	wantStatus(t, err, codes.FailedPrecondition, "NOT_IN_CLUSTER")
	if !strings.Contains(err.Error(), "what rises is not measured") {
		t.Errorf("what rises: %v", err)
	}
}
