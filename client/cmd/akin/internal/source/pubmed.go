package source

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// pubmed reads PubMed XML. The text of each PubmedArticle is cut out of the stream, and encoding/xml reads it alone: so a
// malformed article is one ItemError, and memory holds one article, where reading the document in one piece would end at
// the first fault. Elements other than PubmedArticle (books, deleted citations) are passed over.
type pubmed struct {
	lines *lines

	article bytes.Buffer // from its start tag on; empty between articles
	at      int
	fault   error
}

// newPubMed reads articles.
func newPubMed(l *lines) *pubmed { return &pubmed{lines: l} }

// next returns the next article's paper.
func (x *pubmed) next() (*akinv1.Paper, error) {
	for {
		piece, err := x.lines.readTo('>')
		switch {
		case errors.Is(err, io.EOF) && x.article.Len() > 0:
			return x.drop(errors.New("the file ends inside this article"))
		case err != nil && !isPieceError(err):
			return nil, err
		case err != nil && x.fault == nil && x.article.Len() > 0:
			x.fault = err
		}
		tag := piece[max(bytes.LastIndexByte(piece, '<'), 0):]
		begins := bytes.HasPrefix(tag, []byte("<PubmedArticle>")) || bytes.HasPrefix(tag, []byte("<PubmedArticle "))
		if begins {
			var p *akinv1.Paper
			var unclosed error
			if x.article.Len() > 0 {
				p, unclosed = x.drop(errors.New("the next article begins inside this one: its end tag is missing"))
			}
			x.article.Write(tag)
			x.at, x.fault = x.lines.next, nil
			if unclosed != nil {
				return p, unclosed
			}
			continue
		}
		if x.article.Len() == 0 {
			continue
		}
		if x.article.Len()+len(piece) > x.lines.limit {
			return x.drop(errTooLong(x.lines.limit))
		}
		x.article.Write(piece)
		if bytes.HasPrefix(tag, []byte("</PubmedArticle>")) {
			return x.take()
		}
	}
}

// drop gives the article in hand up.
func (x *pubmed) drop(why error) (*akinv1.Paper, error) {
	defer x.article.Reset()
	if x.fault != nil {
		why = x.fault
	}
	return nil, &ItemError{Line: x.at, Record: articleName(x.article.Bytes()), Err: why}
}

// pmid finds an article's number in its text.
var pmid = regexp.MustCompile(`<PMID[^<>]*>\s*([0-9]{1,20})\s*<`)

// articleName says which article an error is about.
func articleName(text []byte) string {
	if m := pmid.FindSubmatch(text); m != nil {
		return "PMID " + string(m[1])
	}
	return excerpt(text)
}

// take makes a paper of the article in hand.
func (x *pubmed) take() (*akinv1.Paper, error) {
	text := bytes.Clone(x.article.Bytes())
	x.article.Reset()
	err := x.fault
	var p *akinv1.Paper
	if err == nil {
		var a pubmedArticle
		d := xml.NewDecoder(bytes.NewReader(text))
		d.Entity = xml.HTMLEntity
		if err = d.Decode(&a); err != nil {
			var syntax *xml.SyntaxError
			if errors.As(err, &syntax) { // its line counts from the article's first
				syntax.Line += x.at - 1
			}
			err = fmt.Errorf("is not valid XML: %w", err)
		} else {
			p = a.paper()
			err = finish(p)
		}
	}
	if err != nil {
		return nil, &ItemError{Line: x.at, Record: articleName(text), Err: err}
	}
	return p, nil
}

// markedText is an element's text without the elements inside it, which are typographical in PubMed.
type markedText string

// UnmarshalXML joins the character data at all depths.
func (t *markedText) UnmarshalXML(d *xml.Decoder, _ xml.StartElement) error {
	var b strings.Builder
	for depth := 1; depth > 0; {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			b.Write(token)
		}
	}
	*t = markedText(clean(b.String()))
	return nil
}

