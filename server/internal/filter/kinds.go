package filter

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// What a condition on an attribute means is decided by the kind of the value that a paper has: year = "2020" and year
// = 2020 both find the number 2020 and the text 2020. Order is another matter: 9 is below 10 and the text 10 is below
// the text 9, so that a bare number is compared in order with numbers alone.

// asText is the text that a condition compares texts with; ok is false where it has none.
func (t *condition) asText() (text string, ok bool) {
	switch t.value.kind {
	case textValue:
		return t.value.text, true
	case numberValue:
		return strconv.FormatFloat(t.value.number, 'f', -1, 64), t.op == equal
	case boolValue:
		return strconv.FormatBool(t.value.truth), t.op == equal
	}
	return "", false
}

// asNumber is the number that a condition compares numbers with; ok is false where it has none.
func (t *condition) asNumber() (number float64, ok bool) {
	switch t.value.kind {
	case numberValue:
		return t.value.number, true
	case textValue:
		if strings.ContainsAny(t.value.text, "xX_") { // 0x10 and 1_000 are numbers to Go alone
			return 0, false
		}
		number, err := strconv.ParseFloat(t.value.text, 64)
		return number, err == nil && !math.IsNaN(number) && !math.IsInf(number, 0)
	}
	return 0, false
}

// asTruth is what a condition compares booleans with; ok is false where it has nothing.
func (t *condition) asTruth() (truth, ok bool) {
	if t.op != equal {
		return false, false
	}
	if t.value.kind == boolValue {
		return t.value.truth, true
	}
	return t.value.text == "true", t.value.kind == textValue && (t.value.text == "true" || t.value.text == "false")
}

// maxDoubts bounds what Doubts says.
const maxDoubts = 8

// Doubts says which conditions of a filter can match nothing, whatever else it asks: those on an attribute that no
// paper has, and those that compare it with a value of a kind that none has there. A nil filter has none.
func (c *Columns) Doubts(f *Filter) []string {
	if f == nil || f.root == nil {
		return nil
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	var doubts []string
	c.doubt(f.root, func(text string) {
		if len(doubts) < maxDoubts {
			doubts = append(doubts, text)
		}
	})
	return doubts
}

func (c *Columns) doubt(n *node, tell func(string)) {
	for _, child := range n.children {
		c.doubt(child, tell)
	}
	t := &n.cond
	if n.kind != test || t.field != fieldAttribute || t.name == "" {
		return
	}
	a := c.attributes[t.name]
	switch {
	case a == nil:
		tell(fmt.Sprintf("no paper has the attribute %s, so the condition on it is true of none", short(t.name)))
	case t.op != present && !c.comparable(a, t):
		tell(fmt.Sprintf("the attribute %s holds %s, so its comparison with %s is true of no paper", short(t.name),
			a.describe(), t.describe()))
	}
}

// comparable reports whether a condition can be true of any of the kinds of values that an attribute has.
func (c *Columns) comparable(a *attribute, t *condition) bool {
	_, text := t.asText()
	_, number := t.asNumber()
	_, truth := t.asTruth()
	return text && a.holds(textValue) || number && a.holds(numberValue) || truth && a.holds(boolValue)
}

// describe names the kinds of values there are.
func (a *attribute) describe() string {
	var kinds []string
	for kind, name := range []string{textValue: "text", numberValue: "numbers", boolValue: "true and false"} {
		if a.holds(valueKind(kind)) {
			kinds = append(kinds, name)
		}
	}
	return strings.Join(kinds, ", ")
}

// describe names the value with its kind.
func (t *condition) describe() string {
	switch t.value.kind {
	case numberValue:
		return "the number " + strconv.FormatFloat(t.value.number, 'f', -1, 64)
	case boolValue:
		return strconv.FormatBool(t.value.truth)
	}
	return fmt.Sprintf("the text %q", short(t.value.text))
}
