package source

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// latex turns LaTeX source, as bibliographies hold it, into plain text: accents become letters, quotes and dashes
// their signs, commands that only set a style vanish, braces too. Formulas become the plain text that one would type
// for them: CO$_2$ is CO2, $10^{-3}$ is 10^-3, $\alpha$ is α. The name of a command it does not know stays without its
// backslash.
func latex(s string) string {
	if !strings.ContainsAny(s, "\\{}~$-`'") {
		return s
	}
	d := latexDecoder{in: s, full: true}
	return norm.NFC.String(d.run())
}

// proseLaTeX decodes the LaTeX that stands in a text which otherwise is none, such as an abstract on a publisher's
// page: commands that it knows, formulas, and groups that begin with a command. Everything else is left alone.
func proseLaTeX(s string) string {
	if !strings.ContainsAny(s, "\\$") {
		return s
	}
	d := latexDecoder{in: s}
	return norm.NFC.String(d.run())
}

// Bounds of the decoder: groups within groups, and the length of a formula, in bytes.
const (
	maxGroups  = 40
	maxFormula = 2_000
)

// latexDecoder holds what is left to read and what is written.
type latexDecoder struct {
	in    string
	out   strings.Builder
	last  rune // last one written
	full  bool // all of the text is LaTeX
	math  bool // within a formula
	depth int  // of groups
}

// run decodes everything.
func (d *latexDecoder) run() string {
	for d.in != "" {
		d.step()
	}
	return d.out.String()
}

// write appends decoded text.
func (d *latexDecoder) write(s string) {
	if s != "" {
		d.out.WriteString(s)
		d.last, _ = utf8.DecodeLastRuneInString(s)
	}
}

// inner decodes a part of the text on its own.
func (d *latexDecoder) inner(s string, math bool) string {
	if d.depth >= maxGroups {
		return strings.NewReplacer("{", "", "}", "").Replace(s)
	}
	in := latexDecoder{in: s, full: true, math: math, depth: d.depth + 1, last: d.last}
	return in.run()
}

// ligatures are the signs that LaTeX text makes of several characters.
var ligatures = []struct{ from, to string }{{"---", "—"}, {"--", "–"}, {"``", "“"}, {"''", "”"}, {"~", " "},
	{"{", ""}, {"}", ""}}

// step decodes one character, command, formula or group mark.
func (d *latexDecoder) step() {
	if d.full {
		for i, sign := range ligatures {
			if strings.HasPrefix(d.in, sign.from) && (i >= 4 || !d.math) {
				d.in = d.in[len(sign.from):]
				d.write(sign.to)
				return
			}
		}
	}
	switch c := d.in[0]; {
	case c == '\\':
		d.in = d.in[1:]
		d.command()
	case c == '$' && !d.math:
		d.dollar()
	case c == '$':
		d.in = d.in[1:]
	case d.math && (c == '_' || c == '^'):
		d.in = d.in[1:]
		d.script(c == '^')
	case !d.full && c == '{' && len(d.in) > 1 && d.in[1] == '\\':
		if end := groupEnd(d.in[:min(len(d.in), maxFormula)]); end < min(len(d.in), maxFormula) {
			group := d.in[1:end]
			d.in = d.in[end+1:]
			d.write(d.inner(group, false))
			return
		}
		d.in = d.in[1:]
		d.write("{")
	default:
		_, n := utf8.DecodeRuneInString(d.in)
		d.write(d.in[:n])
		d.in = d.in[n:]
	}
}

