package alert

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
)

// BenchmarkMatch holds 1,000 papers against 10,000 subscriptions to texts, as one batch of the matcher does. The first
// batch under a model also embeds the texts and measures the thresholds among 5,000 papers, which is reported apart.
func BenchmarkMatch(b *testing.B) {
	const subscriptions, stored, fresh = 10_000, 4000, 1000
	r := newRig(b, Config{})
	var papers []*paper.Paper
	for i := range 40 {
		papers = append(papers, onTopic(fmt.Sprint("topic", i), 0, (stored+fresh)/40)...)
	}
	for from := 0; from < len(papers); from += 500 {
		r.write(papers[from : from+500]...)
	}
	var subs []candidate
	for i := range subscriptions {
		s := byText(fmt.Sprint("s", i), fmt.Sprintf("topic%d and detail%d of number%d", i%40, i%7, i))
		s.OneIn, s.UID = 1000, newUID()
		subs = append(subs, candidate{entry: &entry{sub: s}, sub: s, slot: engine.NoSlot})
	}
	lens := r.engine.Lens()
	defer lens.Close()
	news, err := lens.News(lens.Last(fresh), fresh)
	if err != nil || len(news.Papers) != fresh {
		b.Fatal(len(news.Papers), err)
	}
	var board scoreboard
	begin := time.Now()
	if _, err := r.alerts.match(context.Background(), lens, &board, &news, subs); err != nil {
		b.Fatal(err)
	}
	first := time.Since(begin).Seconds()
	matches := 0
	b.ResetTimer()
	for b.Loop() {
		found, err := r.alerts.match(context.Background(), lens, &board, &news, subs)
		if err != nil {
			b.Fatal(err)
		}
		matches = len(found)
	}
	b.ReportMetric(first, "s-first")
	b.ReportMetric(float64(matches), "matches")
}
