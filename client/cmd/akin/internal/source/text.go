package source

import (
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// clean turns every run of white space into one space and drops it at both ends.
func clean(s string) string { return strings.Join(strings.Fields(s), " ") }

// cleanAll cleans each string and drops those left empty.
func cleanAll(list []string) []string {
	var out []string
	for _, s := range list {
		if s = clean(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// markup matches the tags that publishers leave in titles and abstracts: HTML's for inline text, JATS and MathML.
var markup = regexp.MustCompile(`(?i)</?(?:(?:jats|mml):[a-z-]+|i|b|u|em|strong|sub|sup|sc|scp|tt|p|br|span|inf|italic|bold|` +
	`title|sec|h[1-6])(?:\s[^<>]*)?/?>`)

// block matches the tags among them that part words.
var block = regexp.MustCompile(`(?i)</?(?:jats:)?(?:p|br|title|sec|h[1-6])(?:\s[^<>]*)?/?>`)

// plain returns s without publishers' markup and character references, cleaned.
func plain(s string) string {
	if strings.ContainsAny(s, "<&") {
		s = block.ReplaceAllString(s, " ")
		s = html.UnescapeString(markup.ReplaceAllString(s, ""))
	}
	return clean(s)
}

// splitList splits at any rune of separators and cleans the parts.
func splitList(s, separators string) []string {
	return cleanAll(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(separators, r) }))
}

// bareDOI takes the resolver or scheme off a DOI.
func bareDOI(s string) string {
	s = strings.TrimSpace(s)
	for _, prefix := range []string{"https://doi.org/", "http://doi.org/", "https://dx.doi.org/", "http://dx.doi.org/", "doi.org/",
		"dx.doi.org/", "doi:"} {
		if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
			return strings.TrimSpace(s[len(prefix):])
		}
	}
	return s
}

// commaName turns "Last, First" and "Last, Jr, First" around and cleans any other name.
func commaName(s string) string {
	parts := strings.Split(s, ",")
	switch len(parts) {
	case 2:
		return clean(parts[1] + " " + parts[0])
	case 3:
		return clean(parts[2] + " " + parts[0] + " " + parts[1])
	}
	return clean(s)
}

// layouts are the forms of dates that the formats use.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-1-2", "2006-1", "2006/1/2", "2006/1", "2006",
	"Mon, 2 Jan 2006 15:04:05 MST", "2 Jan 2006", "2 January 2006", "Jan 2 2006", "January 2 2006", "January 2, 2006",
	"Jan 2, 2006", "Jan 2006", "January 2006", "2006 Jan 2", "2006 Jan", "2006 January", "2006 January 2", "20060102",
}

// parseDate reads a date as the formats write it. What a date leaves out is January, the first, and midnight UTC.
func parseDate(s string) (*timestamppb.Timestamp, bool) {
	s = clean(s)
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1 {
			return timestamppb.New(t.UTC()), true
		}
	}
	return nil, false
}

// yearInText finds a year among other words.
var yearInText = regexp.MustCompile(`\b(?:1[5-9]|20)[0-9]{2}\b`)

// looseDate reads a date as people write it in tables and references. Of what parseDate does not read it takes the year:
// "Spring 2019" and "2019 May-June" are in 2019.
func looseDate(s string) (*timestamppb.Timestamp, bool) {
	if t, ok := parseDate(s); ok {
		return t, true
	}
	year, ok := atoi(yearInText.FindString(s))
	return yearDate(year), ok
}

// yearDate returns January the first of a year, or nil for what is no year of a paper.
func yearDate(year int) *timestamppb.Timestamp {
	if year < 1000 || year > 9999 {
		return nil
	}
	return timestamppb.New(time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC))
}

// slugSize is the most bytes of a slug without its hash.
const slugSize = 80

// slug makes an id of a title: ASCII letters and digits in lower case, words joined by hyphens, cut between words. Empty
// where the title has none of them.
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

// slugs gives ids to papers that have none. It keeps 16 bytes a paper.
type slugs struct {
	owner map[uint64]uint64 // hash of the slug -> hash of the text that first took it
}

// id returns the slug of title, followed by a hash where the slug is empty or another text of this input took it. The
// same title and abstract give the same id again.
func (s *slugs) id(title, abstract string) string {
	text := xxhash.Sum64String(title + "\x00" + abstract)
	name := slug(title)
	if name == "" {
		return fmt.Sprintf("paper-%016x", text)
	}
	if s.owner == nil {
		s.owner = make(map[uint64]uint64)
	}
	key := xxhash.Sum64String(name)
	if first, taken := s.owner[key]; taken && first != text {
		return fmt.Sprintf("%s-%08x", name, uint32(text))
	}
	s.owner[key] = text
	return name
}

// atoi reads a small whole number, for years and days.
func atoi(s string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	return n, err == nil
}
