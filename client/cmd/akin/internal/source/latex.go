package source

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// accents holds the combining character of each LaTeX accent command.
var accents = map[string]rune{
	"`": 0x0300, "'": 0x0301, "^": 0x0302, "~": 0x0303, "=": 0x0304, "u": 0x0306, ".": 0x0307, `"`: 0x0308, "r": 0x030a,
	"H": 0x030b, "v": 0x030c, "d": 0x0323, "c": 0x0327, "k": 0x0328, "b": 0x0331,
}

// letters holds LaTeX commands that stand for a letter or sign.
var letters = map[string]string{
	"ss": "ß", "SS": "ẞ", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "aa": "å", "AA": "Å",
	"i": "ı", "j": "ȷ", "dh": "ð", "DH": "Ð", "th": "þ", "TH": "Þ", "dj": "đ", "DJ": "Đ", "ng": "ŋ", "NG": "Ŋ",
	"S": "§", "P": "¶", "pounds": "£", "euro": "€", "copyright": "©", "dots": "…", "ldots": "…", "textellipsis": "…",
	"textendash": "–", "textemdash": "—", "textquoteleft": "‘", "textquoteright": "’", "textquotedblleft": "“",
	"textquotedblright": "”", "textbackslash": `\`, "textasciitilde": "~", "textunderscore": "_", "slash": "/",
	"textregistered": "®", "texttrademark": "™", "textdegree": "°", "newline": " ", "par": " ", "quad": " ", "space": " ",
}

// styles are commands that only change how their argument looks.
var styles = map[string]bool{
	"emph": true, "textit": true, "textbf": true, "texttt": true, "textsc": true, "textsf": true, "textrm": true, "textsl": true,
	"textup": true, "text": true, "mbox": true, "hbox": true, "url": true, "underline": true, "enquote": true, "uppercase": true,
	"it": true, "bf": true, "tt": true, "em": true, "sc": true, "rm": true, "sl": true, "itshape": true, "bfseries": true,
	"textsuperscript": true, "textsubscript": true, "textnormal": true, "protect": true, "relax": true, "noopsort": true,
}

// latex turns LaTeX source, as bibliographies hold it, into plain text: accents become letters, quotes and dashes their
// signs, commands that only set a style vanish, braces too. Formulas between dollar signs stay as they are, without the
// dollar signs. The name of a command it does not know stays without its backslash.
func latex(s string) string {
	if !strings.ContainsAny(s, "\\{}~$-`'") {
		return clean(s)
	}
	d := latexDecoder{in: s}
	for d.in != "" {
		d.step()
	}
	return clean(norm.NFC.String(d.out.String()))
}

// latexDecoder holds what is left to read and what is written.
type latexDecoder struct {
	in  string
	out strings.Builder
}

// step decodes one character, command or group mark.
func (d *latexDecoder) step() {
	for _, sign := range []struct{ from, to string }{{"---", "—"}, {"--", "–"}, {"``", "“"}, {"''", "”"}, {"~", " "}, {"{", ""}, {"}", ""}} {
		if strings.HasPrefix(d.in, sign.from) {
			d.in = d.in[len(sign.from):]
			d.out.WriteString(sign.to)
			return
		}
	}
	switch d.in[0] {
	case '\\':
		d.in = d.in[1:]
		d.command()
	case '$':
		d.math()
	default:
		_, n := utf8.DecodeRuneInString(d.in)
		d.out.WriteString(d.in[:n])
		d.in = d.in[n:]
	}
}

// math copies a formula up to its closing dollar sign. A dollar sign without another one is money.
func (d *latexDecoder) math() {
	mark := "$"
	if strings.HasPrefix(d.in, "$$") {
		mark = "$$"
	}
	formula, rest, closed := strings.Cut(d.in[len(mark):], mark)
	if !closed {
		d.out.WriteString(mark)
		d.in = d.in[len(mark):]
		return
	}
	d.out.WriteString(formula)
	d.in = rest
}

// command decodes what follows a backslash.
func (d *latexDecoder) command() {
	name := d.name()
	if mark, ok := accents[name]; ok {
		if base, ok := d.argument(); ok {
			first, n := utf8.DecodeRuneInString(base)
			switch first {
			case 'ı':
				first = 'i'
			case 'ȷ':
				first = 'j'
			}
			d.out.WriteRune(first)
			d.out.WriteRune(mark)
			d.out.WriteString(base[n:])
		}
		return
	}
	switch {
	case letters[name] != "":
		d.out.WriteString(letters[name])
	case styles[name], name == "-", name == "/", name == "!":
	case name == "\\", name == ",", name == ";", name == ":", name == " ", name == "":
		d.out.WriteByte(' ')
	default: // an escaped sign, or a command whose name is the best there is
		d.out.WriteString(name)
	}
}

// name reads a command's name: letters, or one other character. Letters swallow the space behind them.
func (d *latexDecoder) name() string {
	end := 0
	for end < len(d.in) && (d.in[end] >= 'a' && d.in[end] <= 'z' || d.in[end] >= 'A' && d.in[end] <= 'Z') {
		end++
	}
	if end == 0 {
		_, n := utf8.DecodeRuneInString(d.in)
		name := d.in[:n]
		d.in = d.in[n:]
		return strings.ReplaceAll(name, "\n", " ")
	}
	name := d.in[:end]
	d.in = strings.TrimLeft(d.in[end:], " \t")
	return name
}

// argument reads an accent's argument, decoded: a group, a command for a letter, or one character. ok is false where there
// is none.
func (d *latexDecoder) argument() (text string, ok bool) {
	d.in = strings.TrimLeft(d.in, " \t")
	if d.in == "" || d.in[0] == '}' {
		return "", false
	}
	inner := latexDecoder{}
	switch {
	case d.in[0] == '{':
		end := groupEnd(d.in)
		inner.in, d.in = d.in[1:end], d.in[min(end+1, len(d.in)):]
	case d.in[0] == '\\' && len(d.in) > 1 && (d.in[1] == 'i' || d.in[1] == 'j'):
		inner.in = d.in[:2]
		d.in = strings.TrimLeft(d.in[2:], " ")
	default:
		_, n := utf8.DecodeRuneInString(d.in)
		inner.in, d.in = d.in[:n], d.in[n:]
	}
	inner.in = strings.NewReplacer("{", "", "}", "").Replace(inner.in)
	for depth := 0; inner.in != "" && depth < 64; depth++ { // an accent's argument is a letter or two
		if inner.in[0] == '\\' {
			inner.in = inner.in[1:]
			name := inner.name()
			inner.out.WriteString(letters[name])
			if letters[name] == "" {
				inner.out.WriteString(name)
			}
			continue
		}
		_, n := utf8.DecodeRuneInString(inner.in)
		inner.out.WriteString(inner.in[:n])
		inner.in = inner.in[n:]
	}
	inner.out.WriteString(inner.in)
	text = strings.TrimFunc(inner.out.String(), unicode.IsSpace)
	return text, text != ""
}

// groupEnd returns where the group that s begins with ends: the index of its closing brace, or len(s).
func groupEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(s)
}
