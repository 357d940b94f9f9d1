package embed

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// runeScanner is the state of the slow path between two characters: the word so far is in Analyzer.word.
type runeScanner struct {
	n           int  // bytes of the word
	apostrophes bool // there is one in it
	pending     rune // an apostrophe or full stop that belongs to the word if the next character does; 0 = none
	last        rune // of the word
	unspaced    int  // characters of the run of an unspaced script; last is its last one
	surface     []byte
}

// pieceBytes is how much text is normalised at a time.
const pieceBytes = 4 << 10

// scanStretch reads the words of the stretch of text that begins at start and ends before the next ASCII character which
// is neither letter nor digit nor apostrophe nor full stop, and returns where it ends.
func (a *Analyzer) scanStretch(text string, start int) (end int) {
	for end = start; end < len(text) && byteClass[text[end]] != separator; end++ {
	}
	for stretch := text[start:end]; len(stretch) > 0; {
		n := pieceEnd(stretch)
		piece := stretch[:n]
		stretch = stretch[n:]
		if norm.NFKC.QuickSpanString(piece) == len(piece) {
			for _, r := range piece {
				a.scanRune(r)
			}
			continue
		}
		for a.normal.InitString(norm.NFKC, piece); !a.normal.Done(); {
			for b := a.normal.Next(); len(b) > 0; {
				r, width := utf8.DecodeRune(b)
				a.scanRune(r)
				b = b[width:]
			}
		}
	}
	a.endRun()
	return end
}

// pieceEnd returns the length of the first piece of a stretch. It does not tear a character from the marks that combine with
// it unless there are more than a hundred of them.
func pieceEnd(stretch string) int {
	if len(stretch) <= pieceBytes {
		return len(stretch)
	}
	for n := pieceBytes; n > pieceBytes-256; n-- {
		if utf8.RuneStart(stretch[n]) && norm.NFKC.PropertiesString(stretch[n:]).BoundaryBefore() {
			return n
		}
	}
	return pieceBytes
}

func (a *Analyzer) scanRune(r rune) {
	s := &a.slow
	switch {
	case r == '\'' || r == '’' || r == '.':
		if s.pending == 0 && s.n > 0 && s.unspaced == 0 {
			s.pending = r
			return
		}
		a.endRun()
	case isUnspaced(r):
		a.scanUnspaced(r)
	case unicode.IsLetter(r) || unicode.IsDigit(r) || s.n > 0 && unicode.IsMark(r):
		if s.unspaced > 0 || s.pending == '.' && !(unicode.IsDigit(s.last) && unicode.IsDigit(r)) {
			a.endRun()
		}
		if s.pending != 0 {
			s.apostrophes = s.apostrophes || s.pending != '.'
			a.addRune(s.pending)
			s.pending = 0
		}
		a.addRune(r)
	case r == '\u00ad' || r == '\u200c' || r == '\u200d' || r == '\u2060' || r == '\ufeff':
		// Soft hyphens, joiners and the like stand inside words without being part of them.
	default:
		a.endRun()
	}
}

func (a *Analyzer) addRune(r rune) {
	s := &a.slow
	s.last = r
	if a.visit != nil && len(s.surface) < 4*maxWord {
		s.surface = utf8.AppendRune(s.surface, r)
	}
	if r == '’' {
		r = '\''
	}
	if s.n+utf8.UTFMax <= maxWord {
		s.n += utf8.EncodeRune(a.word[s.n:], unicode.ToLower(r))
	}
}

// isUnspaced reports whether words of the character's script are written without spaces between them.
func isUnspaced(r rune) bool {
	return r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao,
		unicode.Khmer, unicode.Myanmar)
}

// scanUnspaced takes in a character of an unspaced script: it makes a word with the one before it.
func (a *Analyzer) scanUnspaced(r rune) {
	s := &a.slow
	if s.unspaced == 0 {
		a.endRun()
		s.unspaced, s.last = 1, r
		return
	}
	before := s.last
	a.unspacedWord(before, r)
	s.unspaced, s.last = 2, r
}

func (a *Analyzer) unspacedWord(runes ...rune) {
	s := &a.slow
	s.n, s.surface = 0, s.surface[:0]
	for _, r := range runes {
		a.addRune(r)
	}
	a.flushWord()
}

// endRun ends the word being read, if there is one, and forgets what came before.
func (a *Analyzer) endRun() {
	s := &a.slow
	if s.unspaced == 1 {
		a.unspacedWord(s.last)
	}
	s.unspaced, s.pending = 0, 0
	a.flushWord()
}

func (a *Analyzer) flushWord() {
	s := &a.slow
	if s.n > 0 {
		surface := ""
		if a.visit != nil {
			surface = string(s.surface)
		}
		a.endWord(s.n, s.apostrophes, surface)
	}
	s.n, s.apostrophes, s.surface = 0, false, s.surface[:0]
}
