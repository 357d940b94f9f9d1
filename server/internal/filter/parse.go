package filter

import (
	"errors"
	"io"
	"regexp"
	"strings"

	"go.einride.tech/aip/filtering"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"
)

// Limits of a filter.
const (
	MaxLength = 4096 // bytes
	MaxDepth  = 32   // parentheses within parentheses
)

// Filter is a compiled filter. It is immutable.
type Filter struct {
	source string
	root   *node
}

// String returns the filter as it was given to Parse; the empty text for no filter, nil.
func (f *Filter) String() string {
	if f == nil {
		return ""
	}
	return f.source
}

// Parse compiles a filter. The error is an *Error.
func Parse(filter string) (*Filter, error) {
	if len(filter) > MaxLength {
		return nil, &Error{Position: MaxLength, Message: "the filter is longer than 4,096 bytes"}
	}
	text := strings.TrimSpace(filter)
	start := strings.Index(filter, text) // the parser trims too, and counts from there
	if text == "" {
		return nil, &Error{Message: "the filter is empty; leave it out to accept every paper"}
	}
	src, err := scan(text)
	if err == nil {
		var root *node
		if root, err = src.compile(); err == nil {
			return &Filter{source: filter, root: root}, nil
		}
	}
	var e *Error
	if errors.As(err, &e) {
		e.Position += start
	}
	return nil, err
}

// source is a filter as the parser takes it: bare times stand in quotes, so that each is one value, and no space stands
// before a closing parenthesis, where the parser would look for another condition.
type source struct {
	text  string
	edits []edit
}

// edit says that from offset at of the text on, the filter as it was given is shift bytes ahead.
type edit struct{ at, shift int }

// bareTime is a date or an RFC 3339 time that stands alone.
var bareTime = regexp.MustCompile(
	`^([0-9]{4}-[0-9]{2}-[0-9]{2}` +
		`(?:[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2}))?)(?:[\s),]|$)`)

// scan measures the depth before the parser, which recurses, sees the text, and makes the edits.
func scan(text string) (*source, error) {
	var lexer filtering.Lexer
	lexer.Init(text)
	var w rewriter
	depth := 0
	last := filtering.Token{Type: filtering.TokenTypeWhitespace}
	for {
		token, err := lexer.Lex()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, locate(err)
		}
		at := int(token.Position.Offset)
		if at < w.copied { // within a time
			continue
		}
		switch token.Type {
		case filtering.TokenTypeLeftParen:
			if depth++; depth > MaxDepth {
				return nil, &Error{Position: at, Message: "parentheses are nested deeper than 32"}
			}
		case filtering.TokenTypeRightParen:
			depth--
			if last.Type == filtering.TokenTypeWhitespace {
				w.replace(text, int(last.Position.Offset), at, "")
			}
		case filtering.TokenTypeNumber:
			// Behind text, a dot or a minus the number is a part of something longer.
			alone := last.Type == filtering.TokenTypeWhitespace || last.Type == filtering.TokenTypeLeftParen ||
				last.Type.IsComparator()
			if match := bareTime.FindStringSubmatch(text[at:]); alone && match != nil {
				w.replace(text, at, at, `"`)
				w.replace(text, at+len(match[1]), at+len(match[1]), `"`)
			}
		}
		last = token
	}
	w.WriteString(text[w.copied:])
	return &source{text: w.String(), edits: w.edits}, nil
}

// rewriter copies a text with edits.
type rewriter struct {
	strings.Builder
	copied int // bytes of the text dealt with
	edits  []edit
}

// replace copies the text up to from and writes with in place of what stands from there to to.
func (w *rewriter) replace(text string, from, to int, with string) {
	w.WriteString(text[w.copied:from])
	w.WriteString(with)
	w.copied = to
	w.edits = append(w.edits, edit{at: w.Len(), shift: to - w.Len()})
}

// original returns the offset in the filter as it was given.
func (s *source) original(at int) int {
	shift := 0
	for _, e := range s.edits {
		if e.at <= at {
			shift = e.shift
		}
	}
	return at + shift
}

// compile parses the text and turns the tree into a node.
func (s *source) compile() (*node, error) {
	var parser filtering.Parser
	parser.Init(s.text)
	parsed, err := parser.Parse()
	if err == nil {
		c := compiler{source: s, positions: parsed.GetSourceInfo().GetPositions()}
		var root *node
		if root, err = c.node(parsed.GetExpr()); err == nil {
			return root, nil
		}
		return nil, err
	}
	err = locate(err)
	var e *Error
	if errors.As(err, &e) {
		e.Position = s.original(e.Position)
	}
	return nil, err
}

// locate makes an *Error of what the lexer or parser returns. The innermost error knows the place best.
func locate(err error) error {
	e := &Error{Message: "the filter cannot be parsed"}
	for err != nil {
		if at, ok := err.(interface { // each link of the chain is looked at
			Position() filtering.Position
			Message() string
		}); ok {
			e.Position = int(at.Position().Offset)
			e.Message = advice(at.Message())
		}
		err = errors.Unwrap(err)
	}
	return e
}

// advice says what to do about the parser's commonest complaints.
func advice(message string) string {
	switch {
	case message == "parse token":
		return "the filter ends where a value or a condition is expected"
	case message == "unexpected trailing token WS":
		return "a condition is missing behind AND or OR"
	case strings.HasPrefix(message, "unexpected trailing token"), strings.HasPrefix(message, "unexpected token"):
		return message + "; values with other characters than letters, digits, _ and dots stand in quotes"
	case message == "expected )":
		return "a parenthesis is not closed"
	}
	return message
}

type expression = expr.Expr
