package source

import (
	"fmt"
	"slices"
	"strings"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// parseOpenAlex reads one OpenAlex work. Its id is the part of OpenAlex's address behind the last slash, W2741809807 for
// example. Categories are the names of its topics with their subfields and fields, or of its concepts in files from
// before topics.
func parseOpenAlex(line []byte) (*akinv1.Paper, error) {
	type named struct {
		DisplayName string `json:"display_name"`
	}
	var r struct {
		ID              string           `json:"id"`
		DOI             string           `json:"doi"`
		Title           string           `json:"title"`
		DisplayName     string           `json:"display_name"`
		PublicationDate string           `json:"publication_date"`
		PublicationYear int              `json:"publication_year"`
		Language        string           `json:"language"`
		Type            string           `json:"type"`
		CitedByCount    *float64         `json:"cited_by_count"`
		IsRetracted     *bool            `json:"is_retracted"`
		Abstract        map[string][]int `json:"abstract_inverted_index"`
		Authorships     []struct {
			Author        named  `json:"author"`
			RawAuthorName string `json:"raw_author_name"`
		} `json:"authorships"`
		PrimaryLocation struct {
			LandingPageURL string `json:"landing_page_url"`
			Source         named  `json:"source"`
		} `json:"primary_location"`
		HostVenue named `json:"host_venue"`
		Topics    []struct {
			named
			Subfield named `json:"subfield"`
			Field    named `json:"field"`
		} `json:"topics"`
		Concepts []struct {
			named
			Level int     `json:"level"`
			Score float64 `json:"score"`
		} `json:"concepts"`
	}
	if err := decode(line, &r); err != nil {
		return nil, err
	}
	p := &akinv1.Paper{
		Id:    r.ID[strings.LastIndexByte(r.ID, '/')+1:],
		Title: plain(firstOf([]string{r.Title, r.DisplayName})),
		Doi:   bareDOI(r.DOI),
		Url:   firstOf([]string{r.PrimaryLocation.LandingPageURL, r.ID}),
	}
	abstract, err := invert(r.Abstract)
	if err != nil {
		return p, err
	}
	p.Abstract = plain(abstract)
	for _, a := range r.Authorships {
		p.Authors = append(p.Authors, firstOf([]string{a.Author.DisplayName, a.RawAuthorName}))
	}
	p.Authors = cleanAll(p.Authors)
	for _, t := range r.Topics {
		p.Categories = append(p.Categories, clean(t.DisplayName), clean(t.Subfield.DisplayName), clean(t.Field.DisplayName))
	}
	if len(r.Topics) == 0 {
		for _, c := range r.Concepts {
			p.Categories = append(p.Categories, clean(c.DisplayName))
		}
	}
	if t, ok := parseDate(r.PublicationDate); ok {
		p.PublishTime = t
	} else {
		p.PublishTime = yearDate(r.PublicationYear)
	}
	setString(p, "venue", clean(firstOf([]string{r.PrimaryLocation.Source.DisplayName, r.HostVenue.DisplayName})))
	setString(p, "type", r.Type)
	setString(p, "language", r.Language)
	if r.CitedByCount != nil {
		setNumber(p, "cited_by_count", *r.CitedByCount)
	}
	if r.IsRetracted != nil {
		setBool(p, "is_retracted", *r.IsRetracted)
	}
	return p, nil
}

// invert puts the words of an inverted abstract, word -> positions, back in order. Positions nobody claims are passed
// over; where two words claim one, both stay, in the order of their letters.
func invert(index map[string][]int) (string, error) {
	type occurrence struct {
		at   int
		word string
	}
	var all []occurrence
	for w, positions := range index {
		for _, at := range positions {
			if at < 0 {
				return "", fmt.Errorf("abstract_inverted_index gives %q the position %d", excerpt([]byte(w)), at)
			}
			all = append(all, occurrence{at, w})
		}
	}
	slices.SortFunc(all, func(a, b occurrence) int {
		if a.at != b.at {
			return a.at - b.at
		}
		return strings.Compare(a.word, b.word)
	})
	var b strings.Builder
	for i, o := range all {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(o.word)
		if b.Len() > defaultMaxRecord {
			return "", fmt.Errorf("its abstract is longer than %d MiB", defaultMaxRecord>>20)
		}
	}
	return b.String(), nil
}
