package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// objects cuts a stream of JSON into the objects that are records: those on top, those in an array on top, and those
// in the arrays that web services answer with, such as "results". Memory holds one record.
type objects struct {
	lines  *lines
	stack  []level
	record []byte // text of the record in hand
	depth  int    // of the record's own objects and arrays; 0 outside of records
	at     int    // line on which it begins
	long   bool
}

// level is an object or array around records.
type level struct {
	array   bool
	records bool // an array whose objects are records
	name    []byte
}

// maxLevels bounds what stands around records.
const maxLevels = 100

// wrappers are the names under which services keep the records of an answer.
var wrappers = map[string]bool{
	"results": true, "data": true, "items": true, "works": true, "papers": true, "articles": true, "records": true,
	"documents": true, "docs": true,
	"references": true, "hits": true,
}

// containers are objects on the way to such an array: the answer itself, and Crossref's message, which may also be one
// record.
var containers = map[string]bool{"message": true, "response": true, "hits": true, "search-results": true,
	"resultList": true}

// newObjects reads l.
func newObjects(l *lines) *objects { return &objects{lines: l} }

// read returns the text of the next record and its line. A *pieceError is a fault of this record alone.
func (o *objects) read() (text []byte, line int, err error) {
	for {
		c, err := o.lines.byte()
		if err != nil {
			if errors.Is(err, io.EOF) && o.depth > 0 {
				o.depth = 0
				return o.record, o.at, &pieceError{errors.New("the file ends inside this object")}
			}
			return nil, 0, err
		}
		if o.depth > 0 {
			o.keep(c)
			switch c {
			case '"':
				if err := o.string(); err != nil {
					return nil, 0, err
				}
			case '{', '[':
				o.depth++
			case '}', ']':
				if o.depth--; o.depth == 0 {
					if o.long {
						return o.record, o.at, &pieceError{errTooLong(o.lines.limit)}
					}
					return o.record, o.at, checkUTF8(o.record)
				}
			}
			continue
		}
		if err := o.outside(c); err != nil {
			return nil, 0, err
		}
	}
}

// keep adds a byte to the record in hand, as far as the limit allows.
func (o *objects) keep(c byte) {
	if len(o.record) >= o.lines.limit {
		o.long = true
		return
	}
	o.record = append(o.record, c)
}

// string reads on to the end of a string within a record.
func (o *objects) string() error {
	for {
		c, err := o.lines.byte()
		if errors.Is(err, io.EOF) {
			return nil // read sees the end
		}
		if err != nil {
			return err
		}
		o.keep(c)
		switch c {
		case '\\':
			if c, err = o.lines.byte(); err == nil {
				o.keep(c)
			}
		case '"':
			return nil
		}
	}
}

// outside takes one byte of what stands around records.
func (o *objects) outside(c byte) error {
	var top *level
	if len(o.stack) > 0 {
		top = &o.stack[len(o.stack)-1]
	}
	switch c {
	case '"':
		name, err := o.name()
		if top != nil && !top.array {
			top.name = name
		}
		return err
	case '{':
		isRecord := top == nil && !o.wraps() || top != nil && top.array && top.records ||
			top != nil && !top.array && o.recordIn(top)
		if isRecord {
			o.record, o.depth, o.at, o.long = append(o.record[:0], c), 1, o.lines.next, false
			return nil
		}
		o.stack = append(o.stack, level{})
	case '[':
		o.stack = append(o.stack, level{
			array: true, records: top == nil || !top.array && wrappers[string(top.name)] && o.visible(),
		})
	case '}', ']':
		if top == nil || top.array != (c == ']') {
			return fmt.Errorf("line %d: %q closes nothing: the JSON is damaged, and what follows was not read", o.lines.next, c)
		}
		o.stack = o.stack[:len(o.stack)-1]
	}
	if len(o.stack) > maxLevels {
		return fmt.Errorf("line %d: more than %d levels of JSON around the records", o.lines.next, maxLevels)
	}
	return nil
}

// name reads a string outside of records, of which 64 bytes are enough.
func (o *objects) name() ([]byte, error) {
	var name []byte
	for {
		c, err := o.lines.byte()
		switch {
		case err != nil:
			return nil, err
		case c == '"':
			return name, nil
		case c == '\\':
			if _, err := o.lines.byte(); err != nil {
				return nil, err
			}
		case len(name) < 64:
			name = append(name, c)
		}
	}
}

// visible reports whether all objects on the way here are ones that lead to records.
func (o *objects) visible() bool {
	for i, l := range o.stack {
		if l.array || i < len(o.stack)-1 && !containers[string(l.name)] {
			return false
		}
	}
	return true
}

// recordIn reports whether the object that begins in top's field is itself a record: Crossref's message about one work.
func (o *objects) recordIn(top *level) bool {
	if string(top.name) != "message" || len(o.stack) != 1 {
		return false
	}
	head, _ := o.lines.r.Peek(peekSize)
	return !wrapsRecords(append([]byte("{"), head...))
}

// wraps reports whether the object that begins here, on top, stands around records rather than one of them.
func (o *objects) wraps() bool {
	head, _ := o.lines.r.Peek(peekSize)
	return wrapsRecords(append([]byte("{"), head...))
}

// wrapsRecords reports whether an object holds records in one of its fields, or a container that may.
func wrapsRecords(head []byte) bool {
	names := fieldNames(head)
	for name, value := range names {
		value := bytes.TrimLeft([]byte(value), " \t\n")
		if len(value) == 0 {
			continue
		}
		if wrappers[name] && value[0] == '[' && !recordNames(names) {
			inner := bytes.TrimLeft(value[1:], " \t\n")
			if len(inner) == 0 || inner[0] == '{' || inner[0] == ']' {
				return true
			}
		}
		if containers[name] && value[0] == '{' && !recordNames(names) {
			return true
		}
	}
	return false
}

// recordNames reports whether field names are those of a paper, which may hold its references in a field of its own.
func recordNames(names map[string]string) bool {
	_, title := names["title"]
	_, abstract := names["abstract"]
	return title || abstract
}
