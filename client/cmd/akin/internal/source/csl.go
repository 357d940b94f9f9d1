package source

import (
	"encoding/json"
	"regexp"
	"strings"
)

// cslName is a person as CSL-JSON and Crossref write one.
type cslName struct {
	Family   string `json:"family"`
	Given    string `json:"given"`
	Particle string `json:"non-dropping-particle"`
	Dropping string `json:"dropping-particle"`
	Suffix   string `json:"suffix"`
	Literal  string `json:"literal"`
	Name     string `json:"name"`
}

// text is the name in the order of reading it.
func (n cslName) text() string {
	if whole := firstOf(n.Literal, n.Name); whole != "" {
		return whole
	}
	return clean(strings.Join([]string{n.Given, n.Dropping, n.Particle, n.Family, n.Suffix}, " "))
}

// cslDate is a date in parts, or as text.
type cslDate struct {
	Parts    [][]word `json:"date-parts"`
	Raw      string   `json:"raw"`
	Literal  string   `json:"literal"`
	DateTime string   `json:"date-time"`
}

// take puts the date into the draft.
func (c cslDate) take(d *draft) bool {
	if len(c.Parts) > 0 && len(c.Parts[0]) > 0 {
		var n [3]int
		for i, part := range c.Parts[0][:min(3, len(c.Parts[0]))] {
			n[i], _ = atoi(string(part))
		}
		return d.parts(n[0], n[1], n[2])
	}
	return d.date(firstOf(c.Raw, c.Literal, c.DateTime))
}

// cslItem is one work in CSL-JSON, or in Crossref's form of it, where titles are lists and dates have several names.
type cslItem struct {
	ID              word      `json:"id"`
	Type            string    `json:"type"`
	Title           text      `json:"title"`
	Subtitle        text      `json:"subtitle"`
	Abstract        string    `json:"abstract"`
	Author          []cslName `json:"author"`
	Issued          cslDate   `json:"issued"`
	Published       cslDate   `json:"published"`
	PublishedPrint  cslDate   `json:"published-print"`
	PublishedOnline cslDate   `json:"published-online"`
	DOI             string    `json:"DOI"`
	URL             string    `json:"URL"`
	Container       text      `json:"container-title"`
	Event           text      `json:"event-title"`
	Publisher       text      `json:"publisher"`
	Volume          word      `json:"volume"`
	Issue           word      `json:"issue"`
	Page            word      `json:"page"`
	ISSN            text      `json:"ISSN"`
	ISBN            text      `json:"ISBN"`
	PMID            word      `json:"PMID"`
	PMCID           word      `json:"PMCID"`
	Language        string    `json:"language"`
	Keyword         text      `json:"keyword"`
	Categories      []string  `json:"categories"`
	Subject         []string  `json:"subject"`
	Custom          struct {
		Akin *struct { // as akin export writes it
			Categories []string       `json:"categories"`
			Published  string         `json:"publish_time"`
			Attributes map[string]any `json:"attributes"`
		} `json:"akin"`
	} `json:"custom"`
}

// parseCSL reads a CSL-JSON item. Its id is a key of one library.
func parseCSL(object []byte, d *draft) error {
	var r cslItem
	if err := decode(object, &r); err != nil {
		return err
	}
	d.kind = LocalID
	if id := string(r.ID); !bareNumber(id) || r.Custom.Akin != nil {
		d.p.Id = id
	}
	r.fill(d)
	if own := r.Custom.Akin; own != nil {
		d.kind, d.p.Categories, d.p.PublishTime, d.p.Attributes = OwnID, own.Categories, nil, nil
		d.date(own.Published)
		for _, name := range sorted(own.Attributes) {
			d.any(name, own.Attributes[name])
		}
	}
	return nil
}

// parseCrossref reads a work as Crossref's API gives it. Its id is its DOI.
func parseCrossref(object []byte, d *draft) error {
	var r cslItem
	if err := decode(object, &r); err != nil {
		return err
	}
	d.p.Id = strings.ToLower(bareDOI(r.DOI))
	r.fill(d)
	if sub := string(r.Subtitle); sub != "" && !strings.Contains(d.p.GetTitle(), sub) {
		d.p.Title += ": " + sub
	}
	return nil
}

