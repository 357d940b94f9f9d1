package source

import (
	"encoding/xml"
	"strings"
)

// endnoteElements are the records of EndNote's XML.
var endnoteElements = []elementKind{{name: "record", fill: fillEndNote}}

// fillEndNote takes a record. Its rec-number counts the records of one library and is no id; a label that is no number
// is.
func fillEndNote(x *xml.Decoder, d *draft) error {
	var r struct {
		Type struct {
			Name string `xml:"name,attr"`
		} `xml:"ref-type"`
		Authors   []markedText `xml:"contributors>authors>author"`
		Title     markedText   `xml:"titles>title"`
		Secondary markedText   `xml:"titles>secondary-title"`
		Full      markedText   `xml:"periodical>full-title"`
		Pages     markedText   `xml:"pages"`
		Volume    markedText   `xml:"volume"`
		Number    markedText   `xml:"number"`
		Keywords  []markedText `xml:"keywords>keyword"`
		Year      markedText   `xml:"dates>year"`
		Date      markedText   `xml:"dates>pub-dates>date"`
		ISBN      markedText   `xml:"isbn"`
		DOI       markedText   `xml:"electronic-resource-num"`
		Abstract  markedText   `xml:"abstract"`
		Label     markedText   `xml:"label"`
		Accession markedText   `xml:"accession-num"`
		URLs      []markedText `xml:"urls>related-urls>url"`
		Publisher markedText   `xml:"publisher"`
		Language  markedText   `xml:"language"`
	}
	if err := x.Decode(&r); err != nil {
		return err
	}
	p := d.p
	d.kind = LocalID
	for _, id := range []string{string(r.Label), string(r.Accession)} {
		if p.GetId() == "" && !bareNumber(id) && !missing(id) {
			p.Id = id
		}
	}
	p.Title, p.Abstract, p.Doi = string(r.Title), string(r.Abstract), string(r.DOI)
	for _, a := range r.Authors {
		p.Authors = append(p.Authors, commaName(strings.TrimSuffix(string(a), ",")))
	}
	for _, k := range r.Keywords {
		p.Categories = append(p.Categories, splitList(string(k), ";")...)
	}
	if len(r.URLs) > 0 {
		p.Url = string(r.URLs[0])
	}
	if p.GetDoi() == "" {
		p.Doi = bareDOI(p.GetUrl())
	}
	if s := string(r.Date); s == "" || !d.date(withYear(s, string(r.Year))) {
		d.date(string(r.Year))
	}
	d.string("type", r.Type.Name)
	d.string("venue", firstOf(string(r.Secondary), string(r.Full)))
	d.string("volume", string(r.Volume))
	d.string("issue", string(r.Number))
	d.string("pages", string(r.Pages))
	d.string("publisher", string(r.Publisher))
	d.string("issn", string(r.ISBN))
	d.string("language", string(r.Language))
	return nil
}
