package web

import (
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// homePage is what someone sees first.
type homePage struct {
	Papers   int64 // -1: the caller may not know
	Activity string
	Progress int // of the activity, in hundredths
	Trained  bool
	Form     searchForm
	Examples []string
	Heading  string
	More     string // address of the whole list
	List     *list
}

// onHome is how many papers the first page shows.
const onHome = 8

// home shows a search field and a few papers: by what is liked, or the newest and most central ones.
func (v *visit) home() error {
	if err := v.taste(); err != nil {
		return err
	}
	body := &homePage{Papers: -1, Trained: true, Form: formOf(nil), Examples: examples}
	stats, err := v.site.index.GetIndexStats(v.ctx, &akinv1.GetIndexStatsRequest{})
	switch {
	case status.Code(err) == codes.PermissionDenied: // a caller with a filter of its own may not count all papers
	case err != nil:
		return err
	default:
		body.Papers, body.Trained = stats.GetPapers(), stats.GetModel().GetTrained()
		body.Activity, body.Progress = stats.GetActivity(), int(100*stats.GetActivityProgress())
	}
	req := &akinv1.RecommendPapersRequest{PageSize: onHome, Options: &akinv1.SearchOptions{ReadMask: idsOnly}}
	body.Heading, body.More = "A place to begin", "/recent"
	if v.active.Count() > 0 {
		req.ProfileId, req.Explain = v.active.Name, true
		body.Heading, body.More = "For you", collectionPath(v.active.Name, "", 1, perPage, "")
	}
	answer, err := v.site.similarity.RecommendPapers(v.ctx, req)
	if err != nil {
		return err
	}
	cards, _, err := v.cards(answer.GetHits(), 0)
	if err != nil {
		return err
	}
	for i := range cards {
		cards[i].Hit = nil
	}
	body.List = &list{Cards: cards}
	if req.GetExplain() {
		if err := v.explainLikes(answer.GetHits(), cards); err != nil {
			return err
		}
	}
	return v.render(http.StatusOK, "home", frame{Title: "", Section: "search", OwnSearch: true, Body: body})
}
