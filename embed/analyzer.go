package embed

import "unicode/utf8"

// Scheme is the version of the analysis: which features a text has. Features, and all that is made of them, compare
// within one scheme only. It rises with any change to them.
//
//	1  words, NFKC, Porter's stems
//	2  letters folded; Greek letters spelled out; names joined by hyphens and markup counted as one word more
const Scheme = 2

// Analyzer turns texts into features. It holds scratch memory (about 300 KB) and the words it met last, so it is worth
// keeping; it serves one goroutine at a time.
//
// A word is a run of letters and digits, normalised by NFKC, in lower case, and with the letters of the Latin and
// Greek scripts folded to those without accents. A Greek letter by itself is spelled out: TNFα is tnfalpha. An
// apostrophe inside a word continues it; a final 's and then the apostrophes are dropped. A full stop between two
// digits stays. Stop words are dropped and ASCII words stemmed by Porter's algorithm. Scripts written without spaces
// (Chinese, Japanese, Thai and their like) give the pairs of adjoining characters. Characters without width separate
// nothing; invalid UTF-8 and control characters separate words.
//
// Words that a hyphen or the markup of an index joins to one name (IL-6, TNF-α, LiFePO$_4$, CO<sub>2</sub>) are
// counted one by one, and then all together as one word more: il6, tnfalpha, lifepo4, co2.
//
// The work of an analysis is in proportion to the length of the texts, whatever they hold.
type Analyzer struct {
	cfg      Config
	stems    stems
	words    counter
	features counter // unused when the features are the words
	unigrams bool

	word      [maxWord + 32]byte // the word being read, in lower case
	wordEnd   int                // where in the text the word before ended if it can be continued, or -1
	compound  compound
	previous  [maxWordGram]uint64
	following int      // how many of previous are set
	ends      wordEnds // what the next word makes bigrams with
	bigrams   []uint16 // of the texts so far

	visit func(surface string, id uint32) // set during EachWord
	trace func(feature uint32)            // set while a training corpus is read
	slow  runeScanner
}

// NewAnalyzer makes an analyzer for models of the config. A config that does not validate makes it panic.
func NewAnalyzer(cfg Config) *Analyzer {
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	a := &Analyzer{cfg: cfg, unigrams: cfg.unigrams()}
	a.stems.init()
	a.words.init()
	a.features.init()
	return a
}

// Analyze counts the features of all texts together and writes them to dst, whose slices it reuses. Word n-grams do
// not reach from one text into the next. It allocates only to make the slices of dst larger, and for texts of more
// than 8,000 distinct features.
func (a *Analyzer) Analyze(dst *Analysis, texts ...string) {
	for _, text := range texts {
		a.scan(text)
	}
	a.words.flush(&dst.Words)
	dst.Words.Bigrams = append(dst.Words.Bigrams[:0], a.bigrams...)
	a.bigrams = a.bigrams[:0]
	if a.unigrams {
		dst.Features = dst.Words
		return
	}
	if sharesMemory(dst.Features.IDs, dst.Words.IDs) {
		dst.Features = Terms{} // dst served an analyzer of single words before
	}
	a.features.flush(&dst.Features)
}

func sharesMemory(a, b []uint32) bool {
	return cap(a) > 0 && cap(b) > 0 && &a[:1][0] == &b[:1][0]
}

// EachWord calls fn for every content word of the text in order, with the word as it is written (after NFKC where that
// changes it) and its feature among Analysis.Words.
func (a *Analyzer) EachWord(text string, fn func(surface string, id uint32)) {
	a.visit = fn
	defer func() { a.visit = nil }()
	a.scan(text)
}

// Classes of bytes. Letters and digits have their lower-case form as class, which is at least '0'.
const (
	separator = iota
	joint     // a separator that may join two words to one name
	apostrophe
	fullStop
	beyondASCII
)

