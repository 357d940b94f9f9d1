package source

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// signatures are beginnings of files that people take for data and that no format here reads.
var signatures = []struct{ prefix, what string }{
	{"PK\x03\x04", "a zip archive (or an Office document): take the file out of it first"},
	{"%PDF-", "a PDF"},
	{"BZh", "compressed with bzip2: decompress it and pass the result, for example bunzip2 -c FILE | akin import -"},
	{"\xfd7zXZ\x00", "compressed with xz: decompress it and pass the result, for example xz -dc FILE | akin import -"},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive: take the file out of it first"},
	{"SQLite format 3\x00", "an SQLite database"},
	{"PAR1", "a Parquet file"},
	{"ARROW1", "an Arrow file"},
	{"\x89HDF", "an HDF5 file"},
	{"\x1f\x8b", "compressed with gzip twice"},
}

// binary says what kind of binary file the text is, or returns "".
func binary(head []byte) string {
	for _, s := range signatures {
		if bytes.HasPrefix(head, []byte(s.prefix)) {
			return s.what
		}
	}
	control := 0
	for _, c := range head {
		if c == 0 {
			return "binary, not text"
		}
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1b {
			control++
		}
	}
	if control*50 > len(head) {
		return "binary, not text"
	}
	return ""
}

var (
	bibtexEntry = regexp.MustCompile(`(?m)^[ \t]*@[ \t]*[A-Za-z]+[ \t]*[{(]`)
	risRecord   = regexp.MustCompile(`(?m)^[ \t]*TY {0,2}- ?[A-Z]`)
	medlineTag  = regexp.MustCompile(`(?m)^PMID ?- ?[0-9]`)
	wosRecord   = regexp.MustCompile(`(?m)^PT [A-Z]$`)
	wosTag      = regexp.MustCompile(`(?m)^(?:UT|ER|AU|TI|SO)(?: |$)`)
	referRecord = regexp.MustCompile(`(?m)^%[0TA] .*\n%[A-Z0-9@+^] `)
	refworksTag = regexp.MustCompile(`(?m)^RT [A-Z].*\n[A-Z][A-Z0-9] `)
)

// xmlKinds are the formats that are XML, by an element that none of the others has.
var xmlKinds = []struct {
	format string
	mark   *regexp.Regexp
}{
	{"pubmed", regexp.MustCompile(`<Pubmed(?:Book)?Article(?:Set)?[\s>]|<!DOCTYPE\s+PubmedArticleSet`)},
	{"oai", regexp.MustCompile(`<(?:[a-z]+:)?OAI-PMH[\s>]|<oai_dc:dc[\s>]|<(?:arXiv|arXivRaw)[\s>]`)},
	{"jats", regexp.MustCompile(`<article[\s>](?s:.*)<(?:front|article-meta)[\s>]|` +
		`<!DOCTYPE\s+article\s+PUBLIC\s+"[^"]*(?:JATS|NLM)`)},
	{"dblp", regexp.MustCompile(`<dblp[\s>]|<!DOCTYPE\s+dblp`)},
	{"endnote-xml", regexp.MustCompile(`<records>\s*<record>|<source-app name="EndNote"|<ref-type name=`)},
	{"atom", regexp.MustCompile(`<(?:[a-z]+:)?feed[\s>]`)},
}

// detect names the format of a text that begins with head.
func detect(head []byte, opts Options) (string, error) {
	if what := binary(head); what != "" {
		return "", &FormatError{What: "the input is " + what}
	}
	text := bytes.TrimLeft(head, " \t\r\n\f")
	if len(text) == 0 {
		if len(head) < peekSize {
			return "", ErrEmpty
		}
		return "", &FormatError{What: "the input begins with nothing but white space"}
	}
	switch {
	case text[0] == '{' && !bytes.HasPrefix(text, []byte(`{\`)), text[0] == '[' && jsonArray(text):
		return detectJSON(text)
	case text[0] == '<':
		for _, k := range xmlKinds {
			if k.mark.Match(text) {
				return k.format, nil
			}
		}
		return "", &FormatError{What: "the input is XML or HTML of no known format"}
	}
	if name := detectTagged(text); name != "" {
		return name, nil
	}
	name, header := detectTable(text, opts)
	switch {
	case name != "":
		return name, nil
	case bibtexEntry.Match(text): // perhaps behind a preface, which BibTeX takes for a comment
		return "bibtex", nil
	case risRecord.Match(text):
		return "ris", nil
	case header != nil:
		return "", &FormatError{What: fmt.Sprintf("the input is a table without title and abstract columns: %s; "+
			"if one of them holds titles, say so with --column title=NAME", quoted(header))}
	case detectPage(text):
		return "page", nil
	}
	return "", &FormatError{What: "the input is text in no known format"}
}

// detectTagged recognises formats of lines that begin with a tag, by how their first record begins.
func detectTagged(text []byte) string {
	switch first, _, _ := bytes.Cut(text, []byte("\n")); {
	case risRecord.Match(first):
		return "ris"
	case bibtexEntry.Match(first):
		return "bibtex"
	case medlineTag.Match(text) && !risRecord.Match(text):
		return "medline"
	case wosRecord.Match(text) && wosTag.Match(text):
		return "wos"
	case referRecord.Match(text) && bytes.Contains(text, []byte("%T ")):
		return "endnote"
	case refworksTag.Match(text):
		return "refworks"
	}
	return ""
}

// jsonArray tells a JSON array of objects from other text in brackets.
func jsonArray(text []byte) bool {
	text = bytes.TrimLeft(text[1:], " \t\r\n")
	return len(text) > 0 && (text[0] == '{' || text[0] == ']')
}

// detectTable recognises a header row: known column names, of which one is the title or the abstract. Where the caller
// maps columns, any row of several cells is taken for one, so that a misspelt column is reported as such. For a table
// without such a column it returns the header row alone.
func detectTable(text []byte, opts Options) (name string, header []string) {
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	comma, header := widest(first)
	if len(header) < 2 {
		return "", nil
	}
	if _, _, err := columnsOf(header, nil); err != nil && len(opts.Columns) == 0 {
		second, _, more := bytes.Cut(rest, []byte("\n"))
		if cells, err := parseRow(second, comma); !more || err != nil || len(cells) != len(header) {
			return "", nil
		}
		return "", header
	}
	if comma == '\t' {
		return "tsv", header
	}
	return "csv", header
}

// widest finds the separator that parts a header row into the most cells.
func widest(row []byte) (comma rune, cells []string) {
	for _, c := range []rune{',', '\t', ';'} {
		if names, err := parseRow(row, c); err == nil && len(names) > len(cells) {
			comma, cells = c, names
		}
	}
	return comma, cells
}

// detectPage reports whether most of a text is title lines with abstracts behind them. Lines of other shapes, such as
// the tagged lines of an export in an unknown format, must be few.
func detectPage(text []byte) bool {
	var lines, matched int
	last := "" // line before: "", short, or prose
	for line := range bytes.Lines(text) {
		s := clean(string(line))
		switch {
		case s == "", banner.MatchString(s), !strings.ContainsFunc(s, unicode.IsLetter):
		case prose(s):
			lines++
			switch last {
			case "short":
				matched += 2
			case "prose":
				matched++
			}
			last = "prose"
		default:
			lines++
			last = "short"
		}
	}
	return matched > 0 && matched*10 >= lines*6
}
