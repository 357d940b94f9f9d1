package web

import (
	"net/http"
	"net/url"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// paperPage is what the page of one paper shows.
type paperPage struct {
	Paper    card
	Authors  []label
	Labels   []label
	Abstract string
	Links    []link
	BibTeX   string
	Cite     []link
	Related  *list
	Graph    *graph // nil: there are too few papers near to it

	Subscribe *subscribeForm
}

// related is how many near papers are listed, and nearest how many are in the graph.
const (
	related = 12
	nearest = 40
)

const noneNear = "No other paper is near to this one yet."

// paper shows one paper, those near to it, and how they hang together.
func (v *visit) paper() error {
	id := v.query.Get("id")
	if id == "" {
		return &refusal{status: http.StatusBadRequest, title: "Which paper?",
			text: "The address names none. A search finds it."}
	}
	answer, err := v.site.papers.GetPaper(v.ctx, &akinv1.GetPaperRequest{Id: id, ReadMask: fullMask})
	if err != nil {
		return err
	}
	p := answer.GetPaper()
	if format := v.query.Get("as"); format != "" {
		return v.export(format, fileName(p.GetId()), []*akinv1.Paper{p})
	}
	if err := v.taste(); err != nil {
		return err
	}
	bibtex, err := written("bibtex", p)
	if err != nil {
		return err
	}
	body := &paperPage{Paper: v.card(0, p), Abstract: p.GetAbstract(), Links: linksOf(p), BibTeX: string(bibtex)}
	body.Subscribe = v.newSubscribe(subscribeForm{Paper: p.GetId()})
	body.Cite = exportLinks(func(format string) string { return paperPath(p.GetId()) + "&as=" + format })
	for _, name := range p.GetAuthors() {
		body.Authors = append(body.Authors, label{name, "/recent?author=" + url.QueryEscape(name)})
	}
	for _, name := range p.GetCategories() {
		body.Labels = append(body.Labels, label{name, "/recent?category=" + url.QueryEscape(name)})
	}
	hits, papers, err := v.near(p.GetId(), nearest)
	if err != nil {
		return err
	}
	cards, _, err := v.cards(hits[:min(related, len(hits))], 0)
	if err != nil {
		return err
	}
	for i := range cards {
		cards[i].Why = whyPath("", p.GetId(), cards[i].ID)
	}
	body.Related = &list{Cards: cards, Empty: noneNear}
	body.Related.Exports = exportLinks(func(format string) string {
		return "/related?" + url.Values{"id": {p.GetId()}, "as": {format}}.Encode()
	})
	if len(hits) > related {
		body.Related.Next = "/related?" + url.Values{"id": {p.GetId()}}.Encode()
	}
	if body.Graph, err = v.graph(p, hits, papers); err != nil {
		return err
	}
	return v.render(http.StatusOK, "paper", frame{Title: body.Paper.Plain, Section: "paper", Body: body})
}

// near returns the papers nearest to a stored one, with all their fields.
func (v *visit) near(id string, n int) ([]*akinv1.Hit, map[string]*akinv1.Paper, error) {
	answer, err := v.site.similarity.SearchPapers(v.ctx, &akinv1.SearchPapersRequest{
		Query: &akinv1.SearchPapersRequest_PaperId{PaperId: id}, PageSize: int32(n),
		Options: &akinv1.SearchOptions{ReadMask: idsOnly},
	})
	if err != nil {
		return nil, nil, err
	}
	var ids []string
	for _, h := range answer.GetHits() {
		ids = append(ids, h.GetPaper().GetId())
	}
	papers, err := v.site.fetch(v.ctx, ids)
	return answer.GetHits(), papers, err
}

// relatedPage lists the papers near to one.
type relatedPage struct {
	Paper card
	List  *list
}

// related lists all near papers, as many as an address asks for.
func (v *visit) related() error {
	id := v.query.Get("id")
	answer, err := v.site.papers.GetPaper(v.ctx, &akinv1.GetPaperRequest{Id: id, ReadMask: fullMask})
	if err != nil {
		return err
	}
	if err := v.taste(); err != nil {
		return err
	}
	show, page := pageOf(v.query)
	if v.query.Get("show") == "" {
		show = nearest
	}
	skip := (page - 1) * show
	found, err := v.site.similarity.SearchPapers(v.ctx, &akinv1.SearchPapersRequest{
		Query: &akinv1.SearchPapersRequest_PaperId{PaperId: id}, PageSize: int32(min(skip+show+1, maxDepth)),
		Options: &akinv1.SearchOptions{ReadMask: idsOnly},
	})
	if err != nil {
		return err
	}
	hits := found.GetHits()[min(skip, len(found.GetHits())):]
	more := len(hits) > show
	cards, papers, err := v.cards(hits[:min(show, len(hits))], skip)
	if err != nil {
		return err
	}
	if format := v.query.Get("as"); format != "" {
		return v.export(format, "akin-related-to-"+fileName(id), papers)
	}
	for i := range cards {
		cards[i].Why = whyPath("", id, cards[i].ID)
	}
	body := relatedPage{Paper: v.card(0, answer.GetPaper()), List: &list{Cards: cards, Empty: noneNear}}
	body.List.page(page, more, func(page int, format string) string {
		return "/related?" + withPage(url.Values{"id": {id}}, show, page, format).Encode()
	})
	return v.render(http.StatusOK, "related", frame{Title: "Related to " + body.Paper.Plain, Section: "paper", Body: body})
}
