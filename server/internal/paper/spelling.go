package paper

import (
	"regexp"
	"slices"
	"strings"
)

// The registers whose ids people write in several ways. Each expression captures the id without what stands around it.
var (
	arxivForm = regexp.MustCompile(`(?i)^(?:arxiv:\s*|oai:arxiv\.org:|` +
		`(?:https?://)?(?:www\.|export\.)?arxiv\.org/(?:abs|pdf|html|ps|format)/|` +
		`(?:(?:https?://)?(?:dx\.)?doi\.org/|doi:\s*)?10\.48550/arxiv\.)?` +
		`([0-9]{4}\.[0-9]{4,5}|[a-z-]+(?:\.[a-z]{2})?/[0-9]{7})(?:v[0-9]{1,4})?(?:\.pdf)?$`)
	doiForm = regexp.MustCompile(`(?i)^(?:(?:https?://)?(?:dx\.|www\.)?doi\.org/|doi:\s*)?` +
		`(10\.[0-9]{4,9}(?:\.[0-9]+)*/\S+)$`)
	pubmedForm = regexp.MustCompile(`(?i)^(?:pmid:?\s*|pubmed:\s*|(?:https?://)?(?:www\.)?` +
		`(?:pubmed\.ncbi\.nlm\.nih\.gov|ncbi\.nlm\.nih\.gov/pubmed)/)([0-9]{1,9})/?$`)
	openForm = regexp.MustCompile(`(?i)^(?:https?://)?(?:api\.)?openalex\.org/(?:works/)?(w[0-9]+)/?$`)
	// oldSubject parts an old arXiv id such as math.GT/0309136, whose subject class is no part of it.
	oldSubject = regexp.MustCompile(`^([a-z-]+)\.[A-Za-z]{2}(/[0-9]{7})$`)
)

// Spellings returns the ids that an id may be stored under when it is not stored as it stands: first its canonical
// form, which importers write, then other forms of it. arXiv ids lose what stands around them and their version; DOIs
// lose their resolver, and stand as given and in small letters; PubMed and OpenAlex ids lose their address. It is nil
// for an id that is in no such form, and never holds the id itself.
func Spellings(id string) []string {
	s := strings.TrimSpace(id)
	var out []string
	add := func(forms ...string) {
		for _, f := range forms {
			if f != id && !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	if m := arxivForm.FindStringSubmatch(s); m != nil {
		number := m[1]
		if _, digits, old := strings.Cut(number, "/"); old {
			archive, class, _ := strings.Cut(number[:len(number)-len(digits)-1], ".")
			number = strings.ToLower(archive)
			if class != "" {
				number += "." + strings.ToUpper(class)
			}
			number += "/" + digits
		}
		add(number)
		if m := oldSubject.FindStringSubmatch(number); m != nil {
			number = m[1] + m[2]
			add(number)
		}
		add("10.48550/arxiv."+strings.ToLower(number), "10.48550/arXiv."+number, "arXiv:"+number)
		return out
	}
	if m := doiForm.FindStringSubmatch(s); m != nil {
		add(strings.ToLower(m[1]), m[1])
		return out
	}
	for _, form := range []*regexp.Regexp{pubmedForm, openForm} {
		if m := form.FindStringSubmatch(s); m != nil {
			add(strings.ToUpper(m[1]))
			return out
		}
	}
	return nil
}
