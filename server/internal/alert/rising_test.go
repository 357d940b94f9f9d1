package alert

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
)

// TestATopicThatGrowsDenseRises has one topic of which most papers are of the period beside one of which few are.
func TestATopicThatGrowsDenseRises(t *testing.T) {
	r := newRig(t, Config{})
	const hot, cold = 60, 120
	lately, before := r.clock.Now().Add(-24*time.Hour), r.clock.Now().AddDate(-1, 0, 0)
	recent := 0
	for _, topic := range []struct {
		name        string
		papers, new int
	}{{"peat", hot, 40}, {"glaciers", cold, 4}} {
		papers := onTopic(topic.name, 0, topic.papers)
		for i, p := range papers {
			if p.PublishTime = before; i < topic.new {
				p.PublishTime = lately
				recent++
			}
		}
		r.write(papers...)
	}
	risen, err := r.alerts.Rising(context.Background(), "", engine.RisingQuery{Period: 7 * 24 * time.Hour, Size: 10})
	if err != nil {
		t.Fatal(err)
	}
	if risen.ByEvents || len(risen.Papers) == 0 {
		t.Fatalf("%+v", risen)
	}
	const k = 50.
	p := float64(recent) / (hot + cold)
	for i, one := range risen.Papers {
		if !strings.HasPrefix(one.Paper.ID, "peat-") || !one.Paper.PublishTime.Equal(lately) {
			t.Errorf("place %d is %s of %v", i+1, one.Paper.ID, one.Paper.PublishTime)
		}
		if want := (one.Recent - k*p) / math.Sqrt(k*p*(1-p)); math.Abs(one.Rise-want) > 1e-9 || one.Expected != k*p {
			t.Errorf("%s rises by %v with %v beside %v, wants %v", one.Paper.ID, one.Rise, one.Recent, one.Expected, want)
		}
		if i > 0 && one.Rise > risen.Papers[i-1].Rise {
			t.Errorf("place %d rises by more than the one before", i+1)
		}
	}
	if len(risen.Papers) > 5 { // each covers 50 of the topic's 60
		t.Errorf("one topic is listed %d times", len(risen.Papers))
	}
}
