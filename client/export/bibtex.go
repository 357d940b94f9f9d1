package export

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// bibtex writes BibTeX in UTF-8. An id that may not be a key stands in a field akin-id.
type bibtex struct {
	w    io.Writer
	keys map[string]bool // that were made up, to tell them apart
}

// months are BibTeX's own abbreviations.
var months = strings.Fields("jan feb mar apr may jun jul aug sep oct nov dec")

// entryKind matches what a kind of entry may be.
var entryKind = regexp.MustCompile(`^[a-z]{2,20}$`)

// Write writes one entry.
func (b *bibtex) Write(p *akinv1.Paper) error {
	kind := "misc"
	if k := kindOf(p); k >= 0 {
		kind = kinds[k].bibtex
	} else if attribute(p, "venue") != "" {
		kind = "article"
	}
	if own := attribute(p, "type"); entryKind.MatchString(own) && own != "string" && own != "comment" &&
		own != "preamble" {
		kind = own
	}
	var out strings.Builder
	key := p.GetId()
	made := !plainKey.MatchString(key)
	if made {
		key = b.key(key)
	}
	fmt.Fprintf(&out, "@%s{%s,\n", kind, key)
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&out, "  %s = {%s},\n", name, value)
		}
	}
	field("title", protected(escaped(line(p.GetTitle()))))
	var names []string
	for _, a := range p.GetAuthors() {
		names = append(names, bibtexName(a))
	}
	field("author", strings.Join(names, " and "))
	if year, month, day, ok := date(p); ok {
		field("year", fmt.Sprint(year))
		if month > 0 {
			fmt.Fprintf(&out, "  month = %s,\n", months[month-1])
		}
		if day > 0 {
			field("day", fmt.Sprint(day))
		}
	}
	venue := "journal"
	switch kind {
	case "inproceedings", "conference", "incollection", "inbook":
		venue = "booktitle"
	case "phdthesis", "mastersthesis", "thesis":
		venue = "school"
	case "techreport", "report":
		venue = "institution"
	}
	field(venue, escaped(line(attribute(p, "venue"))))
	for _, a := range []struct{ field, name string }{
		{"volume", "volume"}, {"number", "issue"}, {"publisher", "publisher"}, {"issn", "issn"}, {"isbn", "isbn"},
		{"language", "language"},
		{"pmid", "pmid"}, {"pmcid", "pmcid"},
	} {
		field(a.field, escaped(line(attribute(p, a.name))))
	}
	first, last := pages(line(attribute(p, "pages")))
	if last != "" {
		field("pages", escaped(first)+"--"+escaped(last))
	} else {
		field("pages", escaped(first))
	}
	field("doi", address(p.GetDoi()))
	field("url", address(p.GetUrl()))
	if eprint := attribute(p, "arxiv_id"); eprint != "" {
		field("eprint", address(eprint))
		field("eprinttype", "arxiv")
	}
	var labels []string
	for _, c := range p.GetCategories() {
		labels = append(labels, escaped(line(c)))
	}
	field("keywords", strings.Join(labels, ", "))
	field("abstract", escaped(line(p.GetAbstract())))
	if made {
		field("akin-id", escaped(p.GetId()))
	}
	out.WriteString("}\n\n")
	_, err := io.WriteString(b.w, out.String())
	return err
}

// Close has nothing to write.
func (b *bibtex) Close() error { return nil }

// plainKey matches ids that BibTeX, biber and LaTeX's \cite take as keys.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_:.+/*!?@|;<>^-]*$`)

// key makes a key of an id, a different one for each.
func (b *bibtex) key(id string) string {
	key := strings.Trim(strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_:.-", r)) {
			return r
		}
		return '_'
	}, id), "_")
	if key == "" || !plainKey.MatchString(key) {
		key = "paper_" + key
	}
	unique := key
	for n := 2; b.keys[unique]; n++ {
		unique = fmt.Sprintf("%s_%d", key, n)
	}
	b.keys[unique] = true
	return unique
}

// escapes are LaTeX's own signs as text. Dashes and quotes that LaTeX would join are kept apart.
var escapes = strings.NewReplacer(`\`, `{\textbackslash}`, "{", `\{`, "}", `\}`, "$", `\$`, "&", `\&`, "%", `\%`, "#",
	`\#`, "_", `\_`, "~", `{\textasciitilde}`, "^", `{\textasciicircum}`, "--", "-{}-{}", "``", "`{}`{}", "''", "'{}'{}")

// escaped is text as LaTeX.
func escaped(s string) string { return escapes.Replace(s) }

// address is a DOI or address, which BibTeX keeps as it is, but for what would end its field.
func address(s string) string {
	return strings.NewReplacer("{", "%7B", "}", "%7D", `\`, "%5C", " ", "%20").Replace(line(s))
}

// protected sets words with capitals inside in braces, so that styles which write titles in small letters leave them
// alone.
func protected(title string) string {
	words := strings.Split(title, " ")
	for i, w := range words {
		capitals := strings.IndexFunc(strings.TrimLeftFunc(w, func(r rune) bool { return !unicode.IsLetter(r) }),
			unicode.IsUpper)
		inner := false
		for j, r := range strings.TrimLeftFunc(w, func(r rune) bool { return !unicode.IsLetter(r) }) {
			inner = inner || j > 0 && unicode.IsUpper(r)
		}
		if capitals >= 0 && inner && !strings.ContainsAny(w, `\{}`) {
			words[i] = "{" + w + "}"
		}
	}
	return strings.Join(words, " ")
}

// bibtexName is an author's name, in braces where its parts must not be told apart.
func bibtexName(s string) string {
	n := nameOf(s)
	whole := line(s)
	switch {
	case strings.Contains(s, ","), strings.Contains(strings.ToLower(" "+whole+" "), " and "), whole == "others",
		n.given == "" && strings.Contains(whole, " "):
		return "{" + escaped(whole) + "}"
	case n.given == "":
		return escaped(whole)
	case n.suffix != "":
		return escaped(n.family) + ", " + escaped(n.suffix) + ", " + escaped(n.given)
	}
	return escaped(n.family) + ", " + escaped(n.given)
}
