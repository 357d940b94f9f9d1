package source

import (
	"encoding/xml"
	"strings"
)

// atomElements are the records of the answers of arXiv's API.
var atomElements = []elementKind{{name: "entry", fill: func(x *xml.Decoder, d *draft) error {
	var e struct {
		ID         string     `xml:"id"`
		Title      markedText `xml:"title"`
		Summary    markedText `xml:"summary"`
		Content    markedText `xml:"content"`
		Published  string     `xml:"published"`
		Updated    string     `xml:"updated"`
		DOI        string     `xml:"doi"`
		JournalRef string     `xml:"journal_ref"`
		Comment    string     `xml:"comment"`
		Authors    []struct {
			Name markedText `xml:"name"`
		} `xml:"author"`
		Categories []struct {
			Term string `xml:"term,attr"`
		} `xml:"category"`
		Links []struct {
			Href string `xml:"href,attr"`
			Rel  string `xml:"rel,attr"`
		} `xml:"link"`
	}
	if err := x.Decode(&e); err != nil {
		return err
	}
	p := d.p
	d.plain = plainLaTeX
	p.Title, p.Abstract, p.Doi = string(e.Title), firstOf(string(e.Summary), string(e.Content)), e.DOI
	if id, ok := arxivID(e.ID); ok {
		p.Id, p.Url = id, "https://arxiv.org/abs/"+id
	} else {
		p.Id, d.kind, d.plain = e.ID, OwnID, plain
		for _, l := range e.Links {
			if l.Rel == "" || l.Rel == "alternate" {
				p.Url = firstOf(p.GetUrl(), l.Href)
			}
		}
	}
	for _, a := range e.Authors {
		p.Authors = append(p.Authors, string(a.Name))
	}
	for _, c := range e.Categories {
		p.Categories = append(p.Categories, c.Term)
	}
	d.date(firstOf(e.Published, e.Updated))
	d.string("update_date", e.Updated)
	d.string("journal_ref", e.JournalRef)
	return nil
}}}

// arxivID finds the number of an arXiv paper, without its version, in the address of its page.
func arxivID(s string) (id string, ok bool) {
	s = strings.TrimSpace(s)
	i := strings.Index(s, "arxiv.org/abs/")
	if i < 0 {
		return "", false
	}
	s = s[i+len("arxiv.org/abs/"):]
	if m := versionSuffix.FindStringSubmatch(s); m != nil {
		s = m[1]
	}
	return s, s != ""
}

// oaiElements are the records of OAI-PMH: in arXiv's two forms of its own, and in Dublin Core.
var oaiElements = []elementKind{{name: "record", fill: fillOAI, nests: true}}

// oaiRecord is one of them; of its metadata one kind is there.
type oaiRecord struct {
	Header struct {
		Identifier string `xml:"identifier"`
		Status     string `xml:"status,attr"`
	} `xml:"header"`
	ArXiv *struct {
		ID         string     `xml:"id"`
		Created    string     `xml:"created"`
		Updated    string     `xml:"updated"`
		Title      markedText `xml:"title"`
		Abstract   markedText `xml:"abstract"`
		Categories string     `xml:"categories"`
		DOI        string     `xml:"doi"`
		JournalRef string     `xml:"journal-ref"`
		Authors    []struct {
			Key    string `xml:"keyname"`
			Fore   string `xml:"forenames"`
			Suffix string `xml:"suffix"`
		} `xml:"authors>author"`
	} `xml:"metadata>arXiv"`
	Raw *struct {
		ID         string     `xml:"id"`
		Title      markedText `xml:"title"`
		Abstract   markedText `xml:"abstract"`
		Authors    markedText `xml:"authors"`
		Categories string     `xml:"categories"`
		DOI        string     `xml:"doi"`
		JournalRef string     `xml:"journal-ref"`
		Versions   []struct {
			Date string `xml:"date"`
		} `xml:"version"`
	} `xml:"metadata>arXivRaw"`
	DC *struct {
		Titles      []markedText `xml:"title"`
		Creators    []markedText `xml:"creator"`
		Subjects    []markedText `xml:"subject"`
		Description []markedText `xml:"description"`
		Dates       []string     `xml:"date"`
		Identifiers []string     `xml:"identifier"`
		Types       []string     `xml:"type"`
		Languages   []string     `xml:"language"`
		Publishers  []string     `xml:"publisher"`
		Sources     []string     `xml:"source"`
	} `xml:"metadata>dc"`
}

