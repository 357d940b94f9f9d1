package source

import (
	"encoding/xml"
	"regexp"
	"strings"
)

// pubmedElements are the records of PubMed XML: articles, and books with their chapters. Deleted citations are passed
// over.
var pubmedElements = []elementKind{
	{name: "PubmedArticle", fill: func(x *xml.Decoder, d *draft) error {
		var a pubmedArticle
		if err := x.Decode(&a); err != nil {
			return err
		}
		a.fill(d)
		return nil
	}},
	{name: "PubmedBookArticle", fill: func(x *xml.Decoder, d *draft) error {
		var b pubmedBook
		if err := x.Decode(&b); err != nil {
			return err
		}
		b.fill(d)
		return nil
	}},
}

// pmid finds an article's number in its text.
var pmid = regexp.MustCompile(`<PMID[^<>]*>\s*([0-9]{1,20})\s*<`)

// pubmedDate is a date in parts. Month is a number or a name; MedlineDate is free text.
type pubmedDate struct {
	Year        string `xml:"Year"`
	Month       string `xml:"Month"`
	Day         string `xml:"Day"`
	MedlineDate string `xml:"MedlineDate"`
}

// take puts the date into the draft.
func (p pubmedDate) take(d *draft) bool {
	year, ok := atoi(p.Year)
	if !ok {
		return d.date(firstOf(p.MedlineDate, p.Year))
	}
	month, _ := monthOf(p.Month)
	day, _ := atoi(p.Day)
	return d.parts(year, month, day)
}

// pubmedArticle is what papers take from PubMed's PubmedArticle.
type pubmedArticle struct {
	PMID        string          `xml:"MedlineCitation>PMID"`
	Title       markedText      `xml:"MedlineCitation>Article>ArticleTitle"`
	Sections    []pubmedSection `xml:"MedlineCitation>Article>Abstract>AbstractText"`
	OwnTitle    markedText      `xml:"MedlineCitation>Article>VernacularTitle"`
	Authors     []pubmedAuthor  `xml:"MedlineCitation>Article>AuthorList>Author"`
	Journal     string          `xml:"MedlineCitation>Article>Journal>Title"`
	ISSN        string          `xml:"MedlineCitation>Article>Journal>ISSN"`
	Volume      string          `xml:"MedlineCitation>Article>Journal>JournalIssue>Volume"`
	Number      string          `xml:"MedlineCitation>Article>Journal>JournalIssue>Issue"`
	Pages       string          `xml:"MedlineCitation>Article>Pagination>MedlinePgn"`
	Types       []string        `xml:"MedlineCitation>Article>PublicationTypeList>PublicationType"`
	Issue       pubmedDate      `xml:"MedlineCitation>Article>Journal>JournalIssue>PubDate"`
	Online      []pubmedDate    `xml:"MedlineCitation>Article>ArticleDate"`
	Language    string          `xml:"MedlineCitation>Article>Language"`
	Locations   []pubmedID      `xml:"MedlineCitation>Article>ELocationID"`
	Descriptors []string        `xml:"MedlineCitation>MeshHeadingList>MeshHeading>DescriptorName"`
	Keywords    []markedText    `xml:"MedlineCitation>KeywordList>Keyword"`
	IDs         []pubmedID      `xml:"PubmedData>ArticleIdList>ArticleId"`
}

// pubmedSection is one part of an abstract, with its heading where the abstract is structured.
type pubmedSection struct {
	Label string
	Text  markedText
}

// UnmarshalXML reads the label and the text.
func (s *pubmedSection) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	for _, a := range start.Attr {
		if a.Name.Local == "Label" {
			s.Label = clean(a.Value)
		}
	}
	return s.Text.UnmarshalXML(d, start)
}

// pubmedID is an identifier of some type.
type pubmedID struct {
	Type  string `xml:"IdType,attr"`
	EType string `xml:"EIdType,attr"`
	Value string `xml:",chardata"`
}

// pubmedAuthor is a person or a group.
type pubmedAuthor struct {
	LastName   string     `xml:"LastName"`
	ForeName   string     `xml:"ForeName"`
	Initials   string     `xml:"Initials"`
	Suffix     string     `xml:"Suffix"`
	Collective markedText `xml:"CollectiveName"`
}

