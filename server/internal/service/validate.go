package service

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/durationpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/filter"
)

// paper checks a whole paper. What is output only is not looked at.
func (c *validator) paper(path string, p *akinv1.Paper) {
	if p == nil {
		c.addf(path, "is required")
		return
	}
	c.id(path+".id", p.GetId())
	c.size(path+".title", p.GetTitle(), maxTitleBytes)
	c.size(path+".abstract", p.GetAbstract(), maxAbstractBytes)
	if strings.TrimSpace(p.GetTitle()) == "" && strings.TrimSpace(p.GetAbstract()) == "" {
		c.addf(path+".title", "is empty, and so is the abstract: a paper needs one of the two")
	}
	if c.count(path+".authors", len(p.GetAuthors()), 0, maxAuthors) {
		for i, author := range p.GetAuthors() {
			if len(author) > maxAuthorBytes || !utf8.ValidString(author) {
				c.size(at(path+".authors", i), author, maxAuthorBytes)
			}
		}
	}
	if c.count(path+".categories", len(p.GetCategories()), 0, maxCategories) {
		for i, category := range p.GetCategories() {
			if category == "" {
				c.addf(at(path+".categories", i), "is empty")
			} else if len(category) > maxCategoryBytes || !utf8.ValidString(category) {
				c.size(at(path+".categories", i), category, maxCategoryBytes)
			}
		}
	}
	if t := p.GetPublishTime(); t != nil {
		if err := t.CheckValid(); err != nil {
			c.addf(path+".publish_time", "is no time between the years 1 and 9999")
		}
	}
	c.size(path+".url", p.GetUrl(), maxURLBytes)
	c.size(path+".doi", p.GetDoi(), maxDOIBytes)
	if c.count(path+".attributes", len(p.GetAttributes()), 0, maxAttributes) {
		for name, value := range p.GetAttributes() {
			c.attribute(path+".attributes", name, value)
		}
	}
}

func (c *validator) attribute(path, name string, value *akinv1.AttributeValue) {
	if !isAttributeName(name) {
		c.addf(path, "has the name %s: a name is 1 to %d characters of a-z, A-Z, 0-9 and _, and does not begin with a digit",
			quoted(name), maxAttributeName)
		return
	}
	path += "[" + strconv.Quote(name) + "]"
	switch v := value.GetValue().(type) {
	case *akinv1.AttributeValue_StringValue:
		c.size(path+".string_value", v.StringValue, maxAttributeBytes)
	case *akinv1.AttributeValue_DoubleValue:
		if !isFinite(v.DoubleValue) {
			c.addf(path+".double_value", "is %v: a finite number is needed", v.DoubleValue)
		}
	case *akinv1.AttributeValue_BoolValue:
	default:
		c.addf(path, "has no value: set one of string_value, double_value and bool_value")
	}
}

func isAttributeName(name string) bool {
	for i := range len(name) {
		b := name[i]
		letter := b == '_' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
		if !letter && (i == 0 || b < '0' || b > '9') {
			return false
		}
	}
	return name != "" && len(name) <= maxAttributeName
}

// id checks the id of a paper.
func (c *validator) id(path, id string) {
	if id == "" {
		c.addf(path, "is required")
		return
	}
	if !c.size(path, id, maxIDBytes) {
		return
	}
	if strings.TrimSpace(id) == "" {
		c.addf(path, "is blank")
		return
	}
	if i := strings.IndexFunc(id, unicode.IsControl); i >= 0 {
		c.addf(path, "has a control character at byte %d: %s", i, quoted(id))
		return
	}
	if i := strings.IndexFunc(id, isInvisible); i >= 0 {
		r, _ := utf8.DecodeRuneInString(id[i:])
		c.addf(path, "has the invisible character %U at byte %d: %s", r, i, quoted(id))
	}
}

// isInvisible reports whether a character cannot be seen, or not told from a space: two ids that look the same would be
// two papers.
func isInvisible(r rune) bool {
	const brailleBlank = '\u2800'
	return r != ' ' && unicode.Is(unicode.Zs, r) || r == brailleBlank ||
		unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Variation_Selector,
			unicode.Other_Default_Ignorable_Code_Point)
}

