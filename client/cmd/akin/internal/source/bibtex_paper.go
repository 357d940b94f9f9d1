package source

import (
	"strings"
)

// entry is one entry of a file, with its fields by lower-case name.
type entry struct {
	kind, key string
	at, size  int
	fields    map[string]string
}

// Bounds of what entries that refer to others keep in memory: entries, and bytes of them.
const (
	maxKept      = 10_000
	maxKeptBytes = 64 << 20
)

// inherited holds the fields that a child takes from its parent where the parent has another name for them.
var inherited = map[string]string{"title": "booktitle", "subtitle": "booksubtitle"}

// inherit gives an entry what it takes from the parent that its crossref names. BibTeX wants parents behind their
// children, biber takes either, so children wait for the end of the file, and possible parents are kept.
func (b *bibtex) inherit(e *entry) {
	if b.kept+e.size > maxKeptBytes || len(b.waiting)+len(b.parents) >= maxKept {
		b.flush()
		b.parents, b.kept = nil, 0
	}
	if e.key != "" && (strings.HasSuffix(e.kind, "proceedings") && e.kind != "inproceedings" || e.kind == "book" ||
		e.kind == "collection" || e.kind == "mvbook" || e.kind == "conference") {
		if b.parents == nil {
			b.parents = make(map[string]*entry)
		}
		b.parents[strings.ToLower(e.key)] = e
		b.kept += e.size
	}
	if parent := strings.TrimSpace(e.fields["crossref"]); parent != "" && b.parents[strings.ToLower(parent)] == nil {
		b.waiting = append(b.waiting, e)
		b.kept += e.size
		return
	}
	b.done = append(b.done, b.paper(e))
}

// flush makes papers of the children that waited.
func (b *bibtex) flush() {
	for _, e := range b.waiting {
		b.done = append(b.done, b.paper(e))
	}
	b.waiting = nil
}

// paper makes a paper of an entry's fields.
func (b *bibtex) paper(e *entry) *draft {
	f := e.fields
	if parent := b.parents[strings.ToLower(strings.TrimSpace(f["crossref"]))]; parent != nil && parent != e {
		for name, value := range parent.fields {
			if as, ok := inherited[name]; ok {
				name = as
			}
			if _, has := f[name]; !has && name != "crossref" {
				f[name] = value
			}
		}
	}
	first := func(names ...string) string {
		for _, n := range names {
			if s := strings.TrimSpace(f[n]); !missing(s) {
				return s
			}
		}
		return ""
	}
	d := newDraft(e.at, b.lines.notes)
	d.plain, d.kind = plainLaTeX, LocalID
	p := d.p
	p.Id = firstOf(latex(f["akin-id"]), e.key)
	p.Title, p.Abstract, p.Authors = first("title"), first("abstract", "abstr"), bibtexNames(f["author"])
	if len(p.GetAuthors()) == 0 {
		p.Authors = bibtexNames(f["editor"])
	}
	p.Doi, p.Url = firstDOI(first("doi"), first("url")), first("url", "howpublished")
	if sub := first("subtitle"); sub != "" {
		p.Title += ": " + sub
	}
	if !strings.Contains(p.GetUrl(), "://") {
		p.Url = ""
	}
	if eprint := first("eprint"); eprint != "" &&
		(strings.EqualFold(first("archiveprefix", "eprinttype"), "arxiv") || first("primaryclass") != "") {
		d.string("arxiv_id", eprint)
		if p.GetUrl() == "" {
			p.Url = "https://arxiv.org/abs/" + eprint
		}
	}
	p.Categories = append(strings.Fields(first("primaryclass", "eprintclass")),
		splitList(latex(first("keywords", "keyword", "mesh")), ";,")...)
	b.date(d, first)
	d.string("venue", first("journal", "journaltitle", "booktitle", "school", "institution", "series"))
	d.string("type", e.kind)
	d.string("volume", first("volume"))
	d.string("issue", first("number", "issue"))
	d.string("pages", strings.ReplaceAll(first("pages"), "--", "-"))
	d.string("publisher", first("publisher"))
	d.string("issn", first("issn"))
	d.string("isbn", first("isbn"))
	d.string("language", first("language", "langid"))
	d.string("pmid", first("pmid"))
	d.string("pmcid", first("pmcid", "pmc"))
	d.excerpt = excerpt([]byte("@" + e.kind))
	return d
}

// date prefers biblatex's date, of a range its beginning, to BibTeX's year, month and day.
func (b *bibtex) date(d *draft, first func(...string) string) {
	if from, _, _ := strings.Cut(first("date"), "/"); from != "" && d.date(latex(from)) {
		return
	}
	year := first("year")
	if year == "" || !d.date(latex(year)) {
		return
	}
	month, ok := monthOf(latex(first("month")))
	at := d.p.GetPublishTime().AsTime()
	if !ok || at.Month() != 1 || at.Day() != 1 { // the year says more than a year
		return
	}
	day, _ := atoi(first("day"))
	if digits := strings.FieldsFunc(first("month"), func(r rune) bool { return r < '0' || r > '9' }); len(digits) > 1 &&
		day == 0 {
		day, _ = atoi(digits[1]) // month = jan # "~5"
	} else if len(digits) == 1 && !strings.ContainsAny(first("month")[:1], "0123456789") && day == 0 {
		day, _ = atoi(digits[0]) // month = "jan 5"
	}
	d.parts(at.Year(), month, day)
}

// bibtexNames splits a list of names at "and" outside braces, and turns "Last, First" around; LaTeX is not yet decoded.
// "others" is no name, and a name in braces is kept as it is.
func bibtexNames(list string) []string {
	var out []string
	add := func(name string) {
		name = strings.TrimSpace(name)
		switch {
		case strings.HasPrefix(name, "{") && groupEnd(name) == len(name)-1:
			out = append(out, name)
		case name != "others":
			out = append(out, turnedName(name))
		}
	}
	depth, start := 0, 0
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '\\':
			i++
		case c == '{':
			depth++
		case c == '}':
			depth--
		case depth == 0 && isSpace(c) && i+5 <= len(list) && strings.EqualFold(list[i+1:i+4], "and") && isSpace(list[i+4]):
			add(list[start:i])
			start = i + 4 // the space behind "and" may be the one in front of another
			i += 3
		}
	}
	add(list[start:])
	return cleanAll(out)
}

// turnedName turns "Last, First" around at the commas outside of braces.
func turnedName(name string) string {
	var parts []string
	depth, start := 0, 0
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, strings.TrimSpace(name[start:i]))
				start = i + 1
			}
		}
	}
	parts = append(parts, strings.TrimSpace(name[min(start, len(name)):]))
	switch len(parts) {
	case 2:
		return parts[1] + " " + parts[0]
	case 3:
		return parts[2] + " " + parts[0] + " " + parts[1]
	}
	return name
}

// isSpace reports white space within a BibTeX name list.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
