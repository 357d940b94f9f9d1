package export

import (
	"strconv"
	"strings"
	"time"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// attribute returns a string attribute, or a number as text, or "".
func attribute(p *akinv1.Paper, name string) string {
	switch v := p.GetAttributes()[name].GetValue().(type) {
	case *akinv1.AttributeValue_StringValue:
		return v.StringValue
	case *akinv1.AttributeValue_DoubleValue:
		return strconv.FormatFloat(v.DoubleValue, 'f', -1, 64)
	}
	return ""
}

// line makes a text one line, for formats whose values are.
func line(s string) string { return strings.Join(strings.Fields(s), " ") }

// date is a publication date as far as it is likely to be known: the first of January is a year, and the first of
// another month a month, as the importers read those.
func date(p *akinv1.Paper) (year, month, day int, ok bool) {
	if !p.GetPublishTime().IsValid() {
		return 0, 0, 0, false
	}
	t := p.GetPublishTime().AsTime()
	year, month, day = t.Year(), int(t.Month()), t.Day()
	if year < 1000 || year > 9999 {
		return 0, 0, 0, false
	}
	if midnight := t.Equal(time.Date(year, t.Month(), day, 0, 0, 0, 0, time.UTC)); midnight && day == 1 {
		day = 0
		if month == 1 {
			month = 0
		}
	}
	return year, month, day, true
}

// name is a person's name in parts, or one of a group, which has no given name.
type name struct{ family, given, suffix string }

// groups are words that make a name one of a group.
var groups = []string{"group", "consortium", "collaboration", "team", "institute", "university", "committee",
	"association", "organization", "organisation", "society", "network", "project", "council", "ministry", "the"}

// particles are the words in small letters that begin a family name.
var particles = map[string]bool{"van": true, "von": true, "der": true, "den": true, "de": true, "del": true,
	"della": true, "di": true, "da": true,
	"dos": true, "du": true, "la": true, "le": true, "ter": true, "ten": true, "zu": true, "zur": true, "al": true,
	"el": true, "bin": true, "ibn": true}

// nameOf parts a name: the last word is the family name, with the particles in front of it. What is not surely a
// person's name stays whole.
func nameOf(s string) name {
	words := strings.Fields(s)
	for _, w := range words {
		for _, g := range groups {
			if strings.EqualFold(w, g) {
				return name{family: line(s)}
			}
		}
	}
	var n name
	if len(words) > 2 {
		switch last := strings.ToLower(strings.TrimSuffix(words[len(words)-1], ".")); last {
		case "jr", "sr", "ii", "iii", "iv":
			n.suffix = words[len(words)-1]
			words = words[:len(words)-1]
		}
	}
	at := len(words) - 1
	for at > 1 && particles[words[at-1]] {
		at--
	}
	if at < 1 {
		return name{family: line(s)}
	}
	n.family, n.given = strings.Join(words[at:], " "), strings.Join(words[:at], " ")
	return n
}

// kinds are the kinds of publications that formats tell apart, each with its name in BibTeX, RIS and CSL, and what
// other sources call it, in small letters without anything but letters.
var kinds = []struct {
	bibtex, ris, csl string
	others           []string
}{
	{"article", "JOUR", "article-journal", []string{"journalarticle", "article", "review", "letter", "editorial",
		"researcharticle", "jour", "j"}},
	{"inproceedings", "CONF", "paper-conference",
		[]string{"conference", "conferencepaper", "proceedingsarticle", "proceedingspaper", "conf", "cpaper"}},
	{"incollection", "CHAP", "chapter", []string{"bookchapter", "booksection", "inbook", "chap"}},
	{"book", "BOOK", "book", []string{"monograph", "proceedings", "collection", "editedbook"}},
	{"phdthesis", "THES", "thesis", []string{"dissertation", "mastersthesis", "thes", "thesis"}},
	{"techreport", "RPRT", "report", []string{"rprt", "report"}},
	{"misc", "DATA", "dataset", []string{"data", "dataset"}},
	{"unpublished", "UNPB", "manuscript", []string{"preprint", "postedcontent", "unpb", "unpublished"}},
	{"online", "ELEC", "webpage", []string{"elec", "web", "electronic"}},
}

// cslTypes are the types that Zotero takes a file of CSL-JSON for.
var cslTypes = func() map[string]bool {
	set := make(map[string]bool)
	for _, t := range strings.Fields(`article article-journal article-magazine article-newspaper bill book broadcast
		chapter classic collection dataset document entry entry-dictionary entry-encyclopedia event figure graphic hearing
		interview legal_case legislation manuscript map motion_picture musical_score pamphlet paper-conference patent
		performance personal_communication periodical post post-weblog regulation report review review-book song speech
		standard thesis treaty webpage`) {
		set[t] = true
	}
	return set
}()

// kindOf finds the kind of a paper by its attribute type: an index of kinds, or -1.
func kindOf(p *akinv1.Paper) int {
	bare := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(attribute(p, "type")))
	for i, k := range kinds {
		if bare == k.bibtex || bare == strings.ReplaceAll(k.csl, "-", "") || bare == strings.ToLower(k.ris) {
			return i
		}
		for _, o := range k.others {
			if bare == o {
				return i
			}
		}
	}
	return -1
}

// pages parts a range of pages. last is empty where it is none.
func pages(s string) (first, last string) {
	first, last, ok := strings.Cut(s, "-")
	if !ok || first == "" || last == "" || first == last || strings.ContainsAny(last, "- ,;") ||
		strings.Contains(first, " ") {
		return s, ""
	}
	return first, last
}