// filter parses a filter; nil is none, which accepts all papers.
func (c *validator) filter(path, text string) *filter.Filter {
	if text == "" || !c.size(path, text, maxFilterBytes) {
		return nil
	}
	f, err := filter.Parse(text)
	var fault *filter.Error
	switch {
	case err == nil:
		return f
	case !errors.As(err, &fault):
		c.addf(path, "cannot be read: %v", err)
	case fault.Field != "":
		c.addf(path, "is wrong at character %d, field %s: %s", fault.Position+1, fault.Field, fault.Message)
	default:
		c.addf(path, "is wrong at character %d: %s", fault.Position+1, fault.Message)
	}
	if len(c.violations) == 1 {
		c.reason = reasonInvalidFilter
	}
	return nil
}

// text checks words to search for or to embed.
func (c *validator) text(path, text string) {
	if c.size(path, text, maxTextBytes) && strings.TrimSpace(text) == "" {
		c.addf(path, "is empty")
	}
}

// size checks the length and the encoding of a string.
func (c *validator) size(path, s string, limit int) bool {
	switch {
	case len(s) > limit:
		c.addf(path, "is %d bytes long: at most %d are allowed", len(s), limit)
	case !utf8.ValidString(s):
		c.addf(path, "is not valid UTF-8")
	default:
		return true
	}
	return false
}

// count checks the length of a list.
func (c *validator) count(path string, n, least, most int) bool {
	switch {
	case n < least:
		c.addf(path, "is empty: %d to %d are needed", least, most)
	case n > most:
		c.addf(path, "has %d entries: at most %d are allowed", n, most)
	default:
		return true
	}
	return false
}

// number checks a number that has both a least and a most value. NaN is in no range.
func (c *validator) number(path string, x, least, most float64) {
	if !(x >= least && x <= most) {
		c.addf(path, "is %v: it must be from %v to %v", x, least, most)
	}
}

// choice is a whole number, or its default when it is 0.
func (c *validator) choice(path string, n int32, byDefault, least, most int) int {
	if n == 0 {
		return byDefault
	}
	c.number(path, float64(n), float64(least), float64(most))
	return int(n)
}

// pageSize is the size of a page: larger ones are cut, as the contract says.
func (c *validator) pageSize(n int32, byDefault int) int {
	if n < 0 {
		c.addf("page_size", "is %d: it must not be negative", n)
	}
	if n == 0 {
		return byDefault
	}
	return min(int(n), maxPageSize)
}

func (c *validator) pageToken(token string) { c.size("page_token", token, maxPageTokenBytes) }

// halfLife is the recency half-life, 0 when age does not count.
func (c *validator) halfLife(path string, d *durationpb.Duration) time.Duration {
	if d == nil || d.GetSeconds() == 0 && d.GetNanos() == 0 {
		return 0
	}
	if d.CheckValid() != nil || d.AsDuration() < minHalfLife {
		c.addf(path, "is %ds: it must be from %ds, one hour", d.GetSeconds(), int(minHalfLife.Seconds()))
	}
	return d.AsDuration()
}

// vector checks a query vector; whether its length fits the model only the engine knows.
func (c *validator) vector(path string, v *akinv1.VectorQuery) {
	if v.GetModel() == "" {
		c.addf(path+".model", "is required: the fingerprint that EmbedTexts returned with the vector")
	} else {
		c.size(path+".model", v.GetModel(), maxModelBytes)
	}
	if !c.count(path+".values", len(v.GetValues()), 1, maxVectorDims) {
		return
	}
	zero := true
	for i, x := range v.GetValues() {
		if !isFinite(float64(x)) {
			c.addf(at(path+".values", i), "is %v: a finite number is needed", x)
			return
		}
		zero = zero && x == 0
	}
	if zero {
		c.addf(path+".values", "are all zero: nothing is near to that")
	}
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// at is the path of one entry of a list.
func at(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
