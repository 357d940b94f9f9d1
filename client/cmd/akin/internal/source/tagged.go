package source

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// dialect is one format of lines that begin with a tag.
type dialect struct {
	line      *regexp.Regexp              // a tagged line: tag, value
	begin     string                      // tag that begins a record
	end       string                      // tag that ends one; "" for none
	blankEnds bool                        // an empty line ends a record
	indent    string                      // what lines that continue a value begin with; "": any line without a tag
	lists     map[string]bool             // tags of which each further line is a value of its own
	fill      func(d *draft, f tagValues) // makes a paper of a record's values
}

// tagValues holds a record's values by tag, in the order of the file.
type tagValues map[string][]string

// all returns the values of the first tag that has any.
func (f tagValues) all(tags ...string) []string {
	for _, tag := range tags {
		var out []string
		for _, v := range f[tag] {
			if !missing(v) {
				out = append(out, v)
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// first returns the first value of the first tag that has any.
func (f tagValues) first(tags ...string) string { return firstOf(f.all(tags...)...) }

// tagged reads RIS, MEDLINE, Web of Science, EndNote and RefWorks files. Lines outside of records, such as the
// prefaces and numbers that databases write, are passed over; tagged lines there are the remains of a record and a
// fault. A record that begins inside another one ends that.
type tagged struct {
	lines *lines
	*dialect

	fields  tagValues // of the record in hand; nil between records
	last    string    // tag that a line without one continues
	value   []byte    // of that tag, as far as it was read
	at      int       // its first line
	size    int       // bytes of the record in hand
	fault   error
	ended   error
	pending error // a fault to return before anything else is read
	stray   bool  // the lines before were tagged and outside of a record
}

// newTagged reads records of one dialect.
func newTagged(l *lines, of *dialect) *tagged { return &tagged{lines: l, dialect: of} }

// numbering matches the lines by which databases count the records of an export.
var numbering = regexp.MustCompile(`^\s*(?:record\s+)?[<(\[]?[0-9]+[.>)\]]?(?:\s+of\s+[0-9]+)?\s*$`)

// next returns the next record's paper.
func (t *tagged) next() (*draft, error) {
	for t.ended == nil {
		if err := t.pending; err != nil {
			t.pending = nil
			return nil, err
		}
		raw, err := t.lines.read()
		if err != nil && !isPieceError(err) {
			t.ended = err
			break
		}
		line := strings.TrimRight(string(raw), " \t")
		tag, value, ok := t.tagOf(string(raw))
		switch {
		case ok && tag == t.begin:
			d, fault := t.take()
			t.fields, t.at, t.last, t.fault, t.stray = make(tagValues), t.lines.line, tag, err, false
			t.value = append(t.value[:0], value...)
			if d != nil || fault != nil {
				return d, fault
			}
		case t.fields == nil:
			t.outside(line, ok, err)
		case ok && tag == t.end, t.blankEnds && line == "":
			if d, fault := t.take(); d != nil || fault != nil {
				return d, fault
			}
		case err != nil:
			t.fault = err
		case t.size+len(line) > t.lines.limit:
			t.fault = errTooLong(t.lines.limit)
		default:
			t.add(tag, value, line, ok)
		}
	}
	if errors.Is(t.ended, io.EOF) {
		if d, err := t.take(); d != nil || err != nil {
			return d, err
		}
	}
	return nil, t.ended
}

// tagOf parts a tagged line.
func (t *tagged) tagOf(line string) (tag, value string, ok bool) {
	if t.indent == "" {
		line = strings.TrimLeft(line, " \t")
	}
	m := t.line.FindStringSubmatch(line)
	if m == nil {
		return "", "", false
	}
	return m[1], strings.TrimSpace(m[2]), true
}

// add takes in one line of a record.
func (t *tagged) add(tag, value, line string, ok bool) {
	t.size += len(line) + 1
	switch {
	case ok:
		t.closeValue()
		t.last, t.value = tag, append(t.value, value...)
	case strings.TrimSpace(line) == "" || !strings.HasPrefix(line, t.indent):
	case t.lists[t.last]:
		t.closeValue()
		t.value = append(t.value, strings.TrimSpace(line)...)
	default:
		t.value = append(append(t.value, '\n'), line...)
	}
}

// closeValue puts the value in hand among the record's.
func (t *tagged) closeValue() {
	t.fields[t.last] = append(t.fields[t.last], string(t.value))
	t.value = t.value[:0]
}

// outside takes a line that stands in no record.
func (t *tagged) outside(line string, isTagged bool, err error) {
	switch {
	case err != nil:
		t.pending = &ItemError{Line: t.lines.line, Record: excerpt([]byte(line)), Err: err}
	case isTagged && !t.stray && t.meaningful(line):
		t.stray = true
		t.pending = &ItemError{Line: t.lines.line, Record: excerpt([]byte(line)),
			Err: fmt.Errorf("text outside of a record: a %s line is expected", t.begin)}
	case strings.TrimSpace(line) != "" && !numbering.MatchString(line) && !isTagged:
		t.stray = false
		t.lines.notes.add("a line outside of records was passed over", t.lines.line, line)
	}
}

// meaningful reports whether a tagged line outside of a record holds something of a paper.
func (t *tagged) meaningful(line string) bool {
	tag, value, _ := t.tagOf(line)
	switch tag {
	case "FN", "VR", "EF", "ER", t.end:
		return false
	}
	return value != ""
}

// take makes a paper of the record in hand, and has nothing in hand afterwards.
func (t *tagged) take() (*draft, error) {
	f, fault := t.fields, t.fault
	if f == nil {
		return nil, nil
	}
	t.closeValue()
	t.fields, t.fault, t.size = nil, nil, 0
	d := newDraft(t.at, t.lines.notes)
	d.kind = LocalID
	t.fill(d, f)
	d.excerpt = excerpt([]byte(t.begin + " " + f.first(t.begin)))
	if fault != nil {
		return nil, &ItemError{Line: t.at, Record: firstOf(excerpt([]byte(d.p.GetId())), d.excerpt), Err: fault}
	}
	return d, nil
}
