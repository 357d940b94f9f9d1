package filter

import (
	"cmp"
	"math"
	"slices"

	"github.com/akin-search/akin/server/internal/paper"
)

// Match reports whether one paper meets the filter, by the meaning that Eval gives to it. Title and abstract are not
// looked at. A Filter that Parse did not make matches nothing.
func (f *Filter) Match(p *paper.Paper) bool { return f != nil && f.root != nil && f.root.matches(p) }

func (n *node) matches(p *paper.Paper) bool {
	switch n.kind {
	case and:
		return !slices.ContainsFunc(n.children, func(child *node) bool { return !child.matches(p) })
	case or:
		return slices.ContainsFunc(n.children, func(child *node) bool { return child.matches(p) })
	case not:
		return !n.children[0].matches(p)
	}
	return n.cond.matches(p)
}

func (t *condition) matches(p *paper.Paper) bool {
	switch t.field {
	case fieldID:
		return t.op.holds(cmp.Compare(p.ID, t.value.text))
	case fieldCategories:
		return t.inList(p.Categories)
	case fieldAuthors:
		return t.inList(p.Authors)
	case fieldPublishTime:
		return !p.PublishTime.IsZero() && t.op.holds(p.PublishTime.Compare(t.value.time))
	}
	if t.name == "" {
		return len(p.Attributes) > 0
	}
	v, ok := p.Attributes[t.name]
	switch {
	case !ok || t.op == present:
		return ok
	case v.Kind == paper.StringValue:
		text, ok := t.asText()
		return ok && t.op.holds(cmp.Compare(v.String, text))
	case v.Kind == paper.NumberValue:
		number, ok := t.asNumber()
		return ok && !math.IsNaN(v.Number) && t.op.holds(cmp.Compare(v.Number, number))
	}
	truth, ok := t.asTruth()
	return ok && v.Bool == truth
}

func (t *condition) inList(list []string) bool {
	if t.op == present {
		return len(list) > 0
	}
	return slices.Contains(list, t.value.text)
}

// And returns the filter that accepts what both accept. A nil filter accepts everything.
func And(a, b *Filter) *Filter {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return &Filter{source: "(" + a.source + ") AND (" + b.source + ")", root: join(and, a.root, b.root)}
}
