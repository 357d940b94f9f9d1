package web

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// Limits of a list.
const (
	perPage   = 20   // unless the address says otherwise
	maxDepth  = 1000 // of a list: what the contract returns at most
	dateDepth = 100  // best hits that are sorted by date
	dateShare = .4   // of the best score is the least that one of them has: the newest of all papers is no answer
)

// modes of a search, as addresses name them.
var modes = map[string]akinv1.SearchMode{
	"":            akinv1.SearchMode_SEARCH_MODE_AUTO,
	"exact":       akinv1.SearchMode_SEARCH_MODE_EXACT,
	"approximate": akinv1.SearchMode_SEARCH_MODE_APPROXIMATE,
}

// searchForm is what the form of a search holds, and what its address says.
type searchForm struct {
	Text    string
	Filters filters
	Sort    string // score or date
	Mode    string // auto, exact or approximate; auto is left out of addresses
	Show    int    // papers a page
	Page    int    // from 1
}

// searchPage is what the page of a search shows.
type searchPage struct {
	Form     searchForm
	List     *list // nil: nothing was searched for
	Exact    *card // a paper whose id was typed
	Notices  []string
	Problems []string
	Examples []string

	Subscribe *subscribeForm // nil: there is nothing to subscribe to
}

// list is a list of papers with everything around it.
type list struct {
	Cards    []card
	Heading  string
	Note     string
	Previous string // addresses of the pages beside this one; empty: none
	Next     string
	Exports  []link
	Empty    string // what to say where there are none
}

// formOf reads a search from an address. What is out of range becomes what is nearest to it.
func formOf(q url.Values) searchForm {
	f := searchForm{Text: strings.TrimSpace(q.Get("q")), Filters: filtersOf(q), Sort: q.Get("sort"), Mode: q.Get("mode")}
	if f.Sort != "date" {
		f.Sort = "score"
	}
	if modes[f.Mode] == 0 || f.Mode == "auto" {
		f.Mode = ""
	}
	f.Show, f.Page = pageOf(q)
	return f
}

// pageOf reads which part of a list is asked for.
func pageOf(q url.Values) (show, page int) {
	show, page = perPage, 1
	if n, err := strconv.Atoi(q.Get("show")); err == nil {
		show = min(max(n, 1), 500)
	}
	if n, err := strconv.Atoi(q.Get("page")); err == nil {
		page = min(max(n, 1), max(1, maxDepth/show))
	}
	return show, page
}

// path is the address of a search.
func (f searchForm) path(page int, format string) string {
	q := url.Values{"q": {f.Text}}
	f.Filters.values(q)
	if f.Sort != "score" {
		q.Set("sort", f.Sort)
	}
	if f.Mode != "" {
		q.Set("mode", f.Mode)
	}
	return "/search?" + withPage(q, f.Show, page, format).Encode()
}

// withPage adds the part of a list that is meant, and the format of a file.
func withPage(q url.Values, show, page int, format string) url.Values {
	if show != perPage {
		q.Set("show", strconv.Itoa(show))
	}
	if page > 1 {
		q.Set("page", strconv.Itoa(page))
	}
	if format != "" {
		q.Set("as", format)
	}
	return q
}

// search shows the papers nearest to a text.
func (v *visit) search() error {
	form := formOf(v.query)
	body := &searchPage{Form: form, Examples: examples}
	if form.Text == "" && form.Filters.Any() { // all papers that the filters accept
		q := url.Values{}
		form.Filters.values(q)
		http.Redirect(v.w, v.r, "/recent?"+withPage(q, form.Show, 1, "").Encode(), http.StatusSeeOther)
		return nil
	}
	if err := v.taste(); err != nil {
		return err
	}
	page := frame{Title: "Search", Section: "search", OwnSearch: true, Body: body}
	if form.Text == "" {
		return v.render(http.StatusOK, "search", page)
	}
	page.Title = shortened(oneLine(form.Text), 60)
	hits, info, more, err := v.find(&body.Form)
	body.Problems = append(body.Problems, body.Form.Filters.Faults...)
	if status.Code(err) == codes.InvalidArgument {
		body.Problems = append(body.Problems, problems(err)...)
		return v.render(http.StatusBadRequest, "search", page)
	}
	if err != nil {
		return err
	}
	skip := (form.Page - 1) * form.Show
	cards, papers, err := v.cards(hits, skip)
	if err != nil {
		return err
	}
	if format := v.query.Get("as"); format != "" {
		return v.export(format, "akin-search", papers)
	}
	marks := marksOf(form.Text)
	for i, p := range papers {
		cards[i].Title = marked(cards[i].Short(), marks)
		cards[i].Abstract = passage(p.GetAbstract(), marks, 420)
		cards[i].Why = whyPath(form.Text, "", p.GetId())
	}
	body.Notices = notices(info)
	if len(body.Problems) == 0 {
		body.Subscribe = v.newSubscribe(subscribeForm{Text: form.Text, Filter: form.Filters.expression()})
	}
	body.List = &list{Cards: cards, Empty: "No paper fits. Fewer filters, or other words, may find some."}
	body.List.page(form.Page, more, form.path)
	if body.Exact, err = v.named(form.Text); err != nil {
		return err
	}
	return v.render(http.StatusOK, "search", page)
}