// dollar decodes a formula between dollar signs. As pandoc does, it takes for one what begins and ends with anything
// but white space, and is not followed by a digit: other dollar signs are money.
func (d *latexDecoder) dollar() {
	mark := "$"
	if strings.HasPrefix(d.in, "$$") {
		mark = "$$"
	}
	formula, rest, closed := strings.Cut(d.in[len(mark):min(len(d.in), maxFormula)], mark)
	if closed {
		rest = d.in[len(mark)+len(formula)+len(mark):]
	}
	money := mark == "$" && (strings.TrimSpace(formula) != formula || rest != "" && rest[0] >= '0' && rest[0] <= '9')
	if !closed || formula == "" || money || strings.HasSuffix(formula, `\`) {
		d.write(mark)
		d.in = d.in[len(mark):]
		return
	}
	d.in = rest
	d.write(d.inner(formula, true))
}

// script decodes a subscript, which stands as it is, or a superscript, which keeps its mark where a power is likely:
// behind a digit, and within a formula unless it is a charge. So Ca$^{2+}$ is Ca2+, d$^{-1}$ is d-1, $10^{-3}$ is
// 10^-3 and $O(n^2)$ is O(n^2).
func (d *latexDecoder) script(up bool) {
	text, ok := d.argument()
	last, _ := utf8.DecodeLastRuneInString(text)
	switch {
	case !ok:
	case up && text == "∘":
		d.write("°")
	case up && superscriptNumber(text) &&
		(unicode.IsDigit(d.last) || d.math && d.out.Len() > 0 && !strings.ContainsRune("+-−–", last)):
		d.write("^" + text)
	default:
		d.write(text)
	}
}

// superscriptNumber reports whether a superscript would be read as part of the number in front of it.
func superscriptNumber(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsDigit(r) || strings.ContainsRune("+-−–", r)
}

// command decodes what follows a backslash.
func (d *latexDecoder) command() {
	name, spaced := d.name()
	isWord := name != "" && (name[0] >= 'a' && name[0] <= 'z' || name[0] >= 'A' && name[0] <= 'Z')
	mark, accent := accents[name]
	switch {
	case accent && !d.math && (d.full || !isWord || strings.HasPrefix(d.in, "{")):
		d.accent(name, mark)
	case name == "(" || name == "[":
		d.formula(map[string]string{"(": `\)`, "[": `\]`}[name], name)
	case letters[name] != "":
		d.write(letters[name])
		if spaced && d.math && d.in != "" {
			d.write(" ")
		}
	case dropped[name]:
		if strings.HasPrefix(d.in, "[") {
			if end := strings.IndexByte(d.in[:min(len(d.in), maxFormula)], ']'); end > 0 {
				d.in = d.in[end+1:]
			}
		}
		if strings.HasPrefix(d.in, "{") {
			d.in = d.in[min(groupEnd(d.in)+1, len(d.in)):]
		}
	case name == "frac" || name == "dfrac" || name == "tfrac":
		top, _ := d.argument()
		bottom, _ := d.argument()
		d.write(top + "/" + bottom)
	case name == "sqrt":
		text, _ := d.argument()
		d.write("√" + text)
	case name == "textsuperscript":
		d.script(true)
	case name == "href":
		_, _ = d.argument()
		text, _ := d.argument()
		d.write(text)
	case styles[name]:
		if strings.HasPrefix(d.in, "{") {
			text, _ := d.argument()
			d.write(text)
		} else if spaced && (d.math || !d.full) {
			d.write(" ")
		}
	case name == "-", name == "/", name == "!":
	case name == "\\" && !d.full: // perhaps a path, or a backslash written twice
		d.write(`\\`)
	case name == "\\", name == ",", name == ";", name == ":", name == " ", name == ">":
		d.write(" ")
	case name == "":
		if !d.full {
			d.write(`\`)
		}
	case isWord && !d.full && !functions[name]:
		d.write(`\` + name)
		if spaced {
			d.write(" ")
		}
	case isWord:
		if d.math && (unicode.IsLetter(d.last) || unicode.IsDigit(d.last)) {
			d.write(" ")
		}
		d.write(name)
		if spaced && d.in != "" {
			d.write(" ")
		}
	case d.full || strings.ContainsAny(name, `&%$#_{}"'`):
		d.write(name)
	default:
		d.write(`\` + name)
	}
}

// accent puts a combining character on its argument. Where the text is not all LaTeX, only accents that make one
// letter are taken for such.
func (d *latexDecoder) accent(name string, mark rune) {
	if !d.full && (d.in == "" || !unicode.IsLetter(rune(d.in[0])) && d.in[0] != '{' && !strings.HasPrefix(d.in, `\i`) &&
		!strings.HasPrefix(d.in, `\j`)) {
		if strings.ContainsAny(name, `'"`) {
			d.write(name)
		} else {
			d.write(`\` + name)
		}
		return
	}
	before := d.in
	base, ok := d.argument()
	if !ok {
		return
	}
	first, n := utf8.DecodeRuneInString(base)
	switch first {
	case 'ı':
		first = 'i'
	case 'ȷ':
		first = 'j'
	}
	made := norm.NFC.String(string(first) + string(mark))
	if !d.full && utf8.RuneCountInString(made) > 1 {
		d.in = before
		d.write(strings.TrimLeft(name, "`^~=."))
		return
	}
	d.write(made + base[n:])
}

// formula decodes up to the closing mark; without one, the opening mark is text.
func (d *latexDecoder) formula(closing, open string) {
	// A formula is looked for as far as one may reach, so that opening marks alone cost no more than their text.
	end := strings.Index(d.in[:min(len(d.in), maxFormula)], closing)
	if end < 0 {
		if d.full {
			d.write(open)
		} else {
			d.write(`\` + open)
		}
		return
	}
	formula := d.in[:end]
	d.in = d.in[end+len(closing):]
	d.write(d.inner(formula, true))
}

// name reads a command's name: letters, or one other character. Letters swallow the space behind them.
func (d *latexDecoder) name() (name string, spaced bool) {
	end := 0
	for end < len(d.in) && (d.in[end] >= 'a' && d.in[end] <= 'z' || d.in[end] >= 'A' && d.in[end] <= 'Z') {
		end++
	}
	if end == 0 {
		_, n := utf8.DecodeRuneInString(d.in)
		name = d.in[:n]
		d.in = d.in[n:]
		return strings.ReplaceAll(name, "\n", " "), false
	}
	name = d.in[:end]
	rest := strings.TrimLeft(d.in[end:], " \t\n")
	spaced = len(rest) < len(d.in)-end
	d.in = rest
	return name, spaced
}

// argument reads a command's argument, decoded: a group, a command, or one character. ok is false where there is none.
func (d *latexDecoder) argument() (text string, ok bool) {
	d.in = strings.TrimLeft(d.in, " \t")
	if d.in == "" || d.in[0] == '}' {
		return "", false
	}
	var part string
	switch {
	case d.in[0] == '{':
		end := groupEnd(d.in)
		part, d.in = d.in[1:end], d.in[min(end+1, len(d.in)):]
	case d.in[0] == '\\':
		rest := latexDecoder{in: d.in[1:]}
		name, _ := rest.name()
		part, d.in = `\`+name, rest.in
		if styles[name] && strings.HasPrefix(d.in, "{") {
			end := groupEnd(d.in)
			part += d.in[:min(end+1, len(d.in))]
			d.in = d.in[min(end+1, len(d.in)):]
		}
	default:
		_, n := utf8.DecodeRuneInString(d.in)
		part, d.in = d.in[:n], d.in[n:]
	}
	text = strings.TrimSpace(d.inner(part, d.math))
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
