package embed

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// runeScanner is the state of the slow path between two characters: the word so far is in Analyzer.word.
type runeScanner struct {
	n           int    // bytes of the word
	apostrophes bool   // there is one in it
	pending     rune   // an apostrophe or full stop that belongs to the word if the next character does; 0 = none
	last        rune   // of the word
	greek       rune   // the last one if it is a Greek letter with none before it: not in the word yet; 0 = none
	gap         string // between the word before and this one, if it may join them
	unspaced    int    // characters of the run of an unspaced script; last is its last one
	surface     []byte
	piece       []byte // of text, before it is normalised
	normal      norm.Iter
}

const (
	// pieceBytes is how much text is normalised at a time.
	pieceBytes = 1 << 10
	// maxMarks is how many marks after one character count. No script has more, and the order they are brought into by
	// normalisation takes time by their square.
	maxMarks = 8
)

// scanStretch reads the words of the stretch of text that begins at start and ends before the next ASCII character
// which is neither letter nor digit nor apostrophe nor full stop, and returns where it ends.
func (a *Analyzer) scanStretch(text string, start int) (end int) {
	for end = start; end < len(text) && byteClass[text[end]] > joint; end++ {
	}
	s := &a.slow
	s.gap = a.gap(text, start)
	for stretch := text[start:end]; len(stretch) > 0; {
		r, width := utf8.DecodeRuneInString(stretch)
		if !isPlain(r) {
			width = a.scanPiece(stretch)
		} else {
			a.scanRune(r)
		}
		stretch = stretch[width:]
	}
	open := end < len(text) && byteClass[text[end]] == joint && s.n > 0 && s.pending == 0 && s.unspaced == 0
	a.endRun(open)
	s.gap = ""
	if a.wordEnd = -1; open {
		a.wordEnd = end
	}
	return end
}

// isPlain reports whether a character is taken as it is, without a look at those that follow it: what normalisation
// makes of the others, folding undoes.
func isPlain(r rune) bool {
	return r < utf8.RuneSelf || isLatin(r) || isCombining(r) || greekLetter(r) != 0 || isIgnored(r) || isPhrase(r)
}

// isPhrase reports whether a character is an Arabic ligature of several words. It is a word by itself: written out it
// would take up to eleven times its length.
func isPhrase(r rune) bool { return r == 0xFDFA || r == 0xFDFB }

// scanPiece reads the characters up to the next plain letter, and not much more than pieceBytes of them, in their
// normal form. It returns how long they are.
func (a *Analyzer) scanPiece(stretch string) (width int) {
	s := &a.slow
	s.piece = s.piece[:0]
	marks := 0
	for width < len(stretch) {
		r, n := utf8.DecodeRuneInString(stretch[width:])
		if isPlain(r) && !isCombining(r) {
			break
		}
		if unicode.IsMark(r) {
			marks++
		} else if marks = 0; len(s.piece) >= pieceBytes {
			break
		}
		if marks <= maxMarks {
			s.piece = append(s.piece, stretch[width:width+n]...)
		}
		width += n
	}
	if norm.NFKC.QuickSpan(s.piece) == len(s.piece) {
		a.scanRunes(s.piece)
		return width
	}
	for s.normal.Init(norm.NFKC, s.piece); !s.normal.Done(); {
		a.scanRunes(s.normal.Next())
	}
	return width
}

func (a *Analyzer) scanRunes(text []byte) {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		a.scanRune(r)
		text = text[n:]
	}
}

func (a *Analyzer) scanRune(r rune) {
	s := &a.slow
	switch {
	case r == '\'' || r == '’' || r == '.':
		if s.pending == 0 && s.n > 0 && s.unspaced == 0 {
			s.pending = r
			return
		}
		a.endRun(false)
	case isIgnored(r):
	case isUnspaced(r):
		a.scanUnspaced(r)
	case r < utf8.RuneSelf && byteClass[r] >= '0', unicode.IsLetter(r), unicode.IsDigit(r), s.n > 0 && unicode.IsMark(r):
		if s.unspaced > 0 || s.pending == '.' && !(unicode.IsDigit(s.last) && unicode.IsDigit(r)) {
			a.endRun(false)
		}
		if s.pending != 0 {
			s.apostrophes = s.apostrophes || s.pending != '.'
			a.addRune(s.pending)
			s.pending = 0
		}
		a.addRune(r)
	case isHyphen(r):
		open := s.n > 0 && s.pending == 0 && s.unspaced == 0
		a.endRun(open)
		if open {
			s.gap = "-"
		}
	default:
		a.endRun(false)
	}
}

// addRune adds a character to the word, folded and in lower case.
func (a *Analyzer) addRune(r rune) {
	s := &a.slow
	last := s.last
	if s.n == 0 {
		last = 0
	}
	if a.visit != nil && len(s.surface) < 4*maxWord {
		s.surface = utf8.AppendRune(s.surface, r)
	}
	if isCombining(r) && (last < utf8.RuneSelf || isLatin(last) || greekLetter(last) != 0) {
		return
	}
	s.last = r
	if letter := greekLetter(r); letter != 0 {
		if s.greek == 0 && greekLetter(last) == 0 {
			s.greek = letter
			s.n++ // the word is not empty, though what is in it is seen only when the letter is written
			return
		}
		a.writeGreek(false)
		a.write(letter)
		return
	}
	a.writeGreek(true)
	switch {
	case r == '’':
		a.write('\'')
	case isLatin(r) && latinFold[latinIndex(r)][0] != 0:
		for _, c := range latinFold[latinIndex(r)] {
			if c != 0 {
				a.write(rune(c))
			}
		}
	default:
		a.write(unicode.ToLower(r))
	}
}

// writeGreek writes the Greek letter that is held back, spelled out if it stands alone.
func (a *Analyzer) writeGreek(alone bool) {
	s := &a.slow
	letter := s.greek
	if letter == 0 {
		return
	}
	s.greek = 0
	s.n--
	if name := greekName(letter); alone && name != "" {
		for _, c := range name {
			a.write(c)
		}
		return
	}
	a.write(letter)
}

// write adds a character to the word while there is room.
func (a *Analyzer) write(r rune) {
	if s := &a.slow; s.n+utf8.UTFMax <= maxWord {
		s.n += utf8.EncodeRune(a.word[s.n:], r)
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
		a.endRun(false)
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
	a.flushWord(false)
}

// endRun ends the word being read, if there is one, and forgets what came before. An open word may be joined to the
// next.
func (a *Analyzer) endRun(open bool) {
	s := &a.slow
	if s.unspaced == 1 {
		a.unspacedWord(s.last)
	}
	s.unspaced, s.pending = 0, 0
	a.writeGreek(true)
	a.flushWord(open)
	s.gap = ""
}

func (a *Analyzer) flushWord(open bool) {
	s := &a.slow
	if s.n > 0 {
		surface := ""
		if a.visit != nil {
			surface = norm.NFC.String(string(s.surface))
		}
		a.endWord(s.n, s.apostrophes, surface, s.gap, open)
	}
	s.n, s.apostrophes, s.surface = 0, false, s.surface[:0]
}