var byteClass = func() (class [256]byte) {
	for c := range 256 {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z':
			class[c] = byte(c)
		case 'A' <= c && c <= 'Z':
			class[c] = byte(c) + 'a' - 'A'
		case c == '\'':
			class[c] = apostrophe
		case c == '.':
			class[c] = fullStop
		case c == '-' || c == '_' || c == '^' || c == '$' || c == '{' || c == '}' || c == '\\' || c == '<':
			class[c] = joint
		case c >= utf8.RuneSelf:
			class[c] = beyondASCII
		}
	}
	return class
}()

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// scan reads the words of one text. A stretch with anything beyond ASCII in it goes to the slow path as a whole.
func (a *Analyzer) scan(text string) {
	a.following, a.ends, a.wordEnd = 0, wordEnds{}, -1
	for i := 0; i < len(text); {
		c := byteClass[text[i]]
		if c < '0' && c != beyondASCII {
			if i++; text[i-1] == '<' {
				i += max(0, indexTag(text[i-1:])-1)
			}
			continue
		}
		start, n, apostrophes := i, 0, false
	word:
		for ; i < len(text); i++ {
			c := byteClass[text[i]]
			if c < '0' {
				if c <= joint {
					break
				}
				next := byte(separator)
				if i+1 < len(text) {
					next = byteClass[text[i+1]]
				}
				switch {
				case c == beyondASCII || next == beyondASCII:
					n = 0
					i = a.scanStretch(text, start)
					break word
				case c == apostrophe && next >= '0':
					apostrophes = true
				case c == fullStop && isDigit(text[i-1]) && isDigit(next):
				default:
					break word
				}
				c = text[i]
			}
			if n < maxWord {
				a.word[n] = c
				n++
			}
		}
		if n > 0 {
			open := i < len(text) && byteClass[text[i]] == joint
			a.endWord(n, apostrophes, text[start:i], a.gap(text, start), open)
			if a.wordEnd = -1; open {
				a.wordEnd = i
			}
		}
	}
}

// gap returns what stands between the word before and the one at start if that may join the two, and else "".
func (a *Analyzer) gap(text string, start int) string {
	if a.wordEnd < 0 || start-a.wordEnd > maxGap {
		return ""
	}
	return text[a.wordEnd:start]
}

// endWord takes in the word in a.word[:n], which follows the one before by a gap that may join the two. An open word
// may be joined to the next one.
func (a *Analyzer) endWord(n int, apostrophes bool, surface, gap string, open bool) {
	word := a.word[:n]
	if apostrophes {
		word = dropApostrophes(word)
	}
	if len(word) == 0 {
		a.compound.n = 0
		return
	}
	c := &a.compound
	joined := c.join(gap, word)
	if joined {
		if a.visit != nil {
			c.surface += gap + surface
		}
	} else if c.n = 0; open {
		c.start(word, surface)
		a.ends.before = a.ends.last
	}
	a.take(word, surface, false)
	if joined {
		a.take(c.word[:c.n], c.surface, true)
	}
}

// take counts a word, or the compound that the word before belongs to.
func (a *Analyzer) take(word []byte, surface string, compound bool) {
	hash := a.stems.hash(word)
	if hash == stopHash {
		return
	}
	id := uint32(hash) & featureMask
	if a.visit != nil {
		a.visit(surface, id)
		return
	}
	if a.trace == nil {
		if compound {
			a.words.addBeside(id)
		} else {
			a.words.add(id)
		}
		a.bigrams = a.ends.follow(a.bigrams, id, compound)
	}
	switch {
	case !a.unigrams && !compound:
		a.wordGrams(hash)
		a.charGrams(word)
	case a.unigrams && a.trace != nil || !a.unigrams && a.cfg.Words.Min == 1:
		a.feature(hash)
	}
}

func dropApostrophes(word []byte) []byte {
	if n := len(word); n > 2 && word[n-2] == '\'' && word[n-1] == 's' {
		word = word[:n-2]
	}
	kept := word[:0]
	for _, c := range word {
		if c != '\'' {
			kept = append(kept, c)
		}
	}
	return kept
}
