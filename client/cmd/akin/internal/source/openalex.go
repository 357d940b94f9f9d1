package source

import (
	"fmt"
	"slices"
	"strings"
)

// parseOpenAlex reads one OpenAlex work. Its id is the part of OpenAlex's address behind the last slash, W2741809807
// for example. Categories are the names of its topics with their subfields and fields, or of its concepts in files
// from before topics.
func parseOpenAlex(object []byte, d *draft) error {
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
		Biblio    struct {
			Volume string `json:"volume"`
			Issue  string `json:"issue"`
			First  string `json:"first_page"`
			Last   string `json:"last_page"`
		} `json:"biblio"`
		Topics []struct {
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
	if err := decode(object, &r); err != nil {
		return err
	}
	p := d.p
	p.Id = r.ID[strings.LastIndexByte(r.ID, '/')+1:]
	p.Title, p.Doi, p.Url = firstOf(r.Title, r.DisplayName), r.DOI, firstOf(r.PrimaryLocation.LandingPageURL, r.ID)
	abstract, err := invert(r.Abstract)
	if err != nil {
		return err
	}
	p.Abstract = abstract
	for _, a := range r.Authorships {
		p.Authors = append(p.Authors, firstOf(a.Author.DisplayName, a.RawAuthorName))
	}
	for _, t := range r.Topics {
		p.Categories = append(p.Categories, t.DisplayName, t.Subfield.DisplayName, t.Field.DisplayName)
	}
	if len(r.Topics) == 0 {
		for _, c := range r.Concepts {
			p.Categories = append(p.Categories, c.DisplayName)
		}
	}
	if !d.date(r.PublicationDate) {
		d.parts(r.PublicationYear, 1, 1)
	}
	d.string("venue", firstOf(r.PrimaryLocation.Source.DisplayName, r.HostVenue.DisplayName))
	d.string("type", r.Type)
	d.string("language", r.Language)
	d.string("volume", r.Biblio.Volume)
	d.string("issue", r.Biblio.Issue)
	d.string("pages", pageRange(r.Biblio.First, r.Biblio.Last))
	if r.CitedByCount != nil {
		d.number("cited_by_count", *r.CitedByCount)
	}
	if r.IsRetracted != nil {
		d.bool("is_retracted", *r.IsRetracted)
	}
	return nil
}

// pageRange joins the first and the last page.
func pageRange(first, last string) string {
	if first == "" || last == "" || first == last {
		return firstOf(first, last)
	}
	return first + "-" + last
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
