package source

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxRow bounds a row whose quotes do not close: behind it, the first of its lines is given up as malformed and
// reading goes on with the second, so that one stray quote does not swallow the rest of the file. It is far above any
// paper that the contract's limits admit.
const maxRow = 1 << 20

// table reads CSV and TSV. encoding/csv parses the rows; this type only finds where a row ends, since encoding/csv puts
// no bound on a row and goes on behind a stray quote at the end of the file.
type table struct {
	lines   *lines
	comma   rune
	listSep string
	columns columns
	width   int // cells of the header row

	pending []rowLine // lines read ahead and given back
}

// rowLine is a physical line with its number.
type rowLine struct {
	text  string
	at    int
	fault error // of the line, a *pieceError
}

// newTable reads the header row. A comma of 0 is found out from it: comma, semicolon or tab.
func newTable(l *lines, comma rune, opts Options) (*table, error) {
	t := &table{lines: l, comma: comma, listSep: opts.ListSeparator}
	var header rowLine
	for strings.TrimSpace(header.text) == "" {
		var err error
		if header, err = t.line(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil, ErrEmpty
			}
			return nil, err
		}
	}
	if header.fault != nil {
		return nil, fmt.Errorf("line %d, the header row: %w", header.at, header.fault)
	}
	if comma == 0 {
		t.comma, _ = widest([]byte(header.text))
	}
	names, err := parseRow([]byte(header.text), t.comma)
	if err == nil {
		var untaken []string
		t.columns, untaken, err = columnsOf(names, opts.Columns)
		if err == nil && len(untaken) > 0 {
			l.notes.add("columns not taken: "+quoted(untaken)+"; --column attributes.NAME=COLUMN takes one", header.at, "")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("line %d, the header row: %w", header.at, err)
	}
	t.width = len(names)
	return t, nil
}

// line returns the next physical line. Its error ends the input.
func (t *table) line() (rowLine, error) {
	if len(t.pending) > 0 {
		l := t.pending[0]
		t.pending = t.pending[1:]
		return l, nil
	}
	text, err := t.lines.read()
	if err != nil && !isPieceError(err) {
		return rowLine{}, err
	}
	return rowLine{string(text), t.lines.line, err}, nil
}

// next returns the next row's paper.
func (t *table) next() (*draft, error) {
	for {
		text, at, err := t.row()
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		cells, err := parseRow([]byte(text), t.comma)
		for err == nil && len(cells) > t.width && cells[len(cells)-1] == "" { // a separator at the end of the row
			cells = cells[:len(cells)-1]
		}
		if err == nil && len(cells) != t.width {
			err = fmt.Errorf("has %d cells where the header row has %d", len(cells), t.width)
		}
		if err != nil {
			return nil, &ItemError{Line: at, Record: excerpt([]byte(text)), Err: err}
		}
		d := newDraft(at, t.lines.notes)
		d.excerpt = excerpt([]byte(text))
		t.fill(d, cells)
		return d, nil
	}
}

// row returns the text of the next row, which has several lines where a quoted cell has.
func (t *table) row() (text string, at int, err error) {
	var row []rowLine
	var quotes quoteState
	size := 0
	for {
		l, err := t.line()
		if err != nil && (!errors.Is(err, io.EOF) || len(row) == 0) {
			return "", 0, err
		}
		if err == nil {
			row = append(row, l)
			size += len(l.text) + 1
			quotes.line(l.text, t.comma)
		}
		if err == nil && quotes.open && size <= maxRow {
			continue
		}
		first := row[0]
		if quotes.open {
			t.pending = append(slices.Clone(row[1:]), t.pending...)
			return "", 0, &ItemError{
				Line: first.at, Record: excerpt([]byte(first.text)), Err: errors.New("a quoted cell is never closed"),
			}
		}
		for _, l := range row {
			if l.fault != nil {
				return "", 0, &ItemError{Line: l.at, Record: excerpt([]byte(first.text)), Err: l.fault}
			}
		}
		if len(row) == 1 {
			return first.text, first.at, nil
		}
		texts := make([]string, len(row))
		for i, l := range row {
			texts[i] = l.text
		}
		return strings.Join(texts, "\n"), first.at, nil
	}
}

// quoteState follows quotes over the lines of a row as encoding/csv does with LazyQuotes: a quote opens a cell only at
// its beginning, and closes it only in front of a comma or the line's end.
type quoteState struct{ open bool }

// line takes in one more line.
func (q *quoteState) line(s string, comma rune) {
	sep := byte(comma)
	start := !q.open // at the beginning of a cell
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case q.open && c == '"':
			switch {
			case i+1 == len(s) || s[i+1] == sep:
				q.open = false
			case s[i+1] == '"':
				i++
			}
		case q.open:
		case c == '"' && start:
			q.open, start = true, false
		default:
			start = c == sep
		}
	}
}

// parseRow parses the text of exactly one row.
func parseRow(text []byte, comma rune) ([]string, error) {
	if !bytes.ContainsAny(text, "\"\r\n") { // most rows; a csv.Reader costs 4 KiB each
		return strings.Split(string(text), string(comma)), nil
	}
	r := csv.NewReader(bufio.NewReader(strings.NewReader(string(text))))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = comma, true, -1
	cells, err := r.Read()
	if err == nil {
		if _, more := r.Read(); more != io.EOF {
			err = errors.New("its quotes do not match")
		}
	}
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		err = parse.Err
	}
	return cells, err
}
