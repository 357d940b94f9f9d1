package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
)

// TestAClusterSaysWhatIsWrongWithIt, and not that it is about to start.
func TestAClusterSaysWhatIsWrongWithIt(t *testing.T) {
	for _, c := range []struct {
		code         codes.Code
		reason, text string
		status       int
		says         string
	}{
		{codes.Unavailable, "SHARD_UNAVAILABLE", "no node answers for shard 3 of 3", 503, "no node answers for shard 3 of 3"},
		{codes.Unavailable, "NOT_ACKNOWLEDGED", "no majority", 503, "safe to try again"},
		{codes.Unavailable, "LAGGING", "behind", 503, "not yet what was written"},
		{codes.FailedPrecondition, "NOT_IN_CLUSTER", "GetMap is not there", 501, "GetMap is not there"},
	} {
		f := faultOf(admit.Refuse(c.code, c.reason, c.text, 0))
		if f.Status != c.status || !strings.Contains(f.Text, c.says) || strings.Contains(f.Text, "starting") ||
			strings.Contains(f.Title, "changed") || (f.Refresh > 0) != (c.status == 503) {
			t.Errorf("%s: %+v", c.reason, f)
		}
	}
}

// torn is the index of a cluster with a shard that does not answer.
type torn struct{ akinv1.IndexServiceClient }

func (x torn) GetIndexStats(ctx context.Context, req *akinv1.GetIndexStatsRequest, opts ...grpc.CallOption) (
	*akinv1.GetIndexStatsResponse, error,
) {
	stats, err := x.IndexServiceClient.GetIndexStats(ctx, req, opts...)
	if err == nil {
		stats.MissingShards = []int32{3}
	}
	return stats, err
}

func TestStatisticsShowTheShardsThatAreMissing(t *testing.T) {
	r := newRig(t, nil)
	r.get("/statistics").lacks(t, "No answer from")
	r.site.index = torn{r.site.index}
	r.get("/statistics").wants(t, http.StatusOK, "No answer from shard 3: what is counted here is without its papers.")
}

// notThere is an index and alerts of a cluster whose papers are in shards.
type notThere struct {
	akinv1.IndexServiceClient
	akinv1.AlertServiceClient
}

var errNotThere = admit.Refuse(codes.FailedPrecondition, "NOT_IN_CLUSTER", "not available on a node of a cluster", 0)

func (notThere) GetMap(context.Context, *akinv1.GetMapRequest, ...grpc.CallOption) (
	grpc.ServerStreamingClient[akinv1.GetMapResponse], error,
) {
	return nil, errNotThere
}

func (notThere) ListSubscriptions(context.Context, *akinv1.ListSubscriptionsRequest, ...grpc.CallOption) (
	*akinv1.ListSubscriptionsResponse, error,
) {
	return nil, errNotThere
}

// TestWhereThereAreShardsNoMapIsShown, and no alerts: no link leads there, and whoever goes there is told why not.
func TestWhereThereAreShardsNoMapIsShown(t *testing.T) {
	r := newRig(t, nil)
	r.get("/").wants(t, http.StatusOK, `href="/map"`, `href="/alerts"`)
	r.site.sharded = true
	r.site.index, r.site.alerts = notThere{r.site.index, nil}, notThere{nil, r.site.alerts}
	r.get("/help").lacks(t, `<a href="/map"`, `<a href="/alerts"`)
	const text = "This cluster spreads its papers over shards, and "
	r.get("/map").wants(t, http.StatusNotImplemented, text+"the map is not there.")
	r.get("/alerts").wants(t, http.StatusNotImplemented, text+"alerts are not there.")
}
