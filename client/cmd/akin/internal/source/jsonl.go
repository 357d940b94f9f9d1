package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// records reads one JSON object a line.
type records struct {
	lines *lines
	parse func(line []byte) (*akinv1.Paper, error) // nil, nil: the line is taken in by another one
}

// newRecords reads lines with parse.
func newRecords(l *lines, parse func([]byte) (*akinv1.Paper, error)) *records {
	return &records{lines: l, parse: parse}
}

// next returns the next line's paper. Empty lines are passed over.
func (r *records) next() (*akinv1.Paper, error) {
	for {
		line, err := r.lines.read()
		if err != nil && !isPieceError(err) {
			return nil, err
		}
		if err == nil && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var p *akinv1.Paper
		if err == nil {
			p, err = r.parse(line)
		}
		if err == nil && p != nil {
			err = finish(p)
		}
		if err != nil {
			return nil, &ItemError{Line: r.lines.line, Record: recordName(p, line), Err: err}
		}
		if p != nil {
			return p, nil
		}
	}
}

// recordName says which record an error is about.
func recordName(p *akinv1.Paper, record []byte) string {
	if id := p.GetId(); id != "" {
		return excerpt([]byte(id))
	}
	return excerpt(record)
}

// decode reads a line's JSON object into v, with an error in plain words.
func decode(line []byte, v any) error {
	if t := bytes.TrimLeft(line, " \t"); len(t) == 0 || t[0] != '{' {
		return errors.New("is no JSON object; one object a line is expected")
	}
	err := json.Unmarshal(line, v)
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType):
		return fmt.Errorf("field %q holds a JSON %s where another type belongs", wrongType.Field, wrongType.Value)
	case err != nil:
		return fmt.Errorf("is not valid JSON: %w", err)
	}
	return nil
}

// protojsonPlace matches the place in protojson's errors.
var protojsonPlace = regexp.MustCompile(`(?:syntax error )?\(line [0-9]+:[0-9]+\): `)

// parseAkin reads a Paper in protobuf's JSON form. Fields that this version does not know are left out, and so are those
// that the server writes itself.
func parseAkin(line []byte) (*akinv1.Paper, error) {
	p := new(akinv1.Paper)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(line, p); err != nil {
		// protojson varies the white space of its texts on purpose, and counts lines within this one.
		text := clean(strings.TrimPrefix(err.Error(), "proto:"))
		return nil, fmt.Errorf("is no paper as akin export writes it: %s", protojsonPlace.ReplaceAllString(text, ""))
	}
	p.CreateTime, p.UpdateTime, p.Revision = nil, nil, 0
	return p, nil
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

// parseBEIR reads a line of a BEIR corpus. Metadata that paper fields have a place for goes there, the rest becomes
// attributes.
func parseBEIR(line []byte) (*akinv1.Paper, error) {
	var r struct {
		ID       word           `json:"_id"`
		Title    string         `json:"title"`
		Text     string         `json:"text"`
		Metadata map[string]any `json:"metadata"`
	}
	if err := decode(line, &r); err != nil {
		return nil, err
	}
	p := &akinv1.Paper{Id: string(r.ID), Title: r.Title, Abstract: r.Text}
	for name, v := range r.Metadata {
		if err := applyMetadata(p, name, v); err != nil {
			return p, err
		}
	}
	return p, nil
}

// applyMetadata puts one entry of a BEIR line's metadata into the paper. A year is both the attribute and, where no date
// says more, the time of publication.
func applyMetadata(p *akinv1.Paper, name string, v any) error {
	switch strings.ToLower(name) {
	case "authors", "author":
		p.Authors = textList(v, ";")
	case "categories", "category", "keywords":
		p.Categories = append(p.Categories, textList(v, ";,")...)
	case "url", "link":
		if s, ok := v.(string); ok {
			p.Url = clean(s)
		}
	case "doi":
		if s, ok := v.(string); ok {
			p.Doi = bareDOI(s)
		}
	case "date", "publish_time", "published", "publication_date", "publish_date":
		s, _ := v.(string)
		t, ok := parseDate(s)
		if !ok {
			return fmt.Errorf("metadata field %q holds no date: %v", name, v)
		}
		p.PublishTime = t
	case "year":
		var year int
		switch v := v.(type) {
		case float64:
			year = int(v)
		case string:
			year, _ = atoi(v)
		}
		if t := yearDate(year); t != nil {
			setNumber(p, "year", float64(year))
			if p.PublishTime == nil {
				p.PublishTime = t
			}
		}
	default:
		setAny(p, name, v)
	}
	return nil
}

// setAny stores a JSON value as an attribute: scalars as they are, a list of strings joined by "; ". Other lists and
// objects have no place in an attribute and are left out.
func setAny(p *akinv1.Paper, name string, v any) {
	switch v := v.(type) {
	case string:
		setString(p, name, v)
	case float64:
		setNumber(p, name, v)
	case bool:
		setBool(p, name, v)
	case []any:
		setString(p, name, strings.Join(textList(v, ""), "; "))
	}
}

// textList returns a JSON list's strings, or the parts of one string.
func textList(v any, separators string) []string {
	switch v := v.(type) {
	case string:
		return splitList(v, separators)
	case []any:
		var out []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return cleanAll(out)
	}
	return nil
}
