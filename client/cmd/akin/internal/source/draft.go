package source

import (
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// IDKind says what a paper's id is worth beyond the file it came from.
type IDKind int

const (
	// GlobalID was given out by a register that gives each id once: arXiv, PubMed, OpenAlex, Semantic Scholar, Web of
	// Science, DOIs of Crossref. A later record under it is the same paper.
	GlobalID IDKind = iota
	// CorpusID belongs to the corpus that the file is: akin and beir.
	CorpusID
	// OwnID is the id column of a table, or the id field of a JSON file: kept as it is, unique in that file at best.
	OwnID
	// LocalID is a key of one library, such as a BibTeX key, or was made from a paper's DOI or title.
	LocalID
)

// draft is a paper in the making: parsers put raw text into it, finish normalises all of it in one place.
type draft struct {
	p       *akinv1.Paper
	kind    IDKind
	line    int
	notes   *notes
	plain   func(string) string // the normaliser of its texts; nil: they stay as they are
	excerpt string              // of the record, to name it by where it has no id
	dropped bool                // the record is taken in by another one
}

// newDraft begins a paper of text that may hold markup.
func newDraft(line int, n *notes) *draft {
	return &draft{p: new(akinv1.Paper), line: line, notes: n, plain: plain}
}

// The contract's limits (paper.proto).
const (
	maxAuthors      = 1_000
	maxAuthor       = 512 // bytes
	maxCategories   = 64
	maxCategory     = 128 // bytes
	maxAttributes   = 64
	maxAttributeKey = 64    // characters
	maxAttribute    = 1_024 // bytes
	maxURL          = 2_048 // bytes
	maxID           = 256   // bytes
)

// finish normalises the texts, takes out what stands for no value, cuts lists to the contract's limits, and gives an
// id to a paper that has none. It is the only place that does so.
func (d *draft) finish() error {
	p := d.p
	if d.plain != nil {
		d.normalise()
	}
	if strings.TrimSpace(p.GetTitle()) == "" && strings.TrimSpace(p.GetAbstract()) == "" {
		return errNoText
	}
	if n := len(p.GetAuthors()); n > maxAuthors {
		p.Authors = slices.Clip(p.Authors[:maxAuthors])
		d.number("author_count", float64(n))
	}
	p.Categories = distinct(p.GetCategories(), maxCategories)
	if p.GetId() == "" {
		if d.plain == nil {
			return errNoID
		}
		p.Id, d.kind = madeID(p), LocalID
	}
	return nil
}

// normalise is what finish does to texts.
func (d *draft) normalise() {
	p := d.p
	p.Id = tidy(present(p.GetId()))
	p.Title, p.Abstract = present(d.plain(p.GetTitle())), present(d.plain(p.GetAbstract()))
	p.Authors = d.all(p.GetAuthors(), maxAuthor)
	p.Categories = d.all(p.GetCategories(), maxCategory)
	if raw := p.GetDoi(); raw != "" {
		if p.Doi = bareDOI(raw); p.GetDoi() == "" && !missing(raw) {
			d.notes.add("a DOI that is none was left out", d.line, raw)
		}
	}
	if raw := p.GetUrl(); raw != "" {
		if p.Url = bareURL(raw); len(p.GetUrl()) > maxURL {
			d.notes.add("an address longer than 2 KiB was left out", d.line, raw)
			p.Url = ""
		}
	}
	for name, v := range p.GetAttributes() {
		if v, ok := v.GetValue().(*akinv1.AttributeValue_StringValue); ok {
			if v.StringValue = present(d.plain(v.StringValue)); v.StringValue == "" {
				delete(p.Attributes, name)
			} else if len(v.StringValue) > maxAttribute {
				d.notes.add(name+" longer than 1 KiB was left out", d.line, v.StringValue)
				delete(p.Attributes, name)
			}
		}
	}
}

// all normalises a list's entries and drops those left empty or too long.
func (d *draft) all(list []string, most int) []string {
	out := list[:0]
	for _, s := range list {
		if s = present(d.plain(s)); s != "" && len(s) <= most {
			out = append(out, s)
		}
	}
	return out
}

// date takes a date as people write it. One that cannot be read costs the date, never the paper.
func (d *draft) date(s string) bool {
	if missing(s) {
		return false
	}
	t, ok := looseDate(s)
	if !ok || t == nil {
		if n, isNumber := atoi(strings.TrimSuffix(clean(s), ".0")); !isNumber || n != 0 { // 0 is how tables write none
			d.notes.add("a date that could not be read was left out", d.line, s)
		}
		return false
	}
	d.p.PublishTime = t
	return true
}

// parts takes the parts of a date, where a month or day of 0 is not known.
func (d *draft) parts(year, month, day int) bool {
	t := dateOf(year, month, day)
	if t != nil {
		d.p.PublishTime = t
	}
	return t != nil
}

// time takes a date that was parsed.
func (d *draft) time(t *timestamppb.Timestamp) {
	if t != nil {
		d.p.PublishTime = t
	}
}

// distinct keeps the first occurrence of each label, and of those the first most. Labels beyond a server's limit are
// left out: they are sentences that got into the wrong field.
func distinct(labels []string, most int) []string {
	var out []string
	for _, c := range labels {
		if len(out) < most && c != "" && len(c) <= maxCategory && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// attributeKey turns any name into the contract's form of a key: [a-zA-Z0-9_], no digit in front, at most 64.
func attributeKey(name string) string {
	var b strings.Builder
	for _, r := range strings.TrimSpace(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_':
		case r >= '0' && r <= '9':
			if b.Len() == 0 {
				b.WriteByte('_')
			}
		default:
			r = '_'
		}
		if b.Len() < maxAttributeKey {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// set stores an attribute under a key in the contract's form. A nil value and an empty name are left out.
func (d *draft) set(name string, v *akinv1.AttributeValue) {
	key := attributeKey(name)
	if v == nil || key == "" {
		return
	}
	if d.p.Attributes == nil {
		d.p.Attributes = make(map[string]*akinv1.AttributeValue)
	}
	if _, known := d.p.Attributes[key]; !known && len(d.p.Attributes) == maxAttributes {
		d.notes.add("attributes beyond the 64th were left out", d.line, name)
		return
	}
	d.p.Attributes[key] = v
}

// string stores a string that is not empty.
func (d *draft) string(name, s string) {
	if !missing(s) {
		d.set(name, &akinv1.AttributeValue{Value: &akinv1.AttributeValue_StringValue{StringValue: s}})
	}
}

// number stores a finite number.
func (d *draft) number(name string, x float64) {
	if !math.IsNaN(x) && !math.IsInf(x, 0) {
		d.set(name, &akinv1.AttributeValue{Value: &akinv1.AttributeValue_DoubleValue{DoubleValue: x}})
	}
}

// bool stores a truth value.
func (d *draft) bool(name string, b bool) {
	d.set(name, &akinv1.AttributeValue{Value: &akinv1.AttributeValue_BoolValue{BoolValue: b}})
}

// firstOf returns the first string that is not empty, or "".
func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
