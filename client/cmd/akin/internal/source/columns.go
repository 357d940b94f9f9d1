package source

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// usual holds, for each field of a paper, the names that people and databases give it in tables and JSON, in order of
// preference, in lower case without anything but letters and digits. Web of Science heads its columns with tags.
var usual = map[string][]string{
	"id": {"corduid", "id", "paperid", "key", "citekey", "citationkey", "arxivid", "pmid", "pubmedid", "eid",
		"ut", "utuniquewosid", "uniqueid"},
	"title":    {"title", "papertitle", "articletitle", "documenttitle", "primarytitle", "ti"},
	"abstract": {"abstract", "abstractnote", "summary", "abstracttext", "notesabstract", "description", "text", "ab"},
	"authors":  {"authorfullnames", "authors", "author", "authornames", "creators", "firstauthors", "af", "au"},
	"categories": {"categories", "category", "keywords", "authorkeywords", "subjects", "subject", "tags", "manualtags",
		"topics", "fieldsofstudy", "de"},
	"publish_time": {"publishtime", "published", "publicationdate", "publishdate", "date", "year", "publicationyear",
		"pubyear", "py"},
	"url": {"url", "link", "pageurl", "urls"},
	"doi": {"doi", "digitalobjectidentifier", "di"},

	"attributes.venue": {"venue", "journal", "sourcetitle", "publicationtitle", "journalbook", "journaltitle",
		"containertitle", "booktitle", "conference", "conferencename", "source", "publicationname", "secondarytitle", "so"},
	"attributes.type":      {"itemtype", "documenttype", "publicationtype", "type", "dt"},
	"attributes.volume":    {"volume", "vl"},
	"attributes.issue":     {"issue", "number", "is"},
	"attributes.pages":     {"pages", "pagerange", "page", "pagestart", "bp"},
	"attributes.publisher": {"publisher", "pu"},
	"attributes.issn":      {"issn", "sn"},
	"attributes.isbn":      {"isbn", "bn"},
	"attributes.language":  {"language", "languageoforiginaldocument", "lang", "la"},
	"attributes.pmid":      {"pmid", "pubmedid", "pm"},
	"attributes.pmcid":     {"pmcid", "pmc", "pmcidnumber"},
	"attributes.arxiv_id":  {"arxivid", "arxiv"},
}

// fieldOrder holds the names of usual, paper fields first, so that a column which two could take goes to the first.
var fieldOrder = func() []string {
	names := slices.Sorted(maps.Keys(usual))
	slices.SortStableFunc(names, func(a, b string) int {
		return strings.Count(a, ".") - strings.Count(b, ".")
	})
	return names
}()

// cell is a column's number and the field it goes to.
type cell struct {
	field string // of the paper; attributes.NAME for an attribute
	index int
	local bool // an id column that holds keys of one library
}

// columns says what each column of a table holds.
type columns []cell

// columnsOf matches a header row to paper fields: chosen ones by the caller's names, the others by usual ones. untaken
// are the columns that no field takes.
func columnsOf(header []string, chosen map[string]string) (out columns, untaken []string, err error) {
	exact := make(map[string]int, len(header))
	loose := make(map[string]int, len(header))
	for i := len(header) - 1; i >= 0; i-- { // the first of equal names counts
		exact[clean(header[i])] = i
		loose[bareName(header[i])] = i
	}
	taken := make(map[string]bool)
	used := make([]bool, len(header))
	for _, field := range slices.Sorted(maps.Keys(chosen)) {
		i, ok := exact[clean(chosen[field])]
		if !ok {
			return nil, nil, fmt.Errorf("has no column %q for %s; its columns are %s", chosen[field], field, quoted(header))
		}
		if _, ok := usual[field]; !ok && !strings.HasPrefix(field, "attributes.") {
			paperFields := slices.DeleteFunc(slices.Clone(fieldOrder), func(f string) bool { return strings.Contains(f, ".") })
			return nil, nil, fmt.Errorf("there is no field %q to map a column to; fields are %s and attributes.NAME", field,
				strings.Join(paperFields, ", "))
		}
		out = append(out, cell{field: field, index: i})
		taken[field], used[i] = true, true
	}
	for _, field := range fieldOrder {
		for _, name := range usual[field] {
			i, ok := loose[name]
			if !ok || taken[field] || used[i] {
				continue
			}
			out = append(out, cell{field: field, index: i, local: strings.HasSuffix(name, "key")})
			taken[field], used[i] = true, true
		}
	}
	if !taken["title"] && !taken["abstract"] {
		return nil, nil, fmt.Errorf("names neither a title nor an abstract among %s; "+
			"say which columns they are with --column title=NAME",
			quoted(header))
	}
	if i, ok := loose["attributes"]; ok && !used[i] { // as akin export writes it
		out = append(out, cell{field: "attributes", index: i})
		used[i] = true
	}
	for i, name := range header {
		if !used[i] && clean(name) != "" {
			untaken = append(untaken, name)
		}
	}
	return out, untaken, nil
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

// fill puts a row's cells into a paper.
func (t *table) fill(d *draft, cells []string) {
	d.kind = OwnID
	for _, c := range t.columns {
		text := strings.TrimSpace(cells[c.index])
		if missing(text) {
			continue
		}
		switch c.field {
		case "id":
			d.p.Id = text
			if c.local {
				d.kind = LocalID
			}
		case "authors":
			d.p.Authors = splitNames(unmarked(text), t.listSep)
		case "categories":
			d.p.Categories = t.list(unmarked(text))
		case "attributes":
			var m map[string]any
			if err := json.Unmarshal([]byte(text), &m); err != nil {
				d.notes.add("attributes that are no JSON object were left out", d.line, text)
			}
			for _, name := range sorted(m) {
				d.any(name, m[name])
			}
		default:
			d.value(c.field, text)
		}
	}
}

// value puts a text into a field that holds one.
func (d *draft) value(field, s string) {
	switch field {
	case "id":
		d.p.Id = s
	case "title":
		d.p.Title = s
	case "abstract":
		d.p.Abstract = s
	case "publish_time":
		d.date(s)
	case "url":
		d.p.Url = s
	case "doi":
		d.p.Doi = s
	default:
		d.string(strings.TrimPrefix(field, "attributes."), s)
	}
}

// list splits a cell of labels: at the separator asked for, as a list of Python or JSON, at "|", at ";", or at commas.
func (t *table) list(text string) []string {
	if t.listSep != "" {
		return cleanAll(strings.Split(text, t.listSep))
	}
	if list, ok := quotedList(text); ok {
		return cleanAll(list)
	}
	for _, sep := range []string{"|", ";"} {
		if strings.Contains(text, sep) {
			return splitList(text, sep)
		}
	}
	return splitList(text, ",")
}
