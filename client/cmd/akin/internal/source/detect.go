package source

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
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
	bibtexStart = regexp.MustCompile(`(?m)^\s*@\s*[A-Za-z]+\s*[{(]`)
	risStart    = regexp.MustCompile(`^TY  ?- ?[A-Z]`)
	pubmedStart = regexp.MustCompile(`<PubmedArticle(?:Set)?[\s>]|<!DOCTYPE\s+PubmedArticleSet`)
)

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
	case text[0] == '{':
		return detectJSON(text)
	case text[0] == '[' && jsonArray(text):
		return "", &FormatError{What: "the input is one JSON array; one object a line is expected, as jq -c '.[]' FILE writes it"}
	case text[0] == '<':
		if pubmedStart.Match(text) {
			return "pubmed", nil
		}
		return "", &FormatError{What: "the input is XML or HTML, and not PubMed's"}
	case risStart.Match(text):
		return "ris", nil
	case (text[0] == '@' || text[0] == '%') && bibtexStart.Match(text):
		return "bibtex", nil
	}
	if name := detectTable(text, opts); name != "" {
		return name, nil
	}
	if detectPage(text) {
		return "page", nil
	}
	if bibtexStart.Match(text) { // entries behind a preface, which BibTeX takes for a comment
		return "bibtex", nil
	}
	return "", &FormatError{What: "the input is text in no known format"}
}

// jsonArray tells a JSON array of objects from other text in brackets.
func jsonArray(text []byte) bool {
	text = bytes.TrimLeft(text[1:], " \t\r\n")
	return len(text) > 0 && (text[0] == '{' || text[0] == ']')
}

// detectJSON looks at the names of the first lines' fields. A line that is no JSON tells nothing, and the next one is
// looked at.
func detectJSON(text []byte) (string, error) {
	for line := range bytes.Lines(text) {
		if name := jsonFormat(fieldNames(line)); name != "" {
			return name, nil
		}
	}
	return "", &FormatError{What: "the input is JSON with the fields of no known format"}
}

// fieldNames returns the names of a JSON object's fields, as far as the object is there and valid, with the first bytes
// of the values that are strings.
func fieldNames(object []byte) map[string]string {
	names := make(map[string]string)
	dec := json.NewDecoder(bytes.NewReader(object))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return names
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return names
		}
		name, _ := t.(string)
		names[name] = ""
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return names
		}
		names[name] = string(value[:min(len(value), 64)])
	}
	return names
}

// jsonFormat names the format whose lines have these fields, or returns "".
func jsonFormat(names map[string]string) string {
	has := func(some ...string) bool {
		for _, n := range some {
			if _, ok := names[n]; ok {
				return true
			}
		}
		return false
	}
	switch {
	case has("_id"):
		return "beir"
	case has("abstract_inverted_index", "authorships") || strings.Contains(names["id"], "openalex.org/"):
		return "openalex"
	case has("corpusid", "corpusId", "paperId", "paper_id", "externalids", "externalIds"):
		return "semantic-scholar"
	case has("authors_parsed", "journal-ref", "report-no") || has("versions") && has("submitter", "update_date"):
		return "arxiv"
	case has("id") && has("title", "abstract"):
		if strings.HasPrefix(names["categories"], `"`) { // a string, where akin has a list
			return "arxiv"
		}
		return "akin"
	}
	return ""
}

// detectTable recognises a header row: known column names, of which one is the title or the abstract. Where the caller
// maps columns, any row of several cells is taken for one, so that a misspelt column is reported as such.
func detectTable(text []byte, opts Options) string {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	first = bytes.TrimSuffix(first, []byte("\r"))
	comma, header := widest(first)
	if len(header) < 2 {
		return ""
	}
	if _, err := columnsOf(header, nil); err != nil && len(opts.Columns) == 0 {
		return ""
	}
	if comma == '\t' {
		return "tsv"
	}
	return "csv"
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

// detectPage reports whether short lines in front of long ones look like titles and abstracts.
func detectPage(text []byte) bool {
	short := false
	for line := range bytes.Lines(text) {
		s := clean(string(line))
		switch {
		case s == "":
		case prose(s) && short:
			return true
		case prose(s):
			return false // prose from the start, such as an article's text
		default:
			short = true
		}
	}
	return false
}