func fillOAI(x *xml.Decoder, d *draft) error {
	var r oaiRecord
	if err := x.Decode(&r); err != nil {
		return err
	}
	p := d.p
	switch {
	case r.Header.Status == "deleted":
		d.dropped = true
		d.notes.add("a deleted record was passed over", d.line, r.Header.Identifier)
	case r.ArXiv != nil:
		d.plain = plainLaTeX
		a := r.ArXiv
		p.Id, p.Title, p.Abstract, p.Doi = clean(a.ID), string(a.Title), string(a.Abstract), firstOf(strings.Fields(a.DOI)...)
		for _, n := range a.Authors {
			p.Authors = append(p.Authors, n.Fore+" "+n.Key+" "+n.Suffix)
		}
		d.arxiv(a.Categories, a.Created, a.Updated, a.JournalRef)
	case r.Raw != nil:
		d.plain = plainLaTeX
		a := r.Raw
		p.Id, p.Title, p.Abstract, p.Doi = clean(a.ID), string(a.Title), string(a.Abstract), firstOf(strings.Fields(a.DOI)...)
		p.Authors = arxivAuthors(nil, string(a.Authors))
		created := ""
		if len(a.Versions) > 0 {
			created = a.Versions[0].Date
			d.number("versions", float64(len(a.Versions)))
		}
		d.arxiv(a.Categories, created, "", a.JournalRef)
	case r.DC != nil:
		r.fillDC(d)
	}
	return nil
}

// arxiv takes what arXiv's two forms have in common.
func (d *draft) arxiv(categories, created, updated, journal string) {
	if d.p.GetId() != "" {
		d.p.Url = "https://arxiv.org/abs/" + d.p.GetId()
	}
	d.p.Categories = strings.Fields(categories)
	d.date(created)
	d.string("update_date", updated)
	d.string("journal_ref", journal)
}

// fillDC takes Dublin Core. An arXiv paper keeps its number as id; others take the identifier of the repository.
func (r *oaiRecord) fillDC(d *draft) {
	p, dc := d.p, r.DC
	p.Id, d.kind = clean(r.Header.Identifier), OwnID
	if id, ok := strings.CutPrefix(p.GetId(), "oai:arXiv.org:"); ok {
		p.Id, d.kind = id, GlobalID
		d.plain = plainLaTeX
	}
	if len(dc.Titles) > 0 {
		p.Title = string(dc.Titles[0])
	}
	for _, text := range dc.Description {
		if len(text) > len(p.GetAbstract()) && !strings.HasPrefix(string(text), "Comment: ") {
			p.Abstract = string(text)
		}
	}
	for _, n := range dc.Creators {
		p.Authors = append(p.Authors, commaName(string(n)))
	}
	for _, s := range dc.Subjects {
		p.Categories = append(p.Categories, string(s))
	}
	for _, s := range dc.Dates {
		if d.date(s) {
			break
		}
	}
	for _, s := range dc.Identifiers {
		if doi := bareDOI(s); doi != "" && p.GetDoi() == "" {
			p.Doi = doi
		} else if strings.Contains(s, "://") && p.GetUrl() == "" {
			p.Url = s
		}
	}
	d.string("type", firstOf(dc.Types...))
	d.string("language", firstOf(dc.Languages...))
	d.string("publisher", firstOf(dc.Publishers...))
	d.string("venue", firstOf(dc.Sources...))
}
