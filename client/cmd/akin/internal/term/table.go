package term

import (
	"io"
	"strings"
)

// Column is one column of a table.
type Column struct {
	Title string
	Right bool   // aligned right, as numbers are
	Style string // of its cells
	// Least is how narrow the column may become; 0: it is never cut. Columns that may be cut share what is left.
	Least int
	// Optional columns go first when not everything fits, the last of them first, and go when they are empty.
	Optional bool
	// Whole cells, such as ids, are never cut: where there is no room beside the others, they go on a line of their own
	// below the row, and only the terminal breaks them.
	Whole bool
}

// Table collects rows and writes them aligned and cut to the screen, or, where there is no screen, one row a line with
// tabs between whole cells and no header, for programs.
type Table struct {
	columns []Column
	rows    [][]string
	started bool // the header is out
}

// NewTable returns an empty table.
func NewTable(columns ...Column) *Table { return &Table{columns: columns} }

// Row adds a row of as many cells as there are columns. Cells are cleaned.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(t.columns))
	for i := range row {
		row[i] = Clean(cells[i])
	}
	t.rows = append(t.rows, row)
}

// Len returns the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Write writes the rows added since the last Write, with the header in front of the first of them, and forgets them.
// Columns are fitted anew each time, so a long table can go out in pieces.
func (t *Table) Write(w io.Writer, s Screen) error {
	if len(t.rows) == 0 {
		return nil
	}
	var b strings.Builder
	defer func() { t.rows = t.rows[:0] }()
	if s.Width == 0 {
		for _, row := range t.rows {
			b.WriteString(strings.Join(row, "\t"))
			b.WriteByte('\n')
		}
		_, err := io.WriteString(w, b.String())
		return err
	}
	widths := t.fit(s.Width)
	header := make([]string, len(t.columns))
	for i, c := range t.columns {
		header[i] = c.Title
	}
	if !t.started {
		t.line(&b, s, widths, header, Dim)
		t.started = true
	}
	for _, row := range t.rows {
		t.line(&b, s, widths, row, "")
		t.below(&b, s, widths, row)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// gap is the number of spaces between two columns.
const gap = 2

// roomy is the width that a column which may be cut keeps as long as others can go instead.
const roomy = 24

// fit chooses the width of each column, 0 for one that is left out or goes below.
func (t *Table) fit(screen int) []int {
	widths := make([]int, len(t.columns))
	least := 0
	for i, c := range t.columns {
		for _, row := range t.rows {
			widths[i] = max(widths[i], Width(row[i]))
		}
		if widths[i] == 0 && c.Optional {
			continue
		}
		widths[i] = max(widths[i], Width(c.Title))
		if c.Least > 0 {
			least += min(max(c.Least, roomy), widths[i]) + gap
		} else {
			least += widths[i] + gap
		}
	}
	for i := len(t.columns) - 1; i >= 0 && least-gap > screen; i-- {
		if t.columns[i].Optional || t.columns[i].Whole {
			least -= widths[i] + gap
			widths[i] = 0
		}
	}
	for {
		over := total(widths) - screen
		if over <= 0 {
			return widths
		}
		// Take from the widest column that may still be cut, one column of the screen at a time.
		widest := -1
		for i, c := range t.columns {
			if c.Least > 0 && widths[i] > c.Least && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest >= 0 {
			widths[widest]--
			continue
		}
		if !t.drop(widths) {
			return widths // nothing left to give up: the terminal wraps
		}
		// What the dropped column leaves goes back to the others.
		for i, c := range t.columns {
			if widths[i] > 0 && c.Least > 0 {
				for _, row := range t.rows {
					widths[i] = max(widths[i], Width(row[i]))
				}
			}
		}
	}
}

func (t *Table) drop(widths []int) bool {
	for i := len(t.columns) - 1; i >= 0; i-- {
		if t.columns[i].Optional && widths[i] > 0 {
			widths[i] = 0
			return true
		}
	}
	return false
}

func total(widths []int) int {
	sum := -gap
	for _, w := range widths {
		if w > 0 {
			sum += w + gap
		}
	}
	return sum
}

// below writes the whole cells that found no room in their row, indented as far as the first column is wide.
func (t *Table) below(b *strings.Builder, s Screen, widths []int, row []string) {
	for i, c := range t.columns {
		if !c.Whole || widths[i] > 0 || row[i] == "" {
			continue
		}
		indent := gap
		if i > 0 && t.columns[0].Least == 0 {
			indent = widths[0] + gap // under the second column
		}
		if indent+Width(row[i]) > s.Width {
			indent = 0
		}
		b.WriteString(strings.Repeat(" ", indent) + s.Paint(c.Style, row[i]) + "\n")
	}
}

func (t *Table) line(b *strings.Builder, s Screen, widths []int, cells []string, style string) {
	last := len(widths) - 1
	for last > 0 && (widths[last] == 0 || cells[last] == "") {
		last--
	}
	first := true
	for i, c := range t.columns[:last+1] {
		if widths[i] == 0 {
			continue
		}
		if !first {
			b.WriteString(strings.Repeat(" ", gap))
		}
		first = false
		text := Cut(cells[i], widths[i])
		pad := strings.Repeat(" ", max(0, widths[i]-Width(text)))
		painted := s.Paint(c.Style, text)
		if style != "" {
			painted = s.Paint(style, text)
		}
		switch {
		case c.Right:
			b.WriteString(pad + painted)
		case i == last:
			b.WriteString(painted)
		default:
			b.WriteString(painted + pad)
		}
	}
	b.WriteByte('\n')
}
