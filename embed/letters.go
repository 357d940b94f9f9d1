package embed

import (
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Letters are folded so that a word is found by the spelling that a keyboard gives: é is e, ß is ss, Greek letters
// lose their accents. Marks on other scripts make other letters and stay.

// latinFold holds what a Latin letter beyond ASCII is written with in ASCII: one or two letters, or zeros for one that
// has no such form.
var latinFold = func() (table [latinEnd - latinStart][2]byte) {
	for _, block := range [][2]rune{{latinStart, latinEnd}, {latinMoreStart, latinMoreEnd}} {
		for r := block[0]; r < block[1]; r++ {
			decomposed := norm.NFD.String(string(r))
			if base := unicode.ToLower(rune(decomposed[0])); 'a' <= base && base <= 'z' {
				table[latinIndex(r)] = [2]byte{byte(base)}
			}
		}
	}
	for letters, ascii := range map[string]string{"ßẞ": "ss", "æÆ": "ae", "œŒ": "oe", "øØ": "o", "đĐð": "d",
		"Ð": "d", "łŁ": "l", "ħĦ": "h", "ı": "i", "þÞ": "th", "ŧŦ": "t", "ĳĲ": "ij", "ſ": "s"} {
		for _, r := range letters {
			copy(table[latinIndex(r)][:], ascii)
		}
	}
	return table
}()

// The blocks of Latin letters with a folded form. The second one, Latin Extended Additional, lies behind the first in
// the table.
const (
	latinStart     = 0x00C0
	latinBlockEnd  = 0x0250
	latinMoreStart = 0x1E00
	latinMoreEnd   = 0x1F00
	latinEnd       = latinBlockEnd + latinMoreEnd - latinMoreStart
)

func isLatin(r rune) bool {
	return latinStart <= r && r < latinBlockEnd && r != '×' && r != '÷' || latinMoreStart <= r && r < latinMoreEnd
}

func latinIndex(r rune) rune {
	if r >= latinMoreStart {
		r -= latinMoreStart - latinBlockEnd
	}
	return r - latinStart
}

// greekFold holds the lower-case form without accents of the letters of both Greek blocks, or 0 for what is no letter.
var greekFold = func() (table [greekEnd - greekStart]uint16) {
	for _, block := range [][2]rune{{greekStart, greekBlockEnd}, {greekMoreStart, greekMoreEnd}} {
		for r := block[0]; r < block[1]; r++ {
			base := []rune(norm.NFD.String(string(r)))[0]
			if !unicode.Is(unicode.Greek, base) || !unicode.IsLetter(base) {
				continue
			}
			if base = unicode.ToLower(base); base == 'ς' {
				base = 'σ'
			}
			table[greekIndex(r)] = uint16(base)
		}
	}
	return table
}()

const (
	greekStart     = 0x0370
	greekBlockEnd  = 0x0400
	greekMoreStart = 0x1F00
	greekMoreEnd   = 0x2000
	greekEnd       = greekBlockEnd + greekMoreEnd - greekMoreStart
)

func greekIndex(r rune) rune {
	if r >= greekMoreStart {
		r -= greekMoreStart - greekBlockEnd
	}
	return r - greekStart
}

// greekLetter returns the folded form of a Greek letter, or 0 for any other character.
func greekLetter(r rune) rune {
	if greekStart <= r && r < greekBlockEnd || greekMoreStart <= r && r < greekMoreEnd {
		return rune(greekFold[greekIndex(r)])
	}
	return 0
}

// greekNames are the names of the letters from α to ω without the final sigma, in their order.
var greekNames = [...]string{"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
	"lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"}

// greekName returns the name of a folded Greek letter, or "" for one that is no letter of the alphabet.
func greekName(letter rune) string {
	i := letter - 'α'
	if letter > 'ς' {
		i--
	}
	if letter < 'α' || letter == 'ς' || int(i) >= len(greekNames) {
		return ""
	}
	return greekNames[i]
}

// isCombining reports whether the character is a mark of those that fold away after a Latin or Greek letter.
func isCombining(r rune) bool { return 0x0300 <= r && r < 0x0370 }

// isIgnored reports whether a character stands inside words without being part of them: soft hyphens, spaces of no
// width, joiners, marks of direction, invisible operators and selectors of variants.
func isIgnored(r rune) bool {
	switch {
	case r < 0x00ad:
		return false
	case r == 0x00ad, r == 0x034f, r == 0x061c, r == 0x180e, r == 0xfeff:
		return true
	}
	return 0x200b <= r && r <= 0x200f || 0x202a <= r && r <= 0x202e || 0x2060 <= r && r <= 0x206f ||
		0xfe00 <= r && r <= 0xfe0f
}

// isHyphen reports whether a character beyond ASCII joins words as a hyphen does.
func isHyphen(r rune) bool { return 0x2010 <= r && r <= 0x2013 || r == 0x2212 }
