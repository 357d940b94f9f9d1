package source

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// usual holds, for each paper field, the header names that people and databases give its column, in order of preference,
// in lower case without anything but letters and digits.
var usual = map[string][]string{
	"id":           {"id", "paperid", "key", "citekey", "arxivid", "pmid", "eid", "ut"},
	"title":        {"title", "papertitle", "articletitle", "documenttitle"},
	"abstract":     {"abstract", "abstractnote", "summary", "abstracttext", "description", "text"},
	"authors":      {"authors", "author", "authornames", "authorfullnames", "creators"},
	"categories":   {"categories", "category", "keywords", "authorkeywords", "subjects", "subject", "tags", "topics"},
	"publish_time": {"publishtime", "published", "publicationdate", "publishdate", "date", "year", "publicationyear"},
	"url":          {"url", "link", "pageurl"},
	"doi":          {"doi"},
}

// cell is a column's number and the attribute it goes to, if any.
type cell struct {
	field string // of the paper, or "" for an attribute
	name  string // of the attribute
	index int
}

// columns says what each column of a table holds.
type columns []cell

// columnsOf matches a header row to paper fields: chosen ones by the caller's names, the others by usual ones.
func columnsOf(header []string, chosen map[string]string) (columns, error) {
	exact := make(map[string]int, len(header))
	loose := make(map[string]int, len(header))
	for i := len(header) - 1; i >= 0; i-- { // the first of equal names counts
		exact[clean(header[i])] = i
		loose[bareName(header[i])] = i
	}
	var out columns
	taken := make(map[string]bool)
	for _, field := range slices.Sorted(maps.Keys(chosen)) {
		i, ok := exact[clean(chosen[field])]
		if !ok {
			return nil, fmt.Errorf("has no column %q for %s; its columns are %s", chosen[field], field, quoted(header))
		}
		if name, ok := strings.CutPrefix(field, "attributes."); ok {
			out = append(out, cell{name: name, index: i})
			continue
		}
		if _, ok := usual[field]; !ok {
			return nil, fmt.Errorf("there is no field %q to map a column to; fields are %s and attributes.NAME", field,
				strings.Join(slices.Sorted(maps.Keys(usual)), ", "))
		}
		out = append(out, cell{field: field, index: i})
		taken[field] = true
	}
	for _, field := range slices.Sorted(maps.Keys(usual)) {
		if taken[field] {
			continue
		}
		for _, name := range usual[field] {
			if i, ok := loose[name]; ok {
				out = append(out, cell{field: field, index: i})
				taken[field] = true
				break
			}
		}
	}
	if !taken["title"] && !taken["abstract"] {
		return nil, fmt.Errorf("names neither a title nor an abstract among %s; say which columns they are with --column title=NAME",
			quoted(header))
	}
	return out, nil
}

// bareName brings a header name into the form of usual.
func bareName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

// quoted lists header names for an error text.
func quoted(header []string) string {
	out := make([]string, 0, len(header))
	for _, h := range header[:min(len(header), 20)] {
		out = append(out, fmt.Sprintf("%q", excerpt([]byte(h))))
	}
	if len(header) > 20 {
		out = append(out, fmt.Sprintf("and %d more", len(header)-20))
	}
	return strings.Join(out, ", ")
}

// paper makes a paper of a row's cells.
func (t *table) paper(cells []string) (*akinv1.Paper, error) {
	p := new(akinv1.Paper)
	for _, c := range t.columns {
		text := strings.TrimSpace(cells[c.index])
		if text == "" {
			continue
		}
		switch c.field {
		case "id":
			p.Id = text
		case "title":
			p.Title = plain(text)
		case "abstract":
			p.Abstract = plain(text)
		case "authors":
			p.Authors = t.names(text)
		case "categories":
			p.Categories = t.list(text, ",")
		case "publish_time":
			date, ok := looseDate(text)
			if !ok {
				return p, fmt.Errorf("no date: %q", excerpt([]byte(text)))
			}
			p.PublishTime = date
		case "url":
			p.Url = text
		case "doi":
			p.Doi = bareDOI(text)
		default:
			setString(p, c.name, text)
		}
	}
	if p.GetTitle() == "" && p.GetAbstract() == "" {
		return p, errNoText
	}
	if p.GetId() == "" {
		p.Id = p.GetDoi()
	}
	if p.GetId() == "" {
		p.Id = t.ids.id(p.GetTitle(), p.GetAbstract())
	}
	return p, nil
}

// list splits a cell: at the separator asked for, else at "|", else at ";", else at last.
func (t *table) list(text, last string) []string {
	switch {
	case t.listSep != "":
		return cleanAll(strings.Split(text, t.listSep))
	case strings.Contains(text, "|"):
		return splitList(text, "|")
	case strings.Contains(text, ";"):
		return splitList(text, ";")
	case last != "":
		return splitList(text, last)
	}
	return cleanAll([]string{text})
}

// names splits a cell of authors. A separator parts them as it parts any list, and then "Last, First" is turned around.
// Without one they may be joined by "and", or by commas: where every part has a space they are whole names ("Ann Bee, Cy
// Dee"), and otherwise the comma is that of one name ("Bee, Ann").
func (t *table) names(text string) []string {
	list := t.list(text, "")
	if len(list) == 1 && t.listSep == "" {
		list = authorAnd.Split(list[0], -1)
	}
	if len(list) == 1 && t.listSep == "" {
		parts := splitList(list[0], ",")
		if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(p, " ") }) {
			return parts
		}
	}
	for i := range list {
		list[i] = commaName(list[i])
	}
	return cleanAll(list)
}

// authorAnd parts names joined by a word.
var authorAnd = regexp.MustCompile(`(?i)\s+(?:and|&)\s+`)
