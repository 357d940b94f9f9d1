package filter

import "time"

// node is one step of a compiled filter.
type node struct {
	kind     kind
	children []*node   // of and, or (two or more) and not (one)
	cond     condition // of kind test
}

type kind uint8

const (
	test kind = iota
	and
	or
	not
)

// condition compares one field with one value.
type condition struct {
	field field
	name  string // of the attribute
	op    op
	value value
}

type field uint8

const (
	fieldID field = iota
	fieldCategories
	fieldAuthors
	fieldPublishTime
	fieldAttribute
)

// op is what a condition asks. != is compiled to not equal.
type op uint8

const (
	present op = iota // the field is set
	equal             // for a list: holds
	less
	lessEqual
	greater
	greaterEqual
)

// holds reports whether a value that compares to the condition's as sign says (negative: less) meets the operator.
func (o op) holds(sign int) bool {
	switch o {
	case equal:
		return sign == 0
	case less:
		return sign < 0
	case lessEqual:
		return sign <= 0
	case greater:
		return sign > 0
	case greaterEqual:
		return sign >= 0
	}
	return true
}

// value is the right side of a condition.
type value struct {
	kind   valueKind
	text   string
	number float64
	truth  bool
	time   time.Time
}

type valueKind uint8

const (
	textValue valueKind = iota
	numberValue
	boolValue
	timeValue
)

// negate returns NOT n.
func negate(n *node) *node {
	if n.kind == not {
		return n.children[0]
	}
	return &node{kind: not, children: []*node{n}}
}

// join returns a and b under one kind, flat: a chain of a hundred ANDs is one node.
func join(k kind, a, b *node) *node {
	joined := &node{kind: k}
	for _, n := range []*node{a, b} {
		if n.kind == k {
			joined.children = append(joined.children, n.children...)
		} else {
			joined.children = append(joined.children, n)
		}
	}
	return joined
}
