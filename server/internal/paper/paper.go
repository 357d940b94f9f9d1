// Package paper holds the word that every other package of the server speaks: a paper. It imports nothing else of the
// server.
package paper

import "time"

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
