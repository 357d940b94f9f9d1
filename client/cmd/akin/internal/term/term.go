// Package term knows what a terminal shows: its width, colours, tables fitted to it, wrapped text.
//
// Widths are columns, not bytes or runes: an ideograph takes two, a combining mark none. What comes from papers passes
// Clean before it is printed, so that no title moves the cursor or changes colours. A Screen of width 0 is no terminal:
// then nothing is cut, and a table is rows with tabs, for programs.
package term

import (
	"os"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
	xterm "golang.org/x/term"
)

// Screen describes where output goes.
type Screen struct {
	// Width in columns; 0 when the output is not a terminal, and nothing is to be cut or wrapped.
	Width int
	// Colour says whether escape sequences may be written.
	Colour bool
}

// Terminal returns the width of a terminal, 0 when the file is none.
func Terminal(f *os.File) int {
	if !xterm.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := xterm.GetSize(int(f.Fd()))
	if err != nil || width < 1 {
		return 80 // a terminal that does not tell
	}
	return width
}

// The styles in use.
const (
	Bold   = "1"
	Dim    = "2"
	Red    = "31"
	Green  = "32"
	Yellow = "33"
	Cyan   = "36"
)

// Paint puts text into a style, where colour is on.
func (s Screen) Paint(style, text string) string {
	if !s.Colour || style == "" || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// measure counts columns as modern terminals do: ambiguous runes are narrow whatever the locale.
var measure = func() *runewidth.Condition {
	c := runewidth.NewCondition()
	c.EastAsianWidth = false
	return c
}()

// Width returns how many columns a text takes.
func Width(text string) int { return measure.StringWidth(text) }

// Cut shortens a text to a number of columns, with an ellipsis where something is missing.
func Cut(text string, columns int) string {
	if columns < 1 {
		return ""
	}
	return measure.Truncate(text, columns, "…")
}

// Clean makes one printable line of a text: what comes from papers must not move the cursor or change colours.
func Clean(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !printable(r) }) < 0 {
		return text
	}
	clean := strings.Map(func(r rune) rune {
		if printable(r) {
			return r
		}
		return ' '
	}, text)
	return strings.Join(strings.Fields(clean), " ")
}

// printable also refuses the marks that reorder text, which could show one line as another.
func printable(r rune) bool {
	return !unicode.IsControl(r) && r != '\u2028' && r != '\u2029' && !(r >= '\u202a' && r <= '\u202e') &&
		!(r >= '\u2066' && r <= '\u2069')
}

// Wrap breaks a text into lines of at most so many columns, at spaces where there are any. columns 0: one line.
func Wrap(text string, columns int) []string {
	if columns < 1 {
		return []string{text}
	}
	var lines []string
	line, used := "", 0
	for _, word := range strings.Fields(text) {
		for Width(word) > columns { // a word longer than a line, or a script without spaces
			if used > 0 {
				lines, line, used = append(lines, line), "", 0
			}
			head := measure.Truncate(word, columns, "")
			if head == "" {
				head = string([]rune(word)[:1]) // a wide rune on a line of one column
			}
			lines, word = append(lines, head), word[len(head):]
		}
		switch w := Width(word); {
		case w == 0:
		case used == 0:
			line, used = word, w
		case used+1+w <= columns:
			line, used = line+" "+word, used+1+w
		default:
			lines, line, used = append(lines, line), word, w
		}
	}
	if used > 0 {
		lines = append(lines, line)
	}
	return lines
}
