package mcp

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cost is a cautious count of a text's tokens, since no two models share a tokenizer: one for each four letters of a
// word and each two figures of a number, one for each other sign, and two for each character beyond ASCII.
func cost(text string) int {
	sum, letters, digits := 0, 0, 0
	flush := func() {
		sum += (letters+3)/4 + (digits+1)/2
		letters, digits = 0, 0
	}
	lower := false
	for _, r := range text {
		small := r >= 'a' && r <= 'z'
		switch {
		case small || r >= 'A' && r <= 'Z':
			if digits > 0 || lower && !small {
				flush()
			}
			letters++
		case r >= '0' && r <= '9':
			if letters > 0 {
				flush()
			}
			digits++
		default:
			flush()
			if r >= utf8.RuneSelf {
				sum += 2
			} else if r != ' ' {
				sum++
			}
		}
		lower = small
	}
	flush()
	return sum
}

// encode is JSON that leaves <, > and & as they are.
func encode(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// costOf is the cost of a value in an answer.
func costOf(v any) int {
	text, err := encode(v)
	if err != nil {
		panic(err) // plain values of this package
	}
	return cost(text)
}

// plain drops what a reader does not see and a model does: control and format characters, private use, and the tags in
// which text can be hidden. The joiners that scripts and emoji need stay. Space of any kind and length becomes one
// space.
func plain(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == '\u200c' || r == '\u200d':
			return r
		case unicode.In(r, unicode.C), r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0100 && r <= 0xe01ef:
			return -1
		}
		return r
	}, text)), " ")
}

// head is the length in bytes of the longest beginning of a text that costs at most so many tokens. It ends between
// words where there are any.
func head(text string, tokens int) int {
	low, high := 0, len(text)
	for low < high { // cost grows with length
		mid := (low + high + 1) / 2
		if cost(text[:mid]) <= tokens {
			low = mid
		} else {
			high = mid - 1
		}
	}
	for low > 0 && low < len(text) && !utf8.RuneStart(text[low]) {
		low--
	}
	if low < len(text) {
		if space := strings.LastIndexByte(text[:low], ' '); space > low/2 {
			return space + 1
		}
	}
	return low
}
