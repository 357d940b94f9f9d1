package source

import (
	"fmt"
	"strings"
)

// fieldParser parses `name = value, name = value`, where a value is made of parts joined by #: text in braces, text in
// quotes, numbers, and abbreviations.
type fieldParser struct {
	in     string
	macros map[string]string
}

// fields parses all of them. The first of several fields of one name counts, as in BibTeX.
func (p *fieldParser) fields() (map[string]string, error) {
	out := make(map[string]string)
	for {
		p.in = strings.TrimLeft(p.in, " \t\r\n,")
		if p.in == "" {
			return out, nil
		}
		name, rest, found := strings.Cut(p.in, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !found || name == "" || strings.ContainsAny(name, "{}\",#") {
			return nil, fmt.Errorf("NAME = VALUE is expected at %q", excerpt([]byte(p.in)))
		}
		p.in = rest
		value, err := p.value(name)
		if err != nil {
			return nil, err
		}
		if _, taken := out[name]; !taken {
			out[name] = value
		}
	}
}

// value parses the parts of one value.
func (p *fieldParser) value(name string) (string, error) {
	var b strings.Builder
	for {
		p.in = strings.TrimLeft(p.in, " \t\r\n")
		part, err := p.part(name)
		if err != nil {
			return "", err
		}
		b.WriteString(part)
		p.in = strings.TrimLeft(p.in, " \t\r\n")
		switch {
		case p.in == "" || p.in[0] == ',':
			return b.String(), nil
		case p.in[0] != '#':
			return "", fmt.Errorf("a comma is missing behind field %q, at %q", name, excerpt([]byte(p.in)))
		}
		p.in = p.in[1:]
	}
}

// part parses one part.
func (p *fieldParser) part(name string) (string, error) {
	if p.in == "" {
		return "", fmt.Errorf("field %q has no value", name)
	}
	switch p.in[0] {
	case '{':
		end := groupEnd(p.in)
		if end == len(p.in) {
			return "", fmt.Errorf("the braces of field %q do not match", name)
		}
		text := p.in[1:end]
		p.in = p.in[end+1:]
		return text, nil
	case '"':
		end := quoteEnd(p.in)
		if end < 0 {
			return "", fmt.Errorf("the quotes of field %q do not match", name)
		}
		text := p.in[1:end]
		p.in = p.in[end+1:]
		return text, nil
	}
	end := strings.IndexAny(p.in, ",# \t\r\n{}\"")
	if end < 0 {
		end = len(p.in)
	}
	token := p.in[:end]
	p.in = p.in[end:]
	if token == "" {
		return "", fmt.Errorf("field %q has no value", name)
	}
	if value, ok := p.macros[strings.ToLower(token)]; ok {
		return value, nil
	}
	return token, nil // a number, or an abbreviation that some other file defines
}

// quoteEnd returns the index of the quote that closes the one s begins with, or -1. A quote within braces is text.
func quoteEnd(s string) int {
	depth := 0
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i+1 < len(s) && s[i+1] != '"' { // an accent's quote closes the value too, unless braces keep it
				i++
			}
		case '{':
			depth++
		case '}':
			depth--
		case '"':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}
