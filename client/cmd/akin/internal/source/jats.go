package source

import (
	"encoding/xml"
	"strings"
)

// jatsElements are articles in JATS, as PubMed Central and publishers give them.
var jatsElements = []elementKind{{name: "article", fill: fillJATS, nests: true}}

// jatsDate is a date in parts.
type jatsDate struct {
	Type  string `xml:"pub-type,attr"`
	Date  string `xml:"date-type,attr"`
	Year  string `xml:"year"`
	Month string `xml:"month"`
	Day   string `xml:"day"`
}

// jatsAbstract is an abstract of some kind, in paragraphs and sections.
type jatsAbstract struct {
	Type string
	Text markedText
}

// UnmarshalXML reads the kind and the text.
func (a *jatsAbstract) UnmarshalXML(x *xml.Decoder, start xml.StartElement) error {
	for _, attr := range start.Attr {
		if attr.Name.Local == "abstract-type" {
			a.Type = attr.Value
		}
	}
	return a.Text.UnmarshalXML(x, start)
}

func fillJATS(x *xml.Decoder, d *draft) error {
	var a struct {
		Type    string     `xml:"article-type,attr"`
		Journal markedText `xml:"front>journal-meta>journal-title-group>journal-title"`
		Older   markedText `xml:"front>journal-meta>journal-title"`
		ISSN    []string   `xml:"front>journal-meta>issn"`
		Company string     `xml:"front>journal-meta>publisher>publisher-name"`
		IDs     []struct {
			Type  string `xml:"pub-id-type,attr"`
			Value string `xml:",chardata"`
		} `xml:"front>article-meta>article-id"`
		Title    markedText `xml:"front>article-meta>title-group>article-title"`
		Subtitle markedText `xml:"front>article-meta>title-group>subtitle"`
		Groups   []struct {
			Contributors []struct {
				Type       string     `xml:"contrib-type,attr"`
				Surname    markedText `xml:"name>surname"`
				Given      markedText `xml:"name>given-names"`
				Suffix     markedText `xml:"name>suffix"`
				Other      markedText `xml:"name-alternatives>name>surname"`
				OtherGiven markedText `xml:"name-alternatives>name>given-names"`
				Collective markedText `xml:"collab"`
			} `xml:"contrib"`
		} `xml:"front>article-meta>contrib-group"`
		Dates     []jatsDate     `xml:"front>article-meta>pub-date"`
		Abstracts []jatsAbstract `xml:"front>article-meta>abstract"`
		Keywords  []markedText   `xml:"front>article-meta>kwd-group>kwd"`
		Subjects  []markedText   `xml:"front>article-meta>article-categories>subj-group>subject"`
		Volume    string         `xml:"front>article-meta>volume"`
		Issue     string         `xml:"front>article-meta>issue"`
		First     string         `xml:"front>article-meta>fpage"`
		Last      string         `xml:"front>article-meta>lpage"`
		Lang      string         `xml:"lang,attr"`
	}
	if err := x.Decode(&a); err != nil {
		return err
	}
	p := d.p
	d.kind = LocalID
	p.Title = string(a.Title)
	if a.Subtitle != "" {
		p.Title += ": " + string(a.Subtitle)
	}
	for _, id := range a.IDs {
		value := clean(id.Value)
		switch id.Type {
		case "pmid":
			p.Id, d.kind = value, GlobalID
		case "doi":
			p.Doi = value
		case "pmc", "pmcid":
			d.string("pmcid", "PMC"+strings.TrimPrefix(value, "PMC"))
		}
	}
	for _, abstract := range a.Abstracts {
		switch abstract.Type {
		case "", "abstract", "structured", "executive-summary", "section":
			p.Abstract = firstOf(p.GetAbstract(), string(abstract.Text))
		}
	}
	for _, g := range a.Groups {
		for _, c := range g.Contributors {
			if c.Type == "" || c.Type == "author" {
				p.Authors = append(p.Authors, firstOf(string(c.Collective),
					clean(firstOf(string(c.Given), string(c.OtherGiven))+" "+
						firstOf(string(c.Surname), string(c.Other))+" "+string(c.Suffix))))
			}
		}
	}
	for _, k := range append(a.Keywords, a.Subjects...) {
		p.Categories = append(p.Categories, string(k))
	}
	for _, date := range a.Dates { // the earliest: online before print
		before := p.GetPublishTime()
		year, _ := atoi(date.Year)
		month, _ := monthOf(date.Month)
		day, _ := atoi(date.Day)
		if d.parts(year, month, day) && before != nil && before.AsTime().Before(p.GetPublishTime().AsTime()) {
			p.PublishTime = before
		}
	}
	d.string("venue", firstOf(string(a.Journal), string(a.Older)))
	d.string("type", a.Type)
	d.string("publisher", a.Company)
	d.string("volume", clean(a.Volume))
	d.string("issue", clean(a.Issue))
	d.string("pages", pageRange(clean(a.First), clean(a.Last)))
	d.string("issn", firstOf(a.ISSN...))
	d.string("language", a.Lang)
	return nil
}

// dblpElements are the publications of DBLP; its records of persons are passed over.
var dblpElements = []elementKind{
	{name: "article", fill: fillDBLP}, {name: "inproceedings", fill: fillDBLP}, {name: "proceedings", fill: fillDBLP},
	{name: "book", fill: fillDBLP}, {name: "incollection", fill: fillDBLP}, {name: "phdthesis", fill: fillDBLP},
	{name: "mastersthesis", fill: fillDBLP}, {name: "data", fill: fillDBLP},
}

// fillDBLP takes a publication. Its id is its key, such as journals/cacm/Dijkstra68a.
func fillDBLP(x *xml.Decoder, d *draft) error {
	var r struct {
		XMLName xml.Name
		Key     string       `xml:"key,attr"`
		Authors []markedText `xml:"author"`
		Editors []markedText `xml:"editor"`
		Title   markedText   `xml:"title"`
		Year    string       `xml:"year"`
		Month   string       `xml:"month"`
		Journal markedText   `xml:"journal"`
		Book    markedText   `xml:"booktitle"`
		School  markedText   `xml:"school"`
		Pages   string       `xml:"pages"`
		Volume  string       `xml:"volume"`
		Number  string       `xml:"number"`
		Links   []string     `xml:"ee"`
		ISBN    string       `xml:"isbn"`
		Company markedText   `xml:"publisher"`
	}
	if err := x.Decode(&r); err != nil {
		return err
	}
	p := d.p
	p.Id, p.Title = r.Key, strings.TrimSuffix(string(r.Title), ".")
	authors := r.Authors
	if len(authors) == 0 {
		authors = r.Editors
	}
	for _, a := range authors {
		p.Authors = append(p.Authors, dblpName(string(a)))
	}
	for _, link := range r.Links {
		if p.GetDoi() == "" {
			p.Doi = bareDOI(link)
		}
	}
	p.Url = firstOf(r.Links...)
	year, _ := atoi(r.Year)
	month, _ := monthOf(r.Month)
	d.parts(year, month, 1)
	d.string("venue", firstOf(string(r.Journal), string(r.Book), string(r.School)))
	d.string("type", r.XMLName.Local)
	d.string("pages", r.Pages)
	d.string("volume", r.Volume)
	d.string("issue", r.Number)
	d.string("isbn", r.ISBN)
	d.string("publisher", string(r.Company))
	return nil
}

// dblpName takes off the number by which DBLP tells persons of one name apart.
func dblpName(s string) string {
	if i := strings.LastIndexByte(s, ' '); i > 0 && len(s)-i == 5 && bareNumber(s[i+1:]) {
		return s[:i]
	}
	return s
}
