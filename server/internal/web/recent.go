package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// recentPage is what the page of the newest papers shows.
type recentPage struct {
	Form     searchForm
	List     *list
	Problems []string
	Undated  bool // no paper has a date

	Subscribe *subscribeForm // nil: without a filter there is nothing to subscribe to
}

// spans are the times, back from the newest paper, in which the newest papers are looked for: the shortest that has
// enough of them.
var spans = []time.Duration{7 * 24 * time.Hour, 31 * 24 * time.Hour, 366 * 24 * time.Hour, 5 * 366 * 24 * time.Hour}

// recent shows the newest papers that the filters accept.
func (v *visit) recent() error {
	form := formOf(v.query)
	form.Text, form.Sort, form.Mode = "", "score", ""
	body := &recentPage{Form: form}
	page := frame{Title: "Recent papers", Section: "recent", Body: body}
	if err := v.taste(); err != nil {
		return err
	}
	path := func(page int, format string) string {
		q := url.Values{}
		form.Filters.values(q)
		return strings.TrimSuffix("/recent?"+withPage(q, form.Show, page, format).Encode(), "?")
	}
	hits, err := v.newest(body.Form.Filters.expression(), form.Page*form.Show+1)
	body.Problems = append(body.Problems, body.Form.Filters.Faults...)
	if status.Code(err) == codes.InvalidArgument {
		body.Problems = append(body.Problems, problems(err)...)
		return v.render(http.StatusBadRequest, "recent", page)
	}
	if err != nil {
		return err
	}
	if len(hits) > 0 {
		_, dated := published(hits[0].GetPaper())
		body.Undated = !dated
	}
	skip := (form.Page - 1) * form.Show
	hits = hits[min(skip, len(hits)):]
	more := len(hits) > form.Show
	cards, papers, err := v.cards(hits[:min(form.Show, len(hits))], skip)
	if err != nil {
		return err
	}
	if format := v.query.Get("as"); format != "" {
		return v.export(format, "akin-recent", papers)
	}
	for i := range cards {
		cards[i].Hit = nil
	}
	body.List = &list{Cards: cards, Empty: "No paper is here that these filters accept."}
	if form.Filters.Any() && len(body.Problems) == 0 {
		body.Subscribe = v.newSubscribe(subscribeForm{Filter: form.Filters.expression()})
	}
	body.List.page(form.Page, more, path)
	return v.render(http.StatusOK, "recent", page)
}

// newest returns the n newest papers that a filter accepts, newest first, without their contents; those without a date
// come last. The contract lists papers by id alone; without a like, recommendations are the newest papers beside
// central ones, so a span of time that holds enough papers, and no more than one answer, has them all.
func (v *visit) newest(filter string, n int) ([]*akinv1.Hit, error) {
	ask := func(filter string, size int) ([]*akinv1.Hit, error) {
		answer, err := v.site.similarity.RecommendPapers(v.ctx, &akinv1.RecommendPapersRequest{
			PageSize: int32(size),
			Options:  &akinv1.SearchOptions{Filter: filter, ReadMask: datesOnly},
		})
		hits := answer.GetHits()
		newestFirst(hits)
		return hits, err
	}
	n = min(n, maxDepth)
	all, err := ask(filter, maxDepth)
	if err != nil || len(all) < maxDepth {
		return all, err // nothing was left out
	}
	latest, known := published(all[0].GetPaper())
	if !known {
		return all[:n], nil
	}
	for _, span := range spans {
		since := "publish_time >= " + quoted(latest.Add(-span).Format(time.RFC3339))
		if filter != "" {
			since = "(" + filter + ") AND " + since
		}
		hits, err := ask(since, maxDepth)
		if err != nil {
			return nil, err
		}
		if len(hits) >= n {
			return hits[:n], nil
		}
	}
	return all[:n], nil
}
