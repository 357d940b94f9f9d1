package source

import (
	"encoding/json"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

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
func parseScholar(line []byte) (*akinv1.Paper, error) {
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
	if err := decode(line, &r); err != nil {
		return nil, err
	}
	p := &akinv1.Paper{
		Id:       firstOf([]string{r.PaperID, string(r.PaperID2)}),
		Title:    plain(r.Title),
		Abstract: plain(r.Abstract),
		Doi:      bareDOI(firstOf([]string{r.IDs.DOI, r.DOI})),
		Url:      r.URL,
	}
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
	p.Authors = cleanAll(p.Authors)
	for _, f := range append(r.S2Fields, r.Fields...) {
		p.Categories = append(p.Categories, clean(string(f)))
	}
	p.Categories = append(p.Categories, cleanAll(r.MAGFields)...)
	if t, ok := parseDate(r.PublicationDate); ok {
		p.PublishTime = t
	} else {
		p.PublishTime = yearDate(r.Year.year())
	}
	setString(p, "venue", clean(r.Venue))
	setString(p, "arxiv_id", firstOf([]string{r.IDs.ArXiv, r.ArXiv}))
	if r.CitationCount != nil {
		setNumber(p, "citation_count", *r.CitationCount)
	}
	if r.IsOpenAccess != nil {
		setBool(p, "is_open_access", *r.IsOpenAccess)
	}
	return p, nil
}
