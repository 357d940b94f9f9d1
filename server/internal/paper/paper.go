// Package paper holds the words that every other package of the server speaks: a paper, a query and its options, a hit.
// It imports nothing else of the server.
package paper

import (
	"maps"
	"slices"
	"time"
)

// Paper is one research paper as stored. A Paper handed out by the store or the engine is shared and must not be
// changed.
type Paper struct {
	ID          string
	Title       string
	Abstract    string
	Authors     []string
	Categories  []string
	PublishTime time.Time // zero: unknown
	URL         string
	DOI         string
	Attributes  map[string]Value

	CreateTime time.Time // when this id was first stored
	UpdateTime time.Time // when this content was stored
	Revision   uint64    // of the write that stored this content, from 1
}

// Value is a caller's own field: exactly one of string, float64 and bool.
type Value struct {
	Kind   ValueKind
	String string
	Number float64
	Bool   bool
}

// ValueKind says which field of a Value counts.
type ValueKind uint8

// The kinds of Value.
const (
	StringValue ValueKind = iota + 1
	NumberValue
	BoolValue
)

// SameContent reports whether two papers agree in everything the caller chose, which leaves out times and revision of
// the writes.
func (p *Paper) SameContent(q *Paper) bool {
	return p.ID == q.ID && p.Title == q.Title && p.Abstract == q.Abstract && p.URL == q.URL && p.DOI == q.DOI &&
		p.PublishTime.Equal(q.PublishTime) && slices.Equal(p.Authors, q.Authors) &&
		slices.Equal(p.Categories, q.Categories) && maps.Equal(p.Attributes, q.Attributes)
}
