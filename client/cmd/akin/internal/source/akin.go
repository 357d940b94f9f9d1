package source

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// protojsonPlace matches the place in protojson's errors.
var protojsonPlace = regexp.MustCompile(`(?:syntax error )?\(line [0-9]+:[0-9]+\): `)

// unknownField matches protojson's error about a field that the contract does not have.
var unknownField = regexp.MustCompile(`unknown field "([^"]{1,100})"`)

// parseAkin reads a Paper in protobuf's JSON form, whose texts are kept as they are. Fields that this version does not
// know are named once and left out; those that the server writes itself are left out in silence.
func parseAkin(object []byte, d *draft) error {
	d.kind, d.plain = CorpusID, nil
	err := protojson.Unmarshal(object, d.p)
	if err != nil {
		if name := unknownField.FindStringSubmatch(err.Error()); name != nil {
			d.notes.add(untaken(name[1]), d.line, "")
			err = (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(object, d.p)
		}
	}
	if err != nil {
		// protojson varies the white space of its texts on purpose, and counts lines within this one.
		text := clean(strings.TrimPrefix(err.Error(), "proto:"))
		return fmt.Errorf("is no paper as akin export writes it: %s", protojsonPlace.ReplaceAllString(text, ""))
	}
	d.p.CreateTime, d.p.UpdateTime, d.p.Revision = nil, nil, 0
	return nil
}

// paperField reports whether a JSON field is one of Paper's, by either of its names.
func paperField(name string) bool {
	fields := (*akinv1.Paper)(nil).ProtoReflect().Descriptor().Fields()
	return fields.ByJSONName(name) != nil || fields.ByName(protoreflect.Name(name)) != nil
}

// parseBEIR reads a record of a BEIR corpus. Metadata that paper fields have a place for goes there, the rest becomes
// attributes.
func parseBEIR(object []byte, d *draft) error {
	var r struct {
		ID       word           `json:"_id"`
		Title    string         `json:"title"`
		Text     string         `json:"text"`
		Metadata map[string]any `json:"metadata"`
	}
	if err := decode(object, &r); err != nil {
		return err
	}
	d.kind = CorpusID
	d.p.Id, d.p.Title, d.p.Abstract = string(r.ID), r.Title, r.Text
	for _, name := range sorted(r.Metadata) {
		d.field(name, r.Metadata[name])
	}
	return nil
}

// parseObject reads an object whose fields have the names that people give them, such as title, abstract, authors,
// year, venue and keywords: the same that a table's columns are known by.
func parseObject(object []byte, d *draft) error {
	var fields map[string]any
	if err := decode(object, &fields); err != nil {
		return err
	}
	d.kind = OwnID
	taken := make(map[string]bool)
	for _, field := range fieldOrder {
		for _, name := range usual[field] {
			if taken[field] {
				break
			}
			for _, key := range sorted(fields) {
				if bareName(key) != name || taken[key] {
					continue
				}
				taken[key] = true
				if d.member(field, fields[key]) {
					taken[field] = true
					break
				}
			}
		}
	}
	for _, key := range sorted(fields) {
		if taken[key] || fields[key] == nil {
			continue
		}
		if strings.EqualFold(key, "metadata") || strings.EqualFold(key, "attributes") {
			if m, ok := fields[key].(map[string]any); ok {
				for _, name := range sorted(m) {
					d.field(name, m[name])
				}
				continue
			}
		}
		if !d.any(key, fields[key]) {
			d.notes.add(untaken(key), d.line, "")
		}
	}
	return nil
}

// sorted returns the names of an object's fields in their order, so that a reading is the same every time.
func sorted(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// member puts a JSON value into a paper field, and reports whether it held anything.
func (d *draft) member(field string, v any) bool {
	switch field {
	case "authors":
		d.p.Authors = nameList(v)
		return len(d.p.GetAuthors()) > 0
	case "categories":
		d.p.Categories = append(d.p.Categories, textList(v, ";,")...)
		return true
	}
	s := scalar(v)
	if missing(s) {
		return false
	}
	d.value(field, s)
	return true
}

// scalar is the text of a JSON string, number or list of one, and of an object its "raw", "value" or "name".
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.6f", v), "0"), ".")
	case []any:
		if len(v) > 0 {
			return scalar(v[0])
		}
	case map[string]any:
		for _, name := range []string{"raw", "value", "name", "display_name", "text"} {
			if s := scalar(v[name]); s != "" {
				return s
			}
		}
	}
	return ""
}

// nameList reads authors: strings, objects of their parts, or one string of all.
func nameList(v any) []string {
	list, ok := v.([]any)
	if !ok {
		s, _ := v.(string)
		return splitNames(s, "")
	}
	var out []string
	for _, e := range list {
		switch e := e.(type) {
		case string:
			out = append(out, commaName(e))
		case map[string]any:
			name := scalar(e)
			for _, part := range []string{"name", "literal", "full_name", "fullname"} {
				if s, ok := e[part].(string); ok && s != "" {
					name = s
				}
			}
			if name == "" {
				given, _ := firstKey(e, "given", "first", "firstname", "first_name", "forename")
				family, _ := firstKey(e, "family", "last", "lastname", "last_name", "surname")
				name = given + " " + family
			}
			out = append(out, clean(name))
		}
	}
	return cleanAll(out)
}

// firstKey returns the first string among some fields of an object.
func firstKey(m map[string]any, names ...string) (string, bool) {
	for _, n := range names {
		if s, ok := m[n].(string); ok && s != "" {
			return s, true
		}
	}
	return "", false
}

// field puts one entry of metadata into the paper: where a paper field has its name there, else among the attributes. A
// year is both the attribute and, where no date says more, the time of publication.
func (d *draft) field(name string, v any) {
	switch strings.ToLower(name) {
	case "authors", "author":
		d.p.Authors = nameList(v)
	case "categories", "category", "keywords":
		d.p.Categories = append(d.p.Categories, textList(v, ";,")...)
	case "url", "link":
		d.p.Url = scalar(v)
	case "doi":
		d.p.Doi = scalar(v)
	case "date", "publish_time", "published", "publication_date", "publish_date":
		d.date(scalar(v))
	case "year":
		year, _ := atoi(strings.TrimSuffix(scalar(v), ".0"))
		if t := yearDate(year); t != nil {
			d.number("year", float64(year))
			if d.p.PublishTime == nil {
				d.time(t)
			}
		}
	default:
		if !d.any(name, v) && v != nil {
			d.notes.add(untaken(name), d.line, "")
		}
	}
}

// any stores a JSON value as an attribute: scalars as they are, a list of strings joined by "; ". Other lists and
// objects have no place in an attribute, and any reports false.
func (d *draft) any(name string, v any) bool {
	switch v := v.(type) {
	case string:
		d.string(name, v)
	case float64:
		d.number(name, v)
	case bool:
		d.bool(name, v)
	case json.Number:
		d.string(name, v.String())
	case []any:
		list := textList(v, "")
		if len(list) < len(v) {
			return false
		}
		d.string(name, strings.Join(list, "; "))
	default:
		return false
	}
	return true
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
