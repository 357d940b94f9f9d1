package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// statisticsPage is what the server says of itself.
type statisticsPage struct {
	Stats    *akinv1.GetIndexStatsResponse
	Activity string
	Progress int // in hundredths
	Learnt   string
	Up       string
	Missing  string // shards that are not counted
}

// statistics shows what is held.
func (v *visit) statistics() error {
	stats, err := v.site.index.GetIndexStats(v.ctx, &akinv1.GetIndexStatsRequest{})
	if err != nil {
		return err
	}
	if err := v.taste(); err != nil {
		return err
	}
	body := statisticsPage{
		Stats: stats, Activity: stats.GetActivity(), Progress: int(100 * stats.GetActivityProgress()),
		Up: lasted(stats.GetUptime().AsDuration()), Missing: shardNames(stats.GetMissingShards()),
	}
	if t := stats.GetModel().GetCreateTime(); t.IsValid() {
		body.Learnt = t.AsTime().UTC().Format("2 January 2006, 15:04 MST")
	}
	return v.render(http.StatusOK, "statistics", frame{Title: "Statistics", Section: "statistics", Body: body})
}

// shardNames are shards by their numbers; empty for none.
func shardNames(numbers []int32) string {
	names := make([]string, len(numbers))
	for i, n := range numbers {
		names[i] = strconv.Itoa(int(n))
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return "shard " + names[0]
	}
	return "shards " + strings.Join(names, ", ")
}

// lasted is a time in its two largest units.
func lasted(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
