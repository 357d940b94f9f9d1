package web

import (
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// collectionsPage lists collections.
type collectionsPage struct {
	Items []collectionItem
	Next  string
	Fault string // why a new name was not taken
}

type collectionItem struct {
	Name    string
	Path    string
	Likes   int
	Changed string
	Active  bool
}

// collectionPage shows one collection.
type collectionPage struct {
	Name    string
	Active  bool
	View    string // for, liked or hidden
	Likes   int
	Hidden  int
	Tabs    []tab
	List    *list
	Missing int  // liked, and not stored any more
	Full    bool // more is liked than counts

	Subscribe *subscribeForm // nil: this view is not what it recommends
}

type tab struct {
	Name    string
	Path    string
	Count   int // -1: none is shown
	Current bool
}

// countedLikes is how many likes of a profile count: the newest.
const countedLikes = 5000

// itemsPerPage is how many collections a page lists; each is read for its likes.
const itemsPerPage = 24

// collections lists those of the caller.
func (v *visit) collections() error { return v.listCollections(http.StatusOK, "") }

func (v *visit) listCollections(code int, fault string) error {
	answer, err := v.site.profiles.ListProfiles(v.ctx, &akinv1.ListProfilesRequest{
		PageSize: itemsPerPage, PageToken: v.query.Get("token"),
	})
	if err != nil {
		return err
	}
	if err := v.taste(); err != nil {
		return err
	}
	body := collectionsPage{Fault: fault}
	listed := false
	for _, p := range answer.GetProfiles() {
		c, err := v.collectionOf(p.GetProfileId())
		if err != nil {
			return err
		}
		item := v.item(c)
		item.Changed = p.GetUpdateTime().AsTime().Format("2 January 2006")
		listed = listed || item.Active
		body.Items = append(body.Items, item)
	}
	if !listed && v.query.Get("token") == "" {
		body.Items = append([]collectionItem{v.item(v.active)}, body.Items...)
	}
	if next := answer.GetNextPageToken(); next != "" {
		body.Next = "/collections?" + url.Values{"token": {next}}.Encode()
	}
	return v.render(code, "collections", frame{Title: "Collections", Section: "collections", Body: body})
}

func (v *visit) item(c *collection) collectionItem {
	return collectionItem{
		Name: c.Name, Path: collectionPath(c.Name, "", 1, perPage, ""), Likes: c.Count(), Active: c.Name == v.active.Name,
	}
}

// collectionPath is the address of a collection's view.
func collectionPath(name, view string, page, show int, format string) string {
	q := url.Values{"name": {name}}
	if view != "" {
		q.Set("view", view)
	}
	return "/collection?" + withPage(q, show, page, format).Encode()
}

// showCollection shows what is liked, and what that recommends.
func (v *visit) showCollection() error {
	name := v.query.Get("name")
	if name == "" {
		name = v.activeName()
	}
	if fault := nameFault(name); fault != "" {
		return &refusal{status: http.StatusBadRequest, title: "There is no such collection", text: fault}
	}
	active := v.activeName()
	c, err := v.collectionOf(name)
	if err != nil {
		return err
	}
	v.active = c // the buttons of this page are about this collection
	view := v.query.Get("view")
	if view != "liked" && view != "hidden" {
		view = ""
	}
	show, page := pageOf(v.query)
	body := &collectionPage{
		Name: name, Active: name == active, View: view,
		Likes: c.Count(), Hidden: c.Hidden(), Full: c.Count() >= countedLikes,
	}
	for _, t := range []tab{
		{Name: "For you", Count: -1},
		{Name: "Liked", Path: "liked", Count: c.Count()},
		{Name: "Not for me", Path: "hidden", Count: c.Hidden()},
	} {
		t.Current = t.Path == view
		t.Path = collectionPath(name, t.Path, 1, perPage, "")
		body.Tabs = append(body.Tabs, t)
	}
	var papers []*akinv1.Paper
	var more bool
	if view == "" {
		body.Subscribe = v.newSubscribe(subscribeForm{Collection: name})
		papers, more, err = v.recommended(c, body, show, page)
	} else {
		papers, more, err = v.kept(c, body, show, page)
	}
	if err != nil {
		return err
	}
	if format := v.query.Get("as"); format != "" {
		return v.export(format, "akin-"+fileName(name), papers)
	}
	path := func(page int, format string) string { return collectionPath(name, view, page, show, format) }
	body.List.page(page, more, path)
	if view != "" && len(body.List.Cards) > 0 { // a file of a collection has all of it
		body.List.Exports = exportLinks(func(format string) string { return path(1, format) })
	}
	return v.render(http.StatusOK, "collection", frame{Title: name, Section: "collections", Body: body})
}

// recommended fills the list with what the likes recommend.
func (v *visit) recommended(c *collection, body *collectionPage, show, page int) ([]*akinv1.Paper, bool, error) {
	body.List = &list{Empty: "Nothing is left to recommend: everything here is liked or put away."}
	if c.Count() == 0 {
		return nil, false, nil
	}
	skip := (page - 1) * show
	answer, err := v.site.similarity.RecommendPapers(v.ctx, &akinv1.RecommendPapersRequest{
		ProfileId: c.Name, Explain: true, PageSize: int32(min(skip+show+1, maxDepth)),
		Options: &akinv1.SearchOptions{ReadMask: idsOnly},
	})
	if err != nil {
		return nil, false, err
	}
	if answer.GetInfo().GetWithoutLikes() {
		body.List.Empty = "None of the liked papers is stored any more, so they recommend nothing."
		return nil, false, nil
	}
	hits := answer.GetHits()
	hits = hits[min(skip, len(hits)):]
	more := len(hits) > show
	hits = hits[:min(show, len(hits))]
	cards, papers, err := v.cards(hits, skip)
	if err != nil {
		return nil, false, err
	}
	body.List.Cards = cards
	return papers, more, v.explainLikes(hits, cards)
}

// explainLikes says under each recommendation because of which likes it stands there.
func (v *visit) explainLikes(hits []*akinv1.Hit, cards []card) error {
	var ids []string
	because := make(map[string]*akinv1.Because, len(hits))
	for _, h := range hits {
		because[h.GetPaper().GetId()] = h.GetBecauseOf()
		for _, l := range h.GetBecauseOf().GetLikes() {
			if l.GetPaperId() != "" {
				ids = append(ids, l.GetPaperId())
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	titles, err := v.site.fetch(v.ctx, unique(ids))
	if err != nil {
		return err
	}
	for i := range cards {
		likes := because[cards[i].ID].GetLikes()
		for n, l := range likes {
			liked := titles[l.GetPaperId()]
			if liked == nil || n > 1 || l.GetPart() < .5*likes[0].GetPart() {
				continue // a second one only where it counts about as much
			}
			var words []string
			for _, t := range l.GetTerms()[:min(len(l.GetTerms()), 4)] {
				words = append(words, t.GetTerm())
			}
			cards[i].Because = append(cards[i].Because,
				reason{ID: l.GetPaperId(), Title: shortened(titleOf(liked), 80), Words: strings.Join(words, ", ")})
			if cards[i].Why == "" {
				cards[i].Why = whyPath("", l.GetPaperId(), cards[i].ID)
			}
		}
	}
	return nil
}

// kept fills the list with what is liked, or hidden. A file has all of them, a page those of its number.
func (v *visit) kept(c *collection, body *collectionPage, show, page int) ([]*akinv1.Paper, bool, error) {
	var all []string
	body.List = &list{Empty: "Nothing is liked yet. Search for something, and press the heart beside a paper."}
	for _, like := range c.order {
		all = append(all, like.GetPaperId())
	}
	if body.View == "hidden" {
		all = nil
		for id := range c.hidden {
			all = append(all, id)
		}
		all = unique(all)
		body.List.Empty = "Nothing is put away. What you mark as not for you is not recommended again."
	}
	skip, more := 0, false
	if v.query.Get("as") == "" {
		skip = min((page-1)*show, len(all))
		more = len(all) > skip+show
		all = all[skip:min(skip+show, len(all))]
	}
	found, err := v.site.fetch(v.ctx, all)
	if err != nil {
		return nil, false, err
	}
	var papers []*akinv1.Paper
	for i, id := range all {
		p := found[id]
		if p == nil {
			body.Missing++
			body.List.Cards = append(body.List.Cards, card{
				Place: skip + i + 1, ID: id, Plain: id, Title: plain(id), Gone: true,
				Liked: body.View == "liked", Hidden: body.View == "hidden",
			})
			continue
		}
		papers = append(papers, p)
		body.List.Cards = append(body.List.Cards, v.card(skip+i+1, p))
	}
	return papers, more, nil
}

// useCollection makes one the one that likes go to, and a new one by that.
func (v *visit) useCollection() error {
	name := strings.TrimSpace(v.r.PostFormValue("name"))
	if fault := nameFault(name); fault != "" {
		return v.listCollections(http.StatusUnprocessableEntity, fault)
	}
	v.choose(name)
	to := v.r.PostFormValue("from")
	if to == "" {
		to = collectionPath(name, "", 1, perPage, "")
	}
	v.back(to, "")
	return nil
}

// askDelete asks whether a collection is to go.
func (v *visit) askDelete() error {
	name := v.query.Get("name")
	if fault := nameFault(name); fault != "" {
		return &refusal{status: http.StatusBadRequest, title: "There is no such collection", text: fault}
	}
	c, err := v.collectionOf(name)
	if err != nil {
		return err
	}
	v.active = c
	return v.render(http.StatusOK, "delete", frame{Title: "Delete " + name, Section: "collections", Body: c})
}

// deleteCollection removes one. It may be gone already.
func (v *visit) deleteCollection() error {
	_, err := v.site.profiles.DeleteProfile(v.ctx, &akinv1.DeleteProfileRequest{ProfileId: v.r.PostFormValue("name")})
	if err != nil && status.Code(err) != codes.NotFound {
		return err
	}
	v.back("/collections", "")
	return nil
}

// fileName is a name in signs that every system takes in a file's name.
func fileName(s string) string {
	return shortened(strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, s), "-."), 60)
}
