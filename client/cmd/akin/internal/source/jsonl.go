package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// records reads JSON objects: one a line, or, where pieces is set, wherever they stand in pretty-printed text, in an
// array, or in the pages that web services answer with.
type records struct {
	lines  *lines
	pieces *objects // nil: one a line
	parse  func(object []byte, d *draft) error
}

// newRecords reads objects with parse.
func newRecords(l *lines, parse func([]byte, *draft) error) (*records, error) {
	head, _ := l.r.Peek(peekSize) // an error shows again when reading
	r := &records{lines: l, parse: parse}
	if jsonShape(head) != jsonLines {
		r.pieces = newObjects(l)
	}
	return r, nil
}

// next returns the next object's paper. Empty lines are passed over.
func (r *records) next() (*draft, error) {
	for {
		text, line, err := r.read()
		if err != nil && !isPieceError(err) {
			return nil, err
		}
		if err == nil && len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		d := newDraft(line, r.lines.notes)
		if err == nil {
			err = r.parse(text, d)
		}
		if err != nil {
			return nil, &ItemError{Line: line, Record: recordName(d.p, text), Err: err}
		}
		d.excerpt = excerpt(text)
		return d, nil
	}
}

// read returns the next object's text.
func (r *records) read() (text []byte, line int, err error) {
	if r.pieces != nil {
		return r.pieces.read()
	}
	text, err = r.lines.read()
	return text, r.lines.line, err
}

// recordName says which record an error is about.
func recordName(p *akinv1.Paper, record []byte) string {
	if id := p.GetId(); id != "" {
		return excerpt([]byte(id))
	}
	return excerpt(record)
}

// decode reads a JSON object into v, with an error in plain words.
func decode(object []byte, v any) error {
	if t := bytes.TrimLeft(object, " \t\n"); len(t) == 0 || t[0] != '{' {
		return errors.New("is no JSON object; one object a line is expected")
	}
	err := json.Unmarshal(object, v)
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType):
		return fmt.Errorf("field %q holds a JSON %s where another type belongs", wrongType.Field, wrongType.Value)
	case err != nil:
		return fmt.Errorf("is not valid JSON: %w", err)
	}
	return nil
}

// word is a JSON string or number, taken as text. Ids come as both.
type word string

// UnmarshalJSON takes a string, a number, or null as nothing.
func (w *word) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(w))
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	*w = word(n)
	return nil
}

// year returns the number that the word begins with as a year, or 0.
func (w word) year() int {
	n, err := strconv.Atoi(strings.TrimSuffix(string(w), ".0"))
	if err != nil {
		return 0
	}
	return n
}

// text is a JSON string, or the first of a list of strings, as Crossref writes titles.
type text string

// UnmarshalJSON takes a string, a list or null.
func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '[' {
		return json.Unmarshal(b, (*string)(t))
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	*t = text(firstOf(list...))
	return nil
}
