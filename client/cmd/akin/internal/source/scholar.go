package source

import "encoding/json"

// field is a Semantic Scholar field of study: a string in one form of its data, an object in another.
type field string

// UnmarshalJSON takes "Medicine" and {"category": "Medicine"}.
func (f *field) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(f))
	}
	var o struct {
		Category string `json:"category"`
	}
	if err := json.Unmarshal(b, &o); err != nil {
		return err
	}
	*f = field(o.Category)
	return nil
}

// parseScholar reads one Semantic Scholar paper: a line of the bulk data set "papers" (names in lower case, which
// encoding/json matches to these), of the API's answers, or of S2ORC's metadata. The id is the paper's own hash where
// there is one, else CorpusId:N, as the API accepts both.
func parseScholar(object []byte, d *draft) error {
	var r struct {
		PaperID  string `json:"paperId"`
		PaperID2 word   `json:"paper_id"`
		CorpusID word   `json:"corpusId"`
		IDs      struct {
			DOI   string `json:"DOI"`
			ArXiv string `json:"ArXiv"`
		} `json:"externalIds"`
		DOI      string `json:"doi"`
		ArXiv    string `json:"arxiv_id"`
		URL      string `json:"url"`
		Title    string `json:"title"`
		Abstract string `json:"abstract"`
		Authors  []struct {
			Name   string   `json:"name"`
			First  string   `json:"first"`
			Middle []string `json:"middle"`
			Last   string   `json:"last"`
			Suffix string   `json:"suffix"`
		} `json:"authors"`
		Venue           string   `json:"venue"`
		Year            word     `json:"year"`
		PublicationDate string   `json:"publicationDate"`
		Fields          []field  `json:"fieldsOfStudy"`
		S2Fields        []field  `json:"s2FieldsOfStudy"`
		MAGFields       []string `json:"mag_field_of_study"`
		CitationCount   *float64 `json:"citationCount"`
		IsOpenAccess    *bool    `json:"isOpenAccess"`
	}
	if err := decode(object, &r); err != nil {
		return err
	}
	p := d.p
	p.Id, p.Title, p.Abstract = firstOf(r.PaperID, string(r.PaperID2)), r.Title, r.Abstract
	p.Doi, p.Url = firstOf(r.IDs.DOI, r.DOI), r.URL
	if p.GetId() == "" && r.CorpusID != "" {
		p.Id = "CorpusId:" + string(r.CorpusID)
	}
	for _, a := range r.Authors {
		name := a.Name
		if name == "" {
			name = a.First
			for _, m := range a.Middle {
				name += " " + m
			}
			name += " " + a.Last + " " + a.Suffix
		}
		p.Authors = append(p.Authors, name)
	}
	for _, f := range append(r.S2Fields, r.Fields...) {
		p.Categories = append(p.Categories, string(f))
	}
	p.Categories = append(p.Categories, r.MAGFields...)
	if !d.date(r.PublicationDate) {
		d.parts(r.Year.year(), 1, 1)
	}
	d.string("venue", r.Venue)
	d.string("arxiv_id", firstOf(r.IDs.ArXiv, r.ArXiv))
	if r.CitationCount != nil {
		d.number("citation_count", *r.CitationCount)
	}
	if r.IsOpenAccess != nil {
		d.bool("is_open_access", *r.IsOpenAccess)
	}
	return nil
}
