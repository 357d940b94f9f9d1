package source

import (
	"fmt"
	"strings"
)

// maxNotes bounds the kinds of notes that one input keeps.
const maxNotes = 50

// notes gathers what was left out of papers that went in, one line a kind.
type notes struct {
	list  []note
	index map[string]int
}

type note struct {
	what    string // "dates that could not be read"
	example string // the first: where, and what it looks like
	count   int
}

// add counts one more of what was left out.
func (n *notes) add(what string, line int, example string) {
	if i, ok := n.index[what]; ok {
		n.list[i].count++
		return
	}
	if len(n.list) == maxNotes {
		return
	}
	if n.index == nil {
		n.index = make(map[string]int)
	}
	n.index[what] = len(n.list)
	if example != "" {
		example = fmt.Sprintf(": %q", excerpt([]byte(example)))
	}
	n.list = append(n.list, note{what: what, example: fmt.Sprintf("line %d%s", line, example), count: 1})
}

// texts says them in plain words.
func (n *notes) texts() []string {
	var out []string
	for _, e := range n.list {
		if e.count == 1 {
			out = append(out, fmt.Sprintf("%s (%s)", e.what, e.example))
		} else {
			out = append(out, fmt.Sprintf("%s, %d times (first %s)", e.what, e.count, e.example))
		}
	}
	return out
}

// untaken is the note about a field that papers have no place for.
func untaken(names string) string { return "not taken: " + strings.TrimSpace(names) }
