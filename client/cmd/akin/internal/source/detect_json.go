package source

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// jsonKind is how the objects of a JSON text stand in it.
type jsonKind int

const (
	jsonLines  jsonKind = iota // one object a line
	jsonPieces                 // in an array, in a page of a web service, or over several lines
)

// jsonShape finds out how the objects of a text stand in it. A line that is broken tells nothing, and the next one is
// looked at.
func jsonShape(head []byte) jsonKind {
	text := bytes.TrimLeft(head, " \t\r\n\f")
	if len(text) == 0 || text[0] == '[' {
		return jsonPieces
	}
	first, _, more := bytes.Cut(text, []byte("\n"))
	switch {
	case json.Valid(first):
		if wrapsRecords(first) {
			return jsonPieces
		}
		return jsonLines
	case !more:
		if wrapsRecords(text) {
			return jsonPieces
		}
		return jsonLines
	}
	// The first line is no object of its own: an object over several lines, as far as it can be seen, or a broken line.
	var value json.RawMessage
	err := json.NewDecoder(bytes.NewReader(text)).Decode(&value)
	if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		return jsonPieces
	}
	return jsonLines
}

// detectJSON names the format of a JSON text by the fields of its first records.
func detectJSON(text []byte) (string, error) {
	const unknown = "the input is JSON with the fields of no known format"
	if jsonShape(text) == jsonLines {
		for line := range bytes.Lines(text) {
			if name := jsonFormat(fieldNames(line)); name != "" {
				return name, nil
			}
		}
		return "", &FormatError{What: unknown}
	}
	pieces := newObjects(newLines(bufio.NewReaderSize(bytes.NewReader(text), peekSize), peekSize, new(notes)))
	for {
		record, _, err := pieces.read()
		if len(record) > 0 {
			if name := jsonFormat(fieldNames(record)); name != "" {
				return name, nil
			}
		}
		if err != nil && !isPieceError(err) || len(record) == 0 {
			break
		}
	}
	return "", &FormatError{What: unknown + ", or without a list of papers under a usual name such as results, " +
		"data or items; jq -c '.NAME[]' FILE takes it out"}
}

// fieldNames returns the names of a JSON object's fields, as far as the object is there and valid, with the first bytes
// of their values.
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
		value := bytes.TrimLeft(object[dec.InputOffset():], ": \t\r\n")
		names[name] = string(value[:min(len(value), 64)])
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			return names
		}
	}
	return names
}

// jsonFormat names the format whose records have these fields, or returns "".
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
	case has("_id") && has("text") && !has("venue", "authors"), has("_id") && has("metadata"), has("_id") &&
		len(names) <= 3:
		return "beir"
	case has("abstract_inverted_index", "authorships") || strings.Contains(names["id"], "openalex.org/"):
		return "openalex"
	case has("indexed_abstract", "n_citation") || has("fos") && has("title") || has("_id") && has("title"):
		return "aminer"
	case has("corpusid", "corpusId", "paperId", "paper_id", "externalids", "externalIds"):
		return "semantic-scholar"
	case has("authors_parsed", "journal-ref", "report-no") || has("versions") && has("submitter", "update_date"):
		return "arxiv"
	case has("DOI") && (strings.HasPrefix(names["title"], "[") ||
		has("is-referenced-by-count", "reference-count", "member", "indexed")):
		return "crossref"
	case has("title") && has("issued", "container-title", "DOI", "author", "citation-key") &&
		has("type", "issued", "DOI") && !has("authors", "abstract_text"):
		return "csl-json"
	case has("id") && has("title", "abstract"):
		if strings.HasPrefix(names["categories"], `"`) { // a string, where akin has a list
			return "arxiv"
		}
		for name := range names {
			if !paperField(name) {
				return "json"
			}
		}
		return "akin"
	}
	return generic(names)
}

// generic returns "json" for an object that has a title or an abstract under a name people use for one.
func generic(names map[string]string) string {
	for name := range names {
		switch bareName(name) {
		case "title", "papertitle", "articletitle", "abstract", "abstractnote", "summary":
			return "json"
		}
	}
	return ""
}
