package web

import (
	"fmt"
	"net/http"
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
		Up: lasted(stats.GetUptime().AsDuration()),
	}
	if t := stats.GetModel().GetCreateTime(); t.IsValid() {
		body.Learnt = t.AsTime().UTC().Format("2 January 2006, 15:04 MST")
	}
	return v.render(http.StatusOK, "statistics", frame{Title: "Statistics", Section: "statistics", Body: body})
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
