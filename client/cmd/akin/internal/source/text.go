package source

import (
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// clean turns every run of white space into one space and drops it at both ends.
func clean(s string) string { return strings.Join(strings.Fields(s), " ") }

// cleanAll cleans each string and drops those left empty.
func cleanAll(list []string) []string {
	var out []string
	for _, s := range list {
		if s = clean(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// plain is the one normaliser of text, for every format: LaTeX, HTML, JATS and MathML markup and character references
// become the characters they stand for, invisible characters go, letters and their accents become one character (NFC),
// and runs of white space one space.
func plain(s string) string { return tidy(unmarked(proseLaTeX(s))) }

// plainLaTeX is plain for text that is LaTeX throughout.
func plainLaTeX(s string) string { return tidy(unmarked(latex(s))) }

// tagNames are the elements that publishers leave in titles and abstracts: HTML's for text, those of JATS, and
// MathML's.
const tagNames = `(?:jats|mml):[a-z-]+|i|b|u|em|strong|small|strike|s|a|sub|sup|sc|scp|tt|p|br|hr|span|div|font|` +
	`inf|italic|bold|underline|` +
	`overline|roman|monospace|sans-serif|styled-content|named-content|title|sec|h[1-6]|ul|ol|li|` +
	`list|list-item|xref|ext-link|` +
	`inline-formula|disp-formula|alternatives|blockquote|math|mrow|mstyle|mi|mn|mo|ms|mtext|` +
	`msub|msup|msubsup|mfrac|msqrt|mroot|` +
	`mover|munder|munderover|mspace|mfenced|mpadded|mtable|mtr|mtd|semantics`

// markup matches a tag and captures its name.
var markup = regexp.MustCompile(`(?i)<(/?)(` + tagNames + `)(?:\s[^<>]*)?/?>`)

// hidden matches elements whose content is a second writing of a formula, and comments.
var hidden = regexp.MustCompile(`(?is)<(?:jats:)?tex-math[^<>]*>.*?</(?:jats:)?tex-math>|` +
	`<(?:mml:)?annotation[^<>]*>.*?</(?:mml:)?annotation>|<!--.*?-->`)

// blocks are the elements that part words.
var blocks = words(`p br hr div title sec h1 h2 h3 h4 h5 h6 ul ol li list list-item blockquote disp-formula
	mspace mtr mtd`)

// unmarked takes markup and character references out. Text that was escaped twice, as happens between databases, is
// unescaped twice.
func unmarked(s string) string {
	for range 3 {
		if !strings.ContainsAny(s, "<&") {
			return s
		}
		before := s
		if strings.IndexByte(s, '<') >= 0 {
			s = untagged(hidden.ReplaceAllString(s, ""))
		}
		if strings.IndexByte(s, '&') >= 0 {
			s = html.UnescapeString(s)
		}
		if s == before {
			return s
		}
	}
	return s
}

// untagged takes tags out. A superscript number behind a digit keeps a mark, as in latexDecoder.script.
func untagged(s string) string {
	found := markup.FindAllStringSubmatchIndex(s, -1)
	if found == nil {
		return s
	}
	var b strings.Builder
	at := 0
	for _, m := range found {
		b.WriteString(s[at:m[0]])
		at = m[1]
		name := strings.ToLower(s[m[4]:m[5]])
		if _, local, ok := strings.Cut(name, ":"); ok {
			name = local
		}
		switch {
		case blocks[name]:
			b.WriteByte(' ')
		case name == "sup" && m[2] == m[3] && m[0] > 0 && s[m[0]-1] >= '0' && s[m[0]-1] <= '9' && superscriptNumber(s[at:]):
			b.WriteByte('^')
		}
	}
	b.WriteString(s[at:])
	return b.String()
}

// tidy composes accents, drops invisible characters, and makes runs of white space and control characters one space.
func tidy(s string) string {
	ascii := true
	for i := 0; i < len(s) && ascii; i++ {
		ascii = s[i] < utf8.RuneSelf && (s[i] >= ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') && s[i] != 0x7f
	}
	if !ascii {
		s = norm.NFC.String(strings.Map(func(r rune) rune {
			switch {
			case r == '\u200b', r == '\u2060', r == '\ufeff', r == '\u00ad':
				return -1
			case unicode.IsControl(r), r == '\u2028', r == '\u2029':
				return ' '
			}
			return r
		}, s))
	}
	return clean(s)
}

// missing reports whether a value stands for no value, in the words of spreadsheets, programs and databases.
func missing(s string) bool {
	s = strings.TrimSpace(s)
	if len(s) > 12 {
		return false
	}
	switch strings.ToLower(strings.Trim(s, "[]()")) {
	case "", "na", "n/a", "n.a.", "#n/a", "<na>", "nan", "none", "null", "nil", "nat", "n.d.", "n.d", "nd", "in press",
		"in-press", "inpress",
		"-", "--", "—", "?":
		return true
	}
	return s == "empty" || s == "EMPTY"
}

// present returns s, or nothing for a value that stands for none.
func present(s string) string {
	if missing(s) {
		return ""
	}
	return s
}

// splitList splits at any rune of separators and cleans the parts.
func splitList(s, separators string) []string {
	return cleanAll(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(separators, r) }))
}

// atoi reads a small whole number, for years and days.
func atoi(s string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	return n, err == nil
}