// abstractHeading matches the heading that publishers set above an abstract.
var abstractHeading = regexp.MustCompile(`(?i)^\s*<jats:title>\s*(?:abstract|summary)\s*</jats:title>`)

// fill puts what both have into the draft.
func (r *cslItem) fill(d *draft) {
	p := d.p
	p.Title, p.Abstract, p.Doi, p.Url = string(r.Title), abstractHeading.ReplaceAllString(r.Abstract, ""), r.DOI, r.URL
	for _, n := range r.Author {
		p.Authors = append(p.Authors, n.text())
	}
	for _, date := range []cslDate{r.Issued, r.Published, r.PublishedPrint, r.PublishedOnline} {
		if date.take(d) {
			break
		}
	}
	if len(r.Categories) > 0 {
		p.Categories = r.Categories
	} else {
		p.Categories = append(splitList(string(r.Keyword), ";,"), r.Subject...)
	}
	for _, a := range []struct{ name, value string }{
		{"type", r.Type}, {"venue", firstOf(string(r.Container), string(r.Event))}, {"publisher", string(r.Publisher)},
		{"volume", string(r.Volume)}, {"issue", string(r.Issue)}, {"pages", string(r.Page)}, {"issn", string(r.ISSN)},
		{"isbn", string(r.ISBN)}, {"pmid", string(r.PMID)}, {"pmcid", string(r.PMCID)}, {"language", r.Language},
	} {
		d.string(a.name, a.value)
	}
}

// parseAMiner reads a paper of AMiner's citation data sets, in the forms of all their versions.
func parseAMiner(object []byte, d *draft) error {
	var r struct {
		ID       word            `json:"id"`
		AltID    word            `json:"_id"`
		Title    string          `json:"title"`
		Abstract string          `json:"abstract"`
		Authors  json.RawMessage `json:"authors"`
		Venue    json.RawMessage `json:"venue"`
		Year     word            `json:"year"`
		Keywords []string        `json:"keywords"`
		Fields   json.RawMessage `json:"fos"`
		DOI      string          `json:"doi"`
		URL      json.RawMessage `json:"url"`
		Lang     string          `json:"lang"`
		Volume   word            `json:"volume"`
		Issue    word            `json:"issue"`
		Start    word            `json:"page_start"`
		End      word            `json:"page_end"`
		Cited    *float64        `json:"n_citation"`
		Inverted struct {
			Index map[string][]int `json:"InvertedIndex"`
		} `json:"indexed_abstract"`
	}
	if err := decode(object, &r); err != nil {
		return err
	}
	d.kind = OwnID
	p := d.p
	p.Id, p.Title, p.Abstract, p.Doi = firstOf(string(r.ID), string(r.AltID)), r.Title, r.Abstract, r.DOI
	p.Url = scalar(loose(r.URL))
	if p.GetAbstract() == "" {
		abstract, err := invert(r.Inverted.Index)
		if err != nil {
			return err
		}
		p.Abstract = abstract
	}
	p.Authors = nameList(loose(r.Authors))
	p.Categories = r.Keywords
	if list, ok := loose(r.Fields).([]any); ok {
		for _, f := range list {
			p.Categories = append(p.Categories, scalar(f))
		}
	}
	d.parts(r.Year.year(), 1, 1)
	d.string("venue", scalar(loose(r.Venue)))
	d.string("volume", string(r.Volume))
	d.string("issue", string(r.Issue))
	d.string("pages", pageRange(string(r.Start), string(r.End)))
	d.string("language", r.Lang)
	if r.Cited != nil {
		d.number("citation_count", *r.Cited)
	}
	return nil
}

// loose decodes a value whose type varies; nil where there is none.
func loose(raw json.RawMessage) any {
	var v any
	if len(raw) > 0 && json.Unmarshal(raw, &v) != nil {
		return nil
	}
	return v
}
