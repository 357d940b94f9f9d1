package filter

import (
	"errors"
	"fmt"
)

// Errors of Parse, LoadColumns and Eval.
var (
	// ErrInvalid: the filter cannot be used. Every error of Parse is an *Error and wraps it.
	ErrInvalid = errors.New("invalid filter")
	// ErrDamaged: the bytes are not what Save wrote. Build the columns again from the papers.
	ErrDamaged = errors.New("filter: saved columns are damaged")
	// ErrNotParsed: a Filter that Parse did not return.
	ErrNotParsed = errors.New("filter: Eval of a Filter that Parse did not return")
)

// Error says what is wrong with a filter, and where.
type Error struct {
	Position int    // byte offset in the filter, from 0
	Field    string // the field concerned, or empty
	Message  string // one sentence without a full stop, saying what to write instead where that is known
}

// Error implements error. Positions are shown from 1.
func (e *Error) Error() string {
	if e.Field != "" {
		return fmt.Sprintf("invalid filter at character %d, field %s: %s", e.Position+1, e.Field, e.Message)
	}
	return fmt.Sprintf("invalid filter at character %d: %s", e.Position+1, e.Message)
}

// Unwrap makes errors.Is(err, ErrInvalid) true.
func (e *Error) Unwrap() error { return ErrInvalid }