// name is the author's name in the order of reading it.
func (n pubmedAuthor) name() string {
	return firstOf(string(n.Collective), clean(firstOf(n.ForeName, n.Initials)+" "+n.LastName+" "+n.Suffix))
}

// abstract joins the parts of an abstract with their headings.
func abstract(sections []pubmedSection) string {
	var parts []string
	for _, s := range sections {
		if s.Label != "" && !strings.EqualFold(s.Label, "unlabelled") {
			parts = append(parts, s.Label+": "+string(s.Text))
		} else {
			parts = append(parts, string(s.Text))
		}
	}
	return strings.Join(parts, " ")
}

// fill makes a paper of the article. Its id is the PMID; categories are MeSH descriptors and keywords.
func (a *pubmedArticle) fill(d *draft) {
	p := d.p
	p.Id, p.Title, p.Abstract = clean(a.PMID), unbracketed(string(a.Title), string(a.OwnTitle)), abstract(a.Sections)
	if p.GetId() != "" {
		p.Url = pubmedPage(p.GetId())
	}
	for _, n := range a.Authors {
		p.Authors = append(p.Authors, n.name())
	}
	if len(a.Online) == 0 || !a.Online[0].take(d) {
		a.Issue.take(d)
	}
	for _, id := range append(a.Locations, a.IDs...) {
		if p.GetDoi() == "" && (id.Type == "doi" || id.EType == "doi") {
			p.Doi = id.Value
		}
		if id.Type == "pmc" {
			d.string("pmcid", clean(id.Value))
		}
	}
	p.Categories = append(p.Categories, a.Descriptors...)
	for _, k := range a.Keywords {
		p.Categories = append(p.Categories, string(k))
	}
	d.string("venue", a.Journal)
	d.string("language", a.Language)
	d.string("issn", a.ISSN)
	d.string("volume", a.Volume)
	d.string("issue", a.Number)
	d.string("pages", a.Pages)
	d.string("type", firstOf(a.Types...))
}

// pubmedBook is what papers take from PubMed's PubmedBookArticle: a chapter, or a book where there is no chapter's
// title.
type pubmedBook struct {
	PMID     string          `xml:"BookDocument>PMID"`
	Title    markedText      `xml:"BookDocument>ArticleTitle"`
	OwnTitle markedText      `xml:"BookDocument>VernacularTitle"`
	Book     markedText      `xml:"BookDocument>Book>BookTitle"`
	Sections []pubmedSection `xml:"BookDocument>Abstract>AbstractText"`
	Authors  []pubmedAuthor  `xml:"BookDocument>AuthorList>Author"`
	Editors  []pubmedAuthor  `xml:"BookDocument>Book>AuthorList>Author"`
	Date     pubmedDate      `xml:"BookDocument>Book>PubDate"`
	Own      pubmedDate      `xml:"BookDocument>ContributionDate"`
	Language string          `xml:"BookDocument>Language"`
	Company  string          `xml:"BookDocument>Book>Publisher>PublisherName"`
	Keywords []markedText    `xml:"BookDocument>KeywordList>Keyword"`
	IDs      []pubmedID      `xml:"BookDocument>ArticleIdList>ArticleId"`
}

// fill makes a paper of the book or chapter.
func (b *pubmedBook) fill(d *draft) {
	p := d.p
	p.Id, p.Title, p.Abstract = clean(b.PMID), unbracketed(string(b.Title), string(b.OwnTitle)), abstract(b.Sections)
	if p.GetId() != "" {
		p.Url = pubmedPage(p.GetId())
	}
	if p.GetTitle() == "" {
		p.Title = string(b.Book)
	} else {
		d.string("venue", string(b.Book))
	}
	authors := b.Authors
	if len(authors) == 0 {
		authors = b.Editors
	}
	for _, n := range authors {
		p.Authors = append(p.Authors, n.name())
	}
	if b.Own.Year == "" || !b.Own.take(d) {
		b.Date.take(d)
	}
	for _, id := range b.IDs {
		if id.Type == "doi" {
			p.Doi = id.Value
		}
	}
	for _, k := range b.Keywords {
		p.Categories = append(p.Categories, string(k))
	}
	d.string("type", "book-chapter")
	d.string("language", b.Language)
	d.string("publisher", b.Company)
}