// pubmedDate is a date in parts. Month is a number or a name; MedlineDate is free text.
type pubmedDate struct {
	Year        string `xml:"Year"`
	Month       string `xml:"Month"`
	Day         string `xml:"Day"`
	MedlineDate string `xml:"MedlineDate"`
}

// time returns the date, or nil.
func (d pubmedDate) time() *timestamppb.Timestamp {
	if d.Year == "" {
		t, _ := looseDate(d.MedlineDate)
		return t
	}
	if d.Month == "" {
		d.Day = ""
	}
	text := clean(d.Year + " " + d.Month + " " + d.Day)
	if _, numeric := atoi(d.Month); numeric {
		text = strings.ReplaceAll(text, " ", "-")
	}
	t, _ := looseDate(text)
	return t
}

// pubmedArticle is what papers take from PubMed's PubmedArticle.
type pubmedArticle struct {
	PMID     string          `xml:"MedlineCitation>PMID"`
	Title    markedText      `xml:"MedlineCitation>Article>ArticleTitle"`
	Sections []pubmedSection `xml:"MedlineCitation>Article>Abstract>AbstractText"`
	Authors  []struct {
		LastName   string     `xml:"LastName"`
		ForeName   string     `xml:"ForeName"`
		Initials   string     `xml:"Initials"`
		Suffix     string     `xml:"Suffix"`
		Collective markedText `xml:"CollectiveName"`
	} `xml:"MedlineCitation>Article>AuthorList>Author"`
	Journal     string       `xml:"MedlineCitation>Article>Journal>Title"`
	Issue       pubmedDate   `xml:"MedlineCitation>Article>Journal>JournalIssue>PubDate"`
	Online      []pubmedDate `xml:"MedlineCitation>Article>ArticleDate"`
	Language    string       `xml:"MedlineCitation>Article>Language"`
	Locations   []pubmedID   `xml:"MedlineCitation>Article>ELocationID"`
	Descriptors []string     `xml:"MedlineCitation>MeshHeadingList>MeshHeading>DescriptorName"`
	Keywords    []markedText `xml:"MedlineCitation>KeywordList>Keyword"`
	IDs         []pubmedID   `xml:"PubmedData>ArticleIdList>ArticleId"`
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

// paper makes a paper of the article. Its id is the PMID; categories are MeSH descriptors and keywords.
func (a *pubmedArticle) paper() *akinv1.Paper {
	p := &akinv1.Paper{Id: clean(a.PMID), Title: string(a.Title), PublishTime: a.Issue.time()}
	if p.GetId() != "" {
		p.Url = "https://pubmed.ncbi.nlm.nih.gov/" + p.GetId() + "/"
	}
	var sections []string
	for _, s := range a.Sections {
		if s.Label != "" {
			sections = append(sections, s.Label+": "+string(s.Text))
		} else {
			sections = append(sections, string(s.Text))
		}
	}
	p.Abstract = clean(strings.Join(sections, " "))
	for _, n := range a.Authors {
		p.Authors = append(p.Authors, firstOf([]string{string(n.Collective),
			clean(firstOf([]string{n.ForeName, n.Initials}) + " " + n.LastName + " " + n.Suffix)}))
	}
	p.Authors = cleanAll(p.Authors)
	if len(a.Online) > 0 {
		if t := a.Online[0].time(); t != nil {
			p.PublishTime = t
		}
	}
	for _, id := range append(a.Locations, a.IDs...) {
		if p.GetDoi() == "" && (id.Type == "doi" || id.EType == "doi") {
			p.Doi = bareDOI(id.Value)
		}
		if id.Type == "pmc" {
			setString(p, "pmcid", clean(id.Value))
		}
	}
	p.Categories = cleanAll(a.Descriptors)
	for _, k := range a.Keywords {
		p.Categories = append(p.Categories, string(k))
	}
	setString(p, "venue", clean(a.Journal))
	setString(p, "language", clean(a.Language))
	return p
}
