package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"strings"
)

// bibtex reads BibTeX and biblatex. An entry reaches from its @ to the brace that closes it; text between entries is a
// comment. Where a new entry begins at the start of a line before the last one was closed, the last one is malformed,
// and reading goes on with the new one. No library is used: those that could be had read a file whole and give up at
// the first fault in it.
type bibtex struct {
	lines  *lines
	macros map[string]string // of @string, by lower-case name

	waiting []*entry          // children whose parents come later in the file, by their order
	parents map[string]*entry // by lower-case key, those that may still get children
	kept    int               // bytes of both
	done    []*draft          // to be returned first

	rest      []byte // of a line behind the end of an entry, taken before another line is read
	restAt    int
	restFault error // of that line
}

// maxMacros bounds what @string entries may keep in memory.
const maxMacros = 100_000

// newBibTeX reads entries.
func newBibTeX(l *lines) *bibtex {
	b := &bibtex{lines: l, macros: make(map[string]string)}
	for i, name := range []string{"january", "february", "march", "april", "may", "june", "july", "august", "september",
		"october", "november", "december"} {
		b.macros[name[:3]] = fmt.Sprint(i + 1)
	}
	return b
}

// entryStart matches where an entry begins, and its kind.
var entryStart = regexp.MustCompile(`@\s*([A-Za-z]+)\s*[{(]`)

// lineStart matches the same at the beginning of a line.
var lineStart = regexp.MustCompile(`^\s*@\s*[A-Za-z]+\s*[{(]`)

// next returns the next entry's paper.
func (b *bibtex) next() (*draft, error) {
	for len(b.done) == 0 {
		text, at, err := b.entry()
		if errors.Is(err, io.EOF) && len(b.waiting) > 0 {
			b.flush()
			continue
		}
		if err != nil {
			return nil, err
		}
		kind, body := splitEntry(text)
		switch kind {
		case "comment", "preamble":
			continue
		case "string":
			if err := b.macro(body); err != nil {
				return nil, &ItemError{Line: at, Record: excerpt(text), Err: err}
			}
			continue
		}
		key, fields, err := b.fields(body)
		if err != nil {
			return nil, &ItemError{Line: at, Record: firstOf(excerpt([]byte(key)), excerpt(text)), Err: err}
		}
		b.inherit(&entry{kind: kind, key: key, at: at, size: len(text), fields: fields})
	}
	d := b.done[0]
	b.done = b.done[1:]
	return d, nil
}

// line returns the rest of the last line, or a new one.
func (b *bibtex) line() ([]byte, int, error) {
	if b.rest != nil {
		rest := b.rest
		b.rest = nil
		return rest, b.restAt, b.restFault
	}
	text, err := b.lines.read()
	return text, b.lines.line, err
}

// entry returns the text of the next entry from its @ to its closing brace.
func (b *bibtex) entry() (text []byte, at int, err error) {
	var entry bytes.Buffer
	var scan balance
	var fault error
	for {
		line, lineAt, err := b.line()
		switch {
		case errors.Is(err, io.EOF) && entry.Len() > 0:
			return nil, 0, &ItemError{Line: at, Record: excerpt(entry.Bytes()),
				Err: errors.New("the file ends inside this entry: a closing brace is missing")}
		case err != nil && !isPieceError(err):
			return nil, 0, err
		case err != nil && fault == nil:
			fault = err
		}
		if entry.Len() == 0 {
			m := entryStart.FindIndex(line)
			if m == nil || bytes.HasPrefix(bytes.TrimSpace(line), []byte("%")) { // biber's comment
				if err != nil { // outside every entry, but something may have been in it
					return nil, 0, &ItemError{Line: lineAt, Record: excerpt(line), Err: err}
				}
				continue
			}
			line, at = line[m[0]:], lineAt
			if err == nil {
				fault = nil
			}
		} else if lineStart.Match(line) {
			b.rest, b.restAt, b.restFault = line, lineAt, err
			return nil, 0, &ItemError{Line: at, Record: excerpt(entry.Bytes()),
				Err: errors.New("a new entry begins inside this one: a closing brace is missing")}
		}
		end := scan.line(line)
		if end >= 0 {
			if tail := line[end:]; entryStart.Match(tail) {
				b.rest, b.restAt, b.restFault = tail, lineAt, err
			}
			line = line[:end]
		}
		if entry.Len()+len(line) >= b.lines.limit {
			return nil, 0, &ItemError{Line: at, Record: excerpt(entry.Bytes()), Err: errTooLong(b.lines.limit)}
		}
		entry.Write(line)
		entry.WriteByte('\n')
		if end >= 0 {
			if fault != nil {
				return nil, 0, &ItemError{Line: at, Record: excerpt(entry.Bytes()), Err: fault}
			}
			return bytes.TrimSpace(entry.Bytes()), at, nil
		}
	}
}

// balance finds the end of an entry that is opened by a brace or a parenthesis.
type balance struct {
	opened byte // the entry's own opening mark, 0 before it
	depth  int  // of braces, without the entry's own
}

// line returns the index behind the entry's closing mark, or -1 if the line does not hold it.
func (s *balance) line(line []byte) int {
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\':
			i++
		case s.opened == 0:
			if c == '{' || c == '(' {
				s.opened = c
			}
		case c == '{':
			s.depth++
		case c == '}' && s.depth > 0:
			s.depth--
		case c == '}' && s.opened == '{', c == ')' && s.opened == '(' && s.depth == 0:
			return i + 1
		}
	}
	return -1
}

// splitEntry parts an entry's kind, in lower case, and what is inside its outer marks.
func splitEntry(text []byte) (kind, body string) {
	m := entryStart.FindSubmatchIndex(text)
	return strings.ToLower(string(text[m[2]:m[3]])), string(text[m[1] : len(text)-1])
}

// macro takes in an @string.
func (b *bibtex) macro(body string) error {
	p := fieldParser{in: body, macros: b.macros}
	fields, err := p.fields()
	if err != nil {
		return err
	}
	if len(b.macros)+len(fields) > maxMacros {
		return fmt.Errorf("more than %d @string abbreviations", maxMacros)
	}
	maps.Copy(b.macros, fields)
	return nil
}

// fields parses an entry's key and fields, by lower-case name, LaTeX not yet decoded.
func (b *bibtex) fields(body string) (key string, fields map[string]string, err error) {
	key, rest, comma := strings.Cut(body, ",")
	if strings.ContainsAny(key, "={}\"") { // no key at all
		key, rest = "", body
	} else if !comma {
		rest = ""
	}
	p := fieldParser{in: rest, macros: b.macros}
	fields, err = p.fields()
	return clean(key), fields, err
}
