package web

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// card is one paper in a list.
type card struct {
	Place    int // in the list, from 1
	ID       string
	Title    []piece
	Plain    string // the title without marks
	Authors  string
	When     string
	Venue    string
	Labels   []label
	Abstract []piece
	Hit      *likeness // nil: the list does not rank
	Liked    bool
	Hidden   bool   // not interested
	Why      string // address of the explanation; empty: none
	Because  []reason
	Gone     bool // named, and not stored
}

// label is a category with the address of its papers.
type label struct{ Name, Path string }

// likeness is what a hit says of itself.
type likeness struct {
	Score, Cosine float64
	OneIn         int32
}

// reason is a liked paper because of which another is recommended.
type reason struct {
	ID, Title string
	Words     string
}

// fullMask names every field of a paper: a mask of its own leaves nothing to the default, which has no abstract.
var fullMask = &fieldmaskpb.FieldMask{Paths: []string{
	"title", "abstract", "authors", "categories", "publish_time", "url", "doi", "attributes",
}}

// Masks of hits whose papers are fetched apart, or only compared.
var (
	idsOnly   = &fieldmaskpb.FieldMask{Paths: []string{"id"}}
	datesOnly = &fieldmaskpb.FieldMask{Paths: []string{"publish_time"}}
)

// maxBatch is how many papers one call returns at most.
const maxBatch = 1000

// fetch returns papers by their ids, with all fields. Those that are not stored are missing.
func (s *Site) fetch(ctx context.Context, ids []string) (map[string]*akinv1.Paper, error) {
	found := make(map[string]*akinv1.Paper, len(ids))
	for len(ids) > 0 {
		ask := ids[:min(len(ids), maxBatch)]
		ids = ids[len(ask):]
		for len(ask) > 0 {
			answer, err := s.papers.BatchGetPapers(ctx, &akinv1.BatchGetPapersRequest{Ids: ask, ReadMask: fullMask})
			if err != nil {
				return nil, err
			}
			for _, p := range answer.GetPapers() {
				found[p.GetId()] = p
			}
			if len(answer.GetRemainingIds()) >= len(ask) {
				return nil, fmt.Errorf("the server left out all of %d papers", len(ask))
			}
			ask = answer.GetRemainingIds()
		}
	}
	return found, nil
}

// card makes one of a paper.
func (v *visit) card(place int, p *akinv1.Paper) card {
	c := card{
		Place: place, ID: p.GetId(), Plain: titleOf(p), When: when(p), Venue: textOf(p, "venue"),
		Authors: people(p.GetAuthors(), 6), Abstract: plain(shortened(oneLine(p.GetAbstract()), 420)),
	}
	c.Title = plain(c.Short())
	for _, name := range p.GetCategories()[:min(len(p.GetCategories()), 5)] {
		c.Labels = append(c.Labels, label{name, "/recent?category=" + url.QueryEscape(name)})
	}
	if v.active != nil {
		_, c.Liked = v.active.likes[c.ID]
		_, c.Hidden = v.active.hidden[c.ID]
	}
	return c
}

// longTitle is how many characters of a title a list shows: few titles have more.
const longTitle = 300

// Short is the title as lists show it.
func (c *card) Short() string { return shortened(c.Plain, longTitle) }

// cards makes the list of some hits, whose papers it fetches. The first has the place after skip.
func (v *visit) cards(hits []*akinv1.Hit, skip int) ([]card, []*akinv1.Paper, error) {
	ids := make([]string, len(hits))
	for i, h := range hits {
		ids[i] = h.GetPaper().GetId()
	}
	found, err := v.site.fetch(v.ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	var out []card
	var papers []*akinv1.Paper
	for _, h := range hits {
		p := found[h.GetPaper().GetId()]
		if p == nil {
			continue // deleted since
		}
		papers = append(papers, p)
		c := v.card(skip+len(papers), p)
		c.Hit = &likeness{h.GetScore(), h.GetCosine(), h.GetOneIn()}
		out = append(out, c)
	}
	return out, papers, nil
}

// titleOf is a paper's title, or what stands for it.
func titleOf(p *akinv1.Paper) string {
	if t := oneLine(p.GetTitle()); t != "" {
		return t
	}
	return shortened(oneLine(p.GetAbstract()), 80)
}

// textOf is an attribute that is a text.
func textOf(p *akinv1.Paper, name string) string {
	return oneLine(p.GetAttributes()[name].GetStringValue())
}

// oneLine joins words by single spaces.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// shortened cuts a text at a word before n characters.
func shortened(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	runes := []rune(s)[:n-1]
	for i := len(runes) - 1; i > len(runes)-24 && i > 0; i-- {
		if runes[i] == ' ' {
			runes = runes[:i]
			break
		}
	}
	return strings.TrimRight(string(runes), " ,.;:") + "…"
}

// people are the first n of some names.
func people(names []string, n int) string {
	if len(names) > n {
		return strings.Join(names[:n-1], ", ") + fmt.Sprintf(" and %d more", len(names)-n+1)
	}
	return strings.Join(names, ", ")
}

// when is a date as far as it is likely to be known: the first of January is a year, the first of a month a month.
func when(p *akinv1.Paper) string {
	t, ok := published(p)
	switch {
	case !ok:
		return ""
	case t.Day() != 1 || t.Hour() != 0 || t.Minute() != 0:
		return t.Format("2 January 2006")
	case t.Month() != time.January:
		return t.Format("January 2006")
	}
	return t.Format("2006")
}

// published is when a paper was, if that is known.
func published(p *akinv1.Paper) (time.Time, bool) {
	if !p.GetPublishTime().IsValid() {
		return time.Time{}, false
	}
	return p.GetPublishTime().AsTime(), true
}

var (
	newArXiv = regexp.MustCompile(`^(?:(?i:arxiv:))?([0-9]{4}\.[0-9]{4,5}(?:v[0-9]+)?)$`)
	oldArXiv = regexp.MustCompile(`^(?:(?i:arxiv:))?([a-z-]+(?:\.[A-Z]{2})?/[0-9]{7}(?:v[0-9]+)?)$`)
)

// link is an address elsewhere that a reader may follow.
type link struct{ Name, Href string }

// linksOf are the places where a paper can be read. Addresses other than http and https are none.
func linksOf(p *akinv1.Paper) []link {
	var out []link
	arxiv := ""
	for _, s := range []string{textOf(p, "arxiv_id"), p.GetId()} {
		for _, form := range []*regexp.Regexp{newArXiv, oldArXiv} {
			if m := form.FindStringSubmatch(s); m != nil && arxiv == "" {
				arxiv = m[1]
			}
		}
	}
	if arxiv != "" {
		out = append(out, link{"arXiv:" + arxiv, "https://arxiv.org/abs/" + arxiv})
	}
	if doi := p.GetDoi(); strings.HasPrefix(doi, "10.") {
		out = append(out, link{"DOI " + doi, (&url.URL{Scheme: "https", Host: "doi.org", Path: "/" + doi}).String()})
	}
	if u, err := url.Parse(p.GetUrl()); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		out = append(out, link{strings.TrimPrefix(u.Host, "www."), u.String()})
	}
	return out
}

func paperPath(id string) string { return "/paper?id=" + url.QueryEscape(id) }
