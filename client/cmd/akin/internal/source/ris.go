package source

import (
	"errors"
	"io"
	"regexp"
	"strings"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// ris reads RIS: lines of a tag of two characters, two spaces, a hyphen and a value, from TY to ER. Lines without a tag
// continue the value before. A TY in front of the ER of the last record ends that record too.
type ris struct {
	lines *lines
	ids   slugs

	fields map[string][]string // of the record in hand; nil between records
	last   string              // tag that a line without one continues
	at     int                 // its first line
	size   int                 // bytes of the record in hand
	fault  error
	ended  error
}

// newRIS reads records.
func newRIS(l *lines) *ris { return &ris{lines: l} }

// risTag matches a tagged line. Writers differ in the spaces.
var risTag = regexp.MustCompile(`^([A-Z][A-Z0-9]) {0,2}-(?: (.*)|)$`)

// next returns the next record's paper.
func (r *ris) next() (*akinv1.Paper, error) {
	for r.ended == nil {
		raw, err := r.lines.read()
		if err != nil && !isPieceError(err) {
			r.ended = err
			break
		}
		line, at := strings.TrimRight(string(raw), " \t"), r.lines.line
		m := risTag.FindStringSubmatch(strings.TrimLeft(line, " \t"))
		switch {
		case m != nil && m[1] == "TY":
			p, done := r.take()
			r.fields, r.at, r.last, r.fault = map[string][]string{"TY": {m[2]}}, at, "TY", err
			if p != nil || done != nil {
				return p, done
			}
		case m != nil && m[1] == "ER" && r.fields != nil:
			if p, done := r.take(); p != nil || done != nil {
				return p, done
			}
		case r.fields == nil && err == nil && strings.TrimSpace(line) == "":
		case r.fields == nil:
			if err == nil {
				err = errors.New("text outside of a record: a TY line is expected")
			}
			return nil, &ItemError{Line: at, Record: excerpt(raw), Err: err}
		case err != nil:
			r.fault = err
		case r.size+len(line) > r.lines.limit:
			r.fault = errTooLong(r.lines.limit)
		case m != nil:
			r.last, r.size = m[1], r.size+len(line)
			r.fields[m[1]] = append(r.fields[m[1]], m[2])
		case strings.TrimSpace(line) != "":
			values := r.fields[r.last]
			values[len(values)-1] += "\n" + line
			r.size += len(line)
		}
	}
	if errors.Is(r.ended, io.EOF) {
		if p, err := r.take(); p != nil || err != nil {
			return p, err
		}
	}
	return nil, r.ended
}

// take makes a paper of the record in hand, and has nothing in hand afterwards.
func (r *ris) take() (*akinv1.Paper, error) {
	f, fault := r.fields, r.fault
	if f == nil {
		return nil, nil
	}
	r.fields, r.fault, r.size = nil, nil, 0
	all := func(tags ...string) []string {
		for _, tag := range tags {
			if list := cleanAll(f[tag]); len(list) > 0 {
				return list
			}
		}
		return nil
	}
	first := func(tags ...string) string { return firstOf(all(tags...)) }
	p := &akinv1.Paper{
		Id:       first("ID", "AN"),
		Title:    plain(first("TI", "T1", "CT", "BT")),
		Abstract: plain(first("AB", "N2")),
		Doi:      bareDOI(first("DO", "M3")),
		Url:      first("UR", "L2", "LK"),
	}
	if !strings.HasPrefix(p.GetDoi(), "10.") { // M3 holds other things too
		p.Doi = ""
	}
	for _, name := range append(append(all("AU"), all("A1")...), all("A2")...) {
		p.Authors = append(p.Authors, risName(name))
	}
	for _, k := range all("KW") {
		p.Categories = append(p.Categories, splitList(k, ";")...)
	}
	for _, tag := range []string{"DA", "PY", "Y1"} {
		if t, ok := looseDate(strings.TrimRight(first(tag), "/ ")); ok {
			p.PublishTime = t
			break
		}
	}
	setString(p, "venue", first("JO", "JF", "T2", "JA", "J2"))
	setString(p, "type", first("TY"))
	if p.GetId() == "" && (p.GetTitle() != "" || p.GetAbstract() != "") {
		if p.Id = p.GetDoi(); p.GetId() == "" {
			p.Id = r.ids.id(p.GetTitle(), p.GetAbstract())
		}
	}
	if fault == nil {
		fault = finish(p)
	}
	if fault != nil {
		return nil, &ItemError{Line: r.at, Record: excerpt([]byte(firstOf([]string{p.GetId(), "TY  - " + first("TY")}))), Err: fault}
	}
	return p, nil
}

// risName turns "Last, First, Suffix" around.
func risName(s string) string {
	parts := append(strings.Split(s, ","), "", "")
	return clean(parts[1] + " " + parts[0] + " " + strings.Join(parts[2:], " "))
}
