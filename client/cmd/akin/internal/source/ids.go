package source

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/text/unicode/norm"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// madeID makes an id for a paper whose source gives none: its DOI in lower case, as DOIs are the same in any case, or
// else a slug of title, year and first author. It depends on nothing but the paper.
func madeID(p *akinv1.Paper) string {
	if p.GetDoi() != "" {
		return strings.ToLower(p.GetDoi())
	}
	name := slug(p.GetTitle())
	if name == "" {
		text := p.GetTitle()
		if text == "" {
			text = p.GetAbstract()
		}
		name = fmt.Sprintf("paper-%016x", xxhash.Sum64String(text))
	}
	if t := p.GetPublishTime(); t.IsValid() {
		name += fmt.Sprintf("-%d", t.AsTime().Year())
	}
	if len(p.GetAuthors()) > 0 {
		if last := slug(surname(p.GetAuthors()[0])); last != "" && len(last) <= 40 {
			name += "-" + last
		}
	}
	return name
}

// surname is the last word of a name that is neither a suffix nor initials, or else its first word.
func surname(name string) string {
	words := strings.Fields(name)
	for i := len(words) - 1; i >= 0; i-- {
		w := strings.Trim(words[i], ".,")
		switch strings.ToLower(w) {
		case "jr", "sr", "ii", "iii", "iv":
			continue
		}
		if strings.ContainsFunc(w, unicode.IsLower) || len(w) > 4 {
			return w
		}
	}
	return firstOf(words...)
}

// slugSize is the most bytes of a slug.
const slugSize = 80

// slug makes an id of a title: ASCII letters and digits in lower case, words joined by hyphens, cut between words.
// Empty where the title has none of them.
func slug(title string) string {
	var b strings.Builder
	gap := false
	for _, r := range norm.NFKD.String(title) {
		if unicode.Is(unicode.Mn, r) || r == '\'' || r == '’' {
			continue
		}
		if r = unicode.ToLower(r); r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			b.WriteRune(r)
			continue
		}
		gap = true
	}
	s := b.String()
	if len(s) <= slugSize {
		return s
	}
	s = s[:slugSize+1]
	if cut := strings.LastIndexByte(s, '-'); cut > slugSize/2 {
		return s[:cut]
	}
	return s[:slugSize]
}

// bareNumber reports whether an id is a number alone, which is how reference managers count the records of one library.
func bareNumber(id string) bool {
	return id != "" && strings.IndexFunc(id, func(r rune) bool { return r < '0' || r > '9' }) < 0
}
