package mcp

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/akin-search/akin/client"
	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// paper is a paper in an answer. All its texts are plain.
type paper struct {
	ID         string         `json:"id"`
	Title      string         `json:"title,omitempty"`
	Published  string         `json:"published,omitempty"` // YYYY-MM-DD
	Authors    []string       `json:"authors,omitempty"`
	MoreAuth   int            `json:"more_authors,omitempty"`
	Categories []string       `json:"categories,omitempty"`
	DOI        string         `json:"doi,omitempty"`
	URL        string         `json:"url,omitempty"`
	Cosine     *float64       `json:"cosine,omitempty"` // of hits, rounded to hundredths
	Attributes map[string]any `json:"attributes,omitempty"`
	Abstract   string         `json:"abstract,omitempty"`
	// MoreChars is how many characters of the abstract were cut off.
	MoreChars int `json:"abstract_cut_chars,omitempty"`
	// Continued says that only the rest of the abstract stands here.
	Continued bool `json:"continued,omitempty"`
}

// Limits of a paper in an answer.
const (
	hitAuthors   = 3
	wholeAuthors = 25
	attributes   = 16
	valueTokens  = 40
	shortTokens  = 130 // of an abstract in a hit
)

// hitOf is a paper found: what is needed to choose it.
func hitOf(h *client.Hit, abstract string) *paper {
	p := paperOf(h.GetPaper(), hitAuthors)
	p.DOI, p.URL, p.Attributes = "", "", nil
	cosine := math.Round(h.GetCosine()*100) / 100
	p.Cosine = &cosine
	switch abstract {
	case "none":
		p.Abstract = ""
	case "full":
	default:
		p.cut(shortTokens)
	}
	return p
}

// paperOf is a whole paper with at most so many authors.
func paperOf(from *client.Paper, authors int) *paper {
	p := &paper{
		ID: from.GetId(), Title: plain(from.GetTitle()), DOI: plain(from.GetDoi()), URL: plain(from.GetUrl()),
		Abstract: plain(from.GetAbstract()),
	}
	if t := from.GetPublishTime(); t.IsValid() {
		p.Published = t.AsTime().Format("2006-01-02")
	}
	for i, a := range from.GetAuthors() {
		if i == authors {
			p.MoreAuth = len(from.GetAuthors()) - authors
			break
		}
		p.Authors = append(p.Authors, plain(a))
	}
	for _, c := range from.GetCategories() {
		p.Categories = append(p.Categories, plain(c))
	}
	for i, name := range slices.Sorted(maps.Keys(from.GetAttributes())) {
		if i == attributes {
			break
		}
		if p.Attributes == nil {
			p.Attributes = make(map[string]any)
		}
		p.Attributes[name] = value(from.GetAttributes()[name])
	}
	return p
}

func value(v *client.AttributeValue) any {
	switch v := v.GetValue().(type) {
	case *akinv1.AttributeValue_DoubleValue:
		return v.DoubleValue
	case *akinv1.AttributeValue_BoolValue:
		return v.BoolValue
	case *akinv1.AttributeValue_StringValue:
		text := plain(v.StringValue)
		return text[:head(text, valueTokens)]
	}
	return nil
}

// cut shortens the abstract.
func (p *paper) cut(tokens int) {
	if end := head(p.Abstract, tokens); end < len(p.Abstract) {
		p.MoreChars += utf8.RuneCountInString(p.Abstract[end:])
		p.Abstract = p.Abstract[:end]
	}
}

// split cuts a paper to a number of tokens: the first part has all but the end of the abstract, which the second has.
// Where the other fields alone are too long, they give way, the longest kinds first.
func (p *paper) split(tokens int) (first, behind *paper) {
	whole := *p
	bare := *p
	bare.Abstract = ""
	for _, shorten := range []func(){
		func() { bare.Attributes = nil },
		func() {
			bare.MoreAuth += len(bare.Authors) - min(1, len(bare.Authors))
			bare.Authors = bare.Authors[:min(1, len(bare.Authors))]
		},
		func() { bare.Categories = bare.Categories[:min(3, len(bare.Categories))] },
		func() { bare.URL = "" },
		func() { bare.Authors, bare.Categories = nil, nil },
		func() { bare.Title = bare.Title[:head(bare.Title, tokens/3)] },
	} {
		if costOf(&bare) <= tokens*2/3 {
			break
		}
		shorten()
	}
	room := tokens - costOf(&bare) - 20 // the names of further fields
	end := head(whole.Abstract, max(room, tokens/4))
	// A sign that JSON escapes costs more than it says, so what comes out is measured too.
	for bare.Abstract = whole.Abstract[:end]; end > 0 && costOf(&bare) > tokens; bare.Abstract = whole.Abstract[:end] {
		end = head(whole.Abstract[:end], cost(whole.Abstract[:end])*9/10)
	}
	if end == len(whole.Abstract) || end == 0 {
		return &bare, nil
	}
	return &bare, &paper{ID: p.ID, Abstract: whole.Abstract[end:], MoreChars: p.MoreChars, Continued: true}
}

// counted is a number of things in words, such as "1 paper".
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// few is the head of a list of ids that costs at most so many tokens; a note says how many there are.
func few(ids []string, tokens int) []string {
	for i, id := range ids {
		if tokens -= cost(id) + 3; tokens < 0 {
			return ids[:i]
		}
	}
	return ids
}

// missingNote says what was not found.
func missingNote(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s not stored here", counted(n, "id is", "ids are"))
}