// find asks for the hits of one page of a search, ids alone. more says that there is a further page.
func (v *visit) find(form *searchForm) (hits []*akinv1.Hit, info *akinv1.SearchInfo, more bool, err error) {
	skip := (form.Page - 1) * form.Show
	depth := min(skip+form.Show+1, maxDepth)
	mask := idsOnly
	if form.Sort == "date" {
		depth = min(max(depth, dateDepth), maxDepth)
		mask = datesOnly
	}
	answer, err := v.site.similarity.SearchPapers(v.ctx, &akinv1.SearchPapersRequest{
		Query:    &akinv1.SearchPapersRequest_Text{Text: form.Text},
		PageSize: int32(depth),
		Options:  &akinv1.SearchOptions{Filter: form.Filters.expression(), Mode: modes[form.Mode], ReadMask: mask},
	})
	if err != nil {
		return nil, nil, false, err
	}
	hits = answer.GetHits()
	if form.Sort == "date" {
		for n, h := range hits {
			if h.GetScore() < dateShare*hits[0].GetScore() {
				hits = hits[:n]
				break
			}
		}
		newestFirst(hits)
	}
	hits = hits[min(skip, len(hits)):]
	more = len(hits) > form.Show
	return hits[:min(form.Show, len(hits))], answer.GetInfo(), more, nil
}

// newestFirst sorts hits by date, those without one behind all others; equal ones stay in their order.
func newestFirst(hits []*akinv1.Hit) {
	slices.SortStableFunc(hits, func(a, b *akinv1.Hit) int {
		left, knownLeft := published(a.GetPaper())
		right, knownRight := published(b.GetPaper())
		switch {
		case knownLeft && knownRight:
			return right.Compare(left)
		case knownLeft != knownRight:
			return cmp.Compare(b2i(knownRight), b2i(knownLeft))
		}
		return 0
	})
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// page sets the addresses beside page n of a list, and those of its files.
func (l *list) page(n int, more bool, path func(page int, format string) string) {
	if n > 1 {
		l.Previous = path(n-1, "")
	}
	if more {
		l.Next = path(n+1, "")
	}
	if len(l.Cards) > 0 {
		l.Exports = exportLinks(func(format string) string { return path(n, format) })
	}
}

// named finds the paper whose id was typed into the search, in any spelling of it.
func (v *visit) named(text string) (*card, error) {
	if len(text) > 256 || strings.ContainsAny(text, " \t\n") {
		return nil, nil
	}
	answer, err := v.site.papers.GetPaper(v.ctx, &akinv1.GetPaperRequest{Id: text, ReadMask: fullMask})
	switch status.Code(err) {
	case codes.OK:
		c := v.card(0, answer.GetPaper())
		return &c, nil
	case codes.NotFound, codes.InvalidArgument:
		return nil, nil
	}
	return nil, err
}

// notices are what a reader should know of how an answer was found.
func notices(info *akinv1.SearchInfo) []string {
	var out []string
	if words := info.GetUnknownWords(); len(words) > 0 {
		some := strings.Join(words[:min(len(words), 8)], "”, “")
		out = append(out, "No paper here has “"+some+"”: that could not count.")
	}
	return append(out, info.GetWarnings()...)
}

// problems say what of a search was refused, in the words of its form.
func problems(err error) []string {
	switch reasonOf(err) {
	case "NO_WORDS":
		return []string{"None of these words says what a paper is about. Add a word or two of the subject."}
	}
	var out []string
	for _, s := range violationsOf(err) {
		s = strings.TrimPrefix(strings.TrimPrefix(s, "options."), "query.")
		switch {
		case strings.HasPrefix(s, "filter "):
			s = "The filter expression " + strings.TrimPrefix(s, "filter ")
		case strings.HasPrefix(s, "text "):
			s = "The text " + strings.TrimPrefix(s, "text ")
		}
		out = append(out, strings.TrimSuffix(s, ".")+".")
	}
	if len(out) == 0 {
		out = append(out, status.Convert(err).Message())
	}
	return out
}

// examples are searches for someone who does not know yet what may be typed.
var examples = []string{
	"making language models smaller without losing accuracy",
	"attention that scales to long sequences",
	"what the layers of a network have learnt",
}

// whyPath is the address of an explanation: why a paper is near to a text, or to another paper.
func whyPath(text, id, target string) string {
	q := url.Values{"target": {target}}
	if text != "" {
		q.Set("q", text)
	} else {
		q.Set("id", id)
	}
	return "/why?" + q.Encode()
}

// counted is a number with its noun.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%s %s", number(n), many)
}
