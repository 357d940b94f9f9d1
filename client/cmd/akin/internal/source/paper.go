package source

import (
	"errors"
	"math"
	"slices"
	"strings"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// The contract's limits on lists and names (paper.proto).
const (
	maxAuthors      = 1_000
	maxCategories   = 64
	maxCategory     = 128 // bytes
	maxAttributeKey = 64  // characters
)

// The faults of a record that no format can make a paper of.
var (
	errNoID   = errors.New("has no id")
	errNoText = errors.New("has neither title nor abstract")
)

// finish checks what every paper needs and cuts lists to the contract's limits.
func finish(p *akinv1.Paper) error {
	if strings.TrimSpace(p.GetTitle()) == "" && strings.TrimSpace(p.GetAbstract()) == "" {
		return errNoText
	}
	if p.GetId() == "" {
		return errNoID
	}
	if n := len(p.GetAuthors()); n > maxAuthors {
		p.Authors = slices.Clip(p.Authors[:maxAuthors])
		setNumber(p, "author_count", float64(n))
	}
	p.Categories = distinct(p.GetCategories(), maxCategories)
	return nil
}

// distinct keeps the first occurrence of each label, and of those the first most. Labels beyond a server's limit are left
// out: they are sentences that got into the wrong field.
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
func set(p *akinv1.Paper, name string, v *akinv1.AttributeValue) {
	key := attributeKey(name)
	if v == nil || key == "" {
		return
	}
	if p.Attributes == nil {
		p.Attributes = make(map[string]*akinv1.AttributeValue)
	}
	p.Attributes[key] = v
}

// setString stores a string that is not empty.
func setString(p *akinv1.Paper, name, s string) {
	if s != "" {
		set(p, name, &akinv1.AttributeValue{Value: &akinv1.AttributeValue_StringValue{StringValue: s}})
	}
}

// setNumber stores a finite number.
func setNumber(p *akinv1.Paper, name string, x float64) {
	if !math.IsNaN(x) && !math.IsInf(x, 0) {
		set(p, name, &akinv1.AttributeValue{Value: &akinv1.AttributeValue_DoubleValue{DoubleValue: x}})
	}
}

// setBool stores a truth value.
func setBool(p *akinv1.Paper, name string, b bool) {
	set(p, name, &akinv1.AttributeValue{Value: &akinv1.AttributeValue_BoolValue{BoolValue: b}})
}
