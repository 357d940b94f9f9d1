package source

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrEmpty is returned by Open for an input without any text.
var ErrEmpty = errors.New("the input is empty")

// ItemError says what is wrong with one record. The input goes on behind it.
type ItemError struct {
	Line   int    // where the record begins, from 1, in the decompressed text
	Record string // its id where that is known, else its beginning; at most 80 bytes
	Err    error
}

// Error names the line, the record and the fault.
func (e *ItemError) Error() string {
	if e.Record == "" {
		return fmt.Sprintf("line %d: %v", e.Line, e.Err)
	}
	return fmt.Sprintf("line %d (%s): %v", e.Line, e.Record, e.Err)
}

// Unwrap returns the fault alone.
func (e *ItemError) Unwrap() error { return e.Err }

// FormatError is returned by Open for an input that is in none of the known formats, or not in the one asked for by
// name.
type FormatError struct {
	What string // what the input looks like, or which name is unknown
}

// Error says what the input looks like and names the formats there are.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s; known formats are %s (plain, .gz or .zst); "+
		"choose one with --format if the content was not recognised",
		e.What, strings.Join(FormatNames(), ", "))
}

// The faults of a record that no format can make a paper of.
var (
	errNoID   = errors.New("has no id")
	errNoText = errors.New("has neither title nor abstract")
)

// excerpt returns the beginning of a record as one printable line of at most 80 bytes.
func excerpt(record []byte) string {
	const most = 77
	if len(record) > 4*most {
		record = record[:4*most]
	}
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(record), "\uFFFD")), " ")
	if len(s) <= most {
		return s
	}
	end := most
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}

// errTooLong is the fault of a record above the limit.
func errTooLong(limit int) error {
	if limit%(1<<20) == 0 {
		return fmt.Errorf("longer than %d MiB", limit>>20)
	}
	return fmt.Errorf("longer than %d bytes", limit)
}
