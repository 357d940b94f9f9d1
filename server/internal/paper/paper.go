// Package paper says what a paper is, and what names its states, for every other package of the server. It imports none
// of them.
//
// A Paper is one version of one paper as stored: what its caller wrote, and when and with which revision it came in.
// Its id is the caller's; Spellings lists the other forms under which the same id may have been stored. A Position
// names a state of all papers: a revision, and the lineage of the process that wrote it, without which two stores that
// once were one would give one number to different states.
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
