package source

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// fieldParser parses `name = value, name = value`, where a value is made of parts joined by #: text in braces, text in
// quotes, numbers, and abbreviations.
type fieldParser struct {
	in     string
	macros map[string]string
}

// fields parses all of them. The first of several fields of one name counts, as in BibTeX.
func (p *fieldParser) fields() (map[string]string, error) {
	out := make(map[string]string)
	for {
		p.in = strings.TrimLeft(p.in, " \t\r\n,")
		if p.in == "" {
			return out, nil
		}
		name, rest, found := strings.Cut(p.in, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !found || name == "" || strings.ContainsAny(name, "{}\",#") {
			return nil, fmt.Errorf("NAME = VALUE is expected at %q", excerpt([]byte(p.in)))
		}
		p.in = rest
		value, err := p.value(name)
		if err != nil {
			return nil, err
		}
		if _, taken := out[name]; !taken {
			out[name] = value
		}
	}
}

// value parses the parts of one value.
func (p *fieldParser) value(name string) (string, error) {
	var b strings.Builder
	for {
		p.in = strings.TrimLeft(p.in, " \t\r\n")
		part, err := p.part(name)
		if err != nil {
			return "", err
		}
		b.WriteString(part)
		p.in = strings.TrimLeft(p.in, " \t\r\n")
		switch {
		case p.in == "" || p.in[0] == ',':
			return b.String(), nil
		case p.in[0] != '#':
			return "", fmt.Errorf("a comma is missing behind field %q, at %q", name, excerpt([]byte(p.in)))
		}
		p.in = p.in[1:]
	}
}

// part parses one part.
func (p *fieldParser) part(name string) (string, error) {
	if p.in == "" {
		return "", fmt.Errorf("field %q has no value", name)
	}
	switch p.in[0] {
	case '{':
		end := groupEnd(p.in)
		if end == len(p.in) {
			return "", fmt.Errorf("the braces of field %q do not match", name)
		}
		text := p.in[1:end]
		p.in = p.in[end+1:]
		return text, nil
	case '"':
		end := quoteEnd(p.in)
		if end < 0 {
			return "", fmt.Errorf("the quotes of field %q do not match", name)
		}
		text := p.in[1:end]
		p.in = p.in[end+1:]
		return text, nil
	}
	end := strings.IndexAny(p.in, ",# \t\r\n{}\"")
	if end < 0 {
		end = len(p.in)
	}
	token := p.in[:end]
	p.in = p.in[end:]
	if token == "" {
		return "", fmt.Errorf("field %q has no value", name)
	}
	if value, ok := p.macros[strings.ToLower(token)]; ok {
		return value, nil
	}
	return token, nil // a number, or an abbreviation that some other file defines
}

// quoteEnd returns the index of the quote that closes the one s begins with, or -1. A quote within braces is text.
func quoteEnd(s string) int {
	depth := 0
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i+1 < len(s) && s[i+1] != '"' { // an accent's quote closes the value too, unless braces keep it
				i++
			}
		case '{':
			depth++
		case '}':
			depth--
		case '"':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// paper makes a paper of an entry's fields.
func (b *bibtex) paper(kind, key string, f map[string]string) *akinv1.Paper {
	first := func(names ...string) string {
		for _, n := range names {
			if s := latex(f[n]); s != "" {
				return s
			}
		}
		return ""
	}
	p := &akinv1.Paper{
		Id:          key,
		Title:       first("title"),
		Abstract:    plain(first("abstract", "abstr")),
		Authors:     bibtexNames(f["author"]),
		Doi:         bareDOI(strings.ReplaceAll(f["doi"], `\_`, "_")),
		PublishTime: bibtexDate(first("date"), first("year"), first("month"), first("day")),
	}
	if sub := first("subtitle"); sub != "" {
		p.Title += ": " + sub
	}
	p.Url = clean(strings.NewReplacer(`\_`, "_", `\%`, "%", `\&`, "&", `\#`, "#", `\~{}`, "~").Replace(f["url"]))
	if eprint := clean(f["eprint"]); eprint != "" && strings.EqualFold(first("archiveprefix", "eprinttype"), "arxiv") {
		setString(p, "arxiv_id", eprint)
		if p.GetUrl() == "" {
			p.Url = "https://arxiv.org/abs/" + eprint
		}
	}
	p.Categories = append(strings.Fields(first("primaryclass", "eprintclass")), splitList(first("keywords", "keyword"), ";,")...)
	setString(p, "venue", first("journal", "journaltitle", "booktitle", "school", "institution", "publisher"))
	setString(p, "type", kind)
	if p.GetId() == "" && (p.GetTitle() != "" || p.GetAbstract() != "") {
		if p.Id = p.GetDoi(); p.GetId() == "" {
			p.Id = b.ids.id(p.GetTitle(), p.GetAbstract())
		}
	}
	return p
}

// bibtexNames splits a list of names at "and" outside braces, and turns "Last, First" around. "others" is no name, and a
// name in braces is kept as it is.
func bibtexNames(list string) []string {
	var out []string
	add := func(name string) {
		name = strings.TrimSpace(name)
		if strings.HasPrefix(name, "{") && groupEnd(name) == len(name)-1 {
			out = append(out, latex(name))
		} else if name != "others" {
			out = append(out, commaName(latex(name)))
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

// isSpace reports white space within a BibTeX name list.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// bibtexDate prefers biblatex's date, of a range its beginning, to BibTeX's year and month.
func bibtexDate(date, year, month, day string) *timestamppb.Timestamp {
	if from, _, _ := strings.Cut(date, "/"); from != "" {
		if t, ok := looseDate(from); ok {
			return t
		}
	}
	if year == "" {
		return nil
	}
	text := year
	if m, ok := atoi(month); ok {
		text = fmt.Sprintf("%s-%d", year, m)
		if d, ok := atoi(day); ok {
			text = fmt.Sprintf("%s-%d", text, d)
		}
	} else if month != "" {
		text = month + " " + year
	}
	t, _ := looseDate(text)
	return t
}
