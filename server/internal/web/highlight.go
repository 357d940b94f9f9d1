package web

import (
	"strings"
	"sync"

	"github.com/akin-search/akin/embed"
)

// piece is a stretch of a text. Level says how much it counts: 0 is plain, 4 counts most. Term tells which marks of two
// texts belong together, from 1.
type piece struct {
	Text  string
	Level int
	Term  int
}

// mark is how a word is to be marked.
type mark struct{ level, term int }

// analyzers find words as the server's models do, so that what has one stem is one word.
var analyzers = sync.Pool{New: func() any { return embed.NewAnalyzer(embed.DefaultConfig()) }}

// wordsOf are the content words of a text.
func wordsOf(text string) []uint32 {
	a := analyzers.Get().(*embed.Analyzer)
	defer analyzers.Put(a)
	var ids []uint32
	a.EachWord(text, func(_ string, id uint32) { ids = append(ids, id) })
	return ids
}

// plain is a text without marks.
func plain(s string) []piece { return []piece{{Text: s}} }

// marked parts a text at the words that are to be marked. A word that the analysis has changed, which it does to rare
// signs, is not found again and stays plain.
func marked(text string, marks map[uint32]mark) []piece {
	if len(marks) == 0 {
		return plain(text)
	}
	a := analyzers.Get().(*embed.Analyzer)
	defer analyzers.Put(a)
	var out []piece
	at, from := 0, 0 // where to look for the next word, and where the plain text begins
	a.EachWord(text, func(surface string, id uint32) {
		i := strings.Index(text[at:], surface)
		if i < 0 || surface == "" {
			return
		}
		begin, end := at+i, at+i+len(surface)
		at = end
		m, ok := marks[id]
		if !ok {
			return
		}
		if begin > from {
			out = append(out, piece{Text: text[from:begin]})
		}
		out = append(out, piece{Text: text[begin:end], Level: m.level, Term: m.term})
		from = end
	})
	if from < len(text) {
		out = append(out, piece{Text: text[from:]})
	}
	return out
}

// marksOf marks all words of a query alike.
func marksOf(query string) map[uint32]mark {
	marks := make(map[uint32]mark)
	for _, id := range wordsOf(query) {
		marks[id] = mark{level: 1}
	}
	return marks
}

// passage is the part of an abstract that shows best why it was found: from the sentence in which most marked words
// stand, n characters.
func passage(text string, marks map[uint32]mark, n int) []piece {
	text = oneLine(text)
	best, at := 0, 0
	for begin := 0; begin < len(text); {
		end := len(text)
		if i := strings.Index(text[begin:], ". "); i >= 0 {
			end = begin + i + 2
		}
		seen := make(map[uint32]bool)
		for _, id := range wordsOf(text[begin:end]) {
			if _, ok := marks[id]; ok {
				seen[id] = true
			}
		}
		if len(seen) > best {
			best, at = len(seen), begin
		}
		begin = end
	}
	if len(text)-at < n { // the last sentences are shown with what stands before them
		at = 0
	}
	part := shortened(text[at:], n)
	if at > 0 {
		part = "… " + part
	}
	return marked(part, marks)
}
