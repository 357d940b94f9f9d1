package service

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/replog"
)

// TestHealthTellsOfANodeThatIsBehind follows the health of the whole server while a node falls behind and comes back.
func TestHealthTellsOfANodeThatIsBehind(t *testing.T) {
	defer func(d time.Duration) { writeWatch = d }(writeWatch)
	writeWatch = time.Millisecond
	var behind atomic.Bool
	r, ctx := newRig(t, Config{Current: func() error {
		if behind.Load() {
			return errors.New("it lags")
		}
		return nil
	}}), testContext(t)
	watch, err := r.health.Watch(ctx, &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	await := func(want healthv1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		for {
			now, err := watch.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if now.GetStatus() == want {
				return
			}
		}
	}
	await(healthv1.HealthCheckResponse_SERVING)
	behind.Store(true)
	await(healthv1.HealthCheckResponse_NOT_SERVING)
	behind.Store(false)
	await(healthv1.HealthCheckResponse_SERVING)
}

func TestStatisticsTellOfTheCluster(t *testing.T) {
	r, ctx := newRig(t, Config{Standing: func() Standing {
		return Standing{
			Cluster: "demo", Node: "n1", Applied: 9, Known: 8, Lag: time.Second, Leased: true, Bytes: 10, Limit: 20,
			Members: []replog.Member{
				{Node: "n1", Applied: 9, Model: "f", Ready: "g", Shard: 2, Shards: 3},
				{Node: "n2", Applied: 7, Model: "f", Leads: true, Silent: time.Second},
				{Node: "n3", Applied: 5, Leads: true, Silent: time.Minute},
				{Node: "n4", Never: true, Silent: time.Hour},
			},
		}
	}}), testContext(t)
	stats, err := r.index.GetIndexStats(ctx, &akinv1.GetIndexStatsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	c := stats.GetCluster()
	if c.GetName() != "demo" || c.GetNode() != "n1" || c.GetLeader() != "n2" || c.GetAppliedWrites() != 9 ||
		c.GetKnownWrites() != 9 || c.GetLag().AsDuration() != time.Second || !c.GetLeased() || c.GetLogBytes() != 10 ||
		c.GetLogLimitBytes() != 20 || len(c.GetNodes()) != 4 {
		t.Fatalf("%v", c)
	}
	for i, want := range []struct {
		heard   bool
		silence time.Duration
	}{{true, 0}, {true, time.Second}, {false, time.Minute}, {false, -1}} {
		n := c.GetNodes()[i]
		if n.GetHeard() != want.heard || n.GetSilence() == nil != (want.silence < 0) ||
			want.silence >= 0 && n.GetSilence().AsDuration() != want.silence {
			t.Errorf("%v", n)
		}
	}
	if n := c.GetNodes()[0]; n.GetModelFingerprint() != "f" || n.GetPreparedFingerprint() != "g" ||
		n.GetShard() != 2 || c.GetShards() != 3 {
		t.Errorf("%v", n)
	}
}
