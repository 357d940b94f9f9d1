package filter

import (
	"fmt"
	"strings"
	"time"

	"go.einride.tech/aip/filtering"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"
)

// compiler checks a parsed filter against the fields there are.
type compiler struct {
	*source
	positions map[int64]int32 // expression id -> offset in source.text
}

func (c *compiler) errorf(e *expression, field, format string, args ...any) error {
	return &Error{
		Position: c.original(int(c.positions[e.GetId()])),
		Field:    short(field),
		Message:  fmt.Sprintf(format, args...),
	}
}

// short keeps an error from repeating a filter of 4 KiB.
func short(text string) string {
	const limit = 80
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "..."
}

const wantCondition = `write FIELD OPERATOR VALUE, such as categories:"cs.LG", and join conditions with AND or OR`

// node compiles an expression that is true or false.
func (c *compiler) node(e *expression) (*node, error) {
	call := e.GetCallExpr()
	if call == nil {
		return nil, c.errorf(e, "", "%s is not a condition: %s", describe(e), wantCondition)
	}
	args := call.GetArgs()
	switch call.GetFunction() {
	case filtering.FunctionAnd:
		return c.pair(and, args, c.node)
	case filtering.FunctionOr:
		return c.pair(or, args, c.node)
	case filtering.FunctionNot:
		return c.negated(args, c.node)
	case filtering.FunctionFuzzyAnd:
		if args[0].GetCallExpr().GetFunction() == filtering.FunctionFuzzyAnd { // the first two are further in
			return c.node(args[0])
		}
		return nil, c.errorf(args[1], "", "conditions stand side by side; join them with AND or OR")
	case filtering.FunctionHas, filtering.FunctionEquals, filtering.FunctionNotEquals, filtering.FunctionLessThan,
		filtering.FunctionLessEquals, filtering.FunctionGreaterThan, filtering.FunctionGreaterEquals:
		return c.restriction(call.GetFunction(), args[0], args[1])
	}
	return nil, c.errorf(e, "", "there is no function %s", short(call.GetFunction()))
}

func (c *compiler) pair(k kind, args []*expression, each func(*expression) (*node, error)) (*node, error) {
	a, err := each(args[0])
	if err != nil {
		return nil, err
	}
	b, err := each(args[1])
	if err != nil {
		return nil, err
	}
	return join(k, a, b), nil
}

func (c *compiler) negated(args []*expression, each func(*expression) (*node, error)) (*node, error) {
	n, err := each(args[0])
	if err != nil {
		return nil, err
	}
	return negate(n), nil
}

// restriction compiles FIELD OPERATOR VALUE, where the value may be values joined by AND, OR and NOT.
func (c *compiler) restriction(operator string, left, right *expression) (*node, error) {
	target, err := c.target(left)
	if err != nil {
		return nil, err
	}
	var each func(e *expression) (*node, error)
	each = func(e *expression) (*node, error) {
		if call := e.GetCallExpr(); call != nil {
			switch call.GetFunction() {
			case filtering.FunctionAnd:
				return c.pair(and, call.GetArgs(), each)
			case filtering.FunctionOr:
				return c.pair(or, call.GetArgs(), each)
			case filtering.FunctionNot:
				return c.negated(call.GetArgs(), each)
			}
		}
		return c.condition(target, operator, e)
	}
	return each(right)
}

// target is the left side of a condition.
type target struct {
	field field
	name  string // of the attribute; empty with fieldAttribute: the names themselves
	shown string // as error messages call it
}

var fields = map[string]field{
	"id":           fieldID,
	"categories":   fieldCategories,
	"authors":      fieldAuthors,
	"publish_time": fieldPublishTime,
	"attributes":   fieldAttribute,
}

func (c *compiler) target(e *expression) (target, error) {
	path, ok := selection(e)
	if !ok {
		return target{}, c.errorf(e, "", "%s stands where a field is expected: %s", describe(e), wantCondition)
	}
	field, ok := fields[path[0]]
	if !ok {
		return target{}, c.errorf(e, strings.Join(path, "."),
			"there is no such field; filters may use id, categories, authors, publish_time and attributes.NAME")
	}
	if field != fieldAttribute && len(path) > 1 {
		return target{}, c.errorf(e, strings.Join(path, "."), "%s has no fields of its own", short(path[0]))
	}
	return target{field: field, name: strings.Join(path[1:], "."), shown: strings.Join(path, ".")}, nil
}

// selection returns the parts of a.b.c.
func selection(e *expression) (path []string, ok bool) {
	switch {
	case e.GetIdentExpr() != nil:
		return []string{e.GetIdentExpr().GetName()}, true
	case e.GetSelectExpr() != nil:
		path, ok = selection(e.GetSelectExpr().GetOperand())
		return append(path, e.GetSelectExpr().GetField()), ok
	}
	return nil, false
}

func describe(e *expression) string {
	if path, ok := selection(e); ok {
		return short(strings.Join(path, "."))
	}
	switch constant := e.GetConstExpr().GetConstantKind().(type) {
	case *expr.Constant_StringValue:
		return fmt.Sprintf("%q", short(constant.StringValue))
	case *expr.Constant_Int64Value:
		return fmt.Sprint(constant.Int64Value)
	case *expr.Constant_DoubleValue:
		return fmt.Sprint(constant.DoubleValue)
	}
	return "this"
}

var operators = map[string]op{
	filtering.FunctionHas:           equal,
	filtering.FunctionEquals:        equal,
	filtering.FunctionNotEquals:     equal, // negated
	filtering.FunctionLessThan:      less,
	filtering.FunctionLessEquals:    lessEqual,
	filtering.FunctionGreaterThan:   greater,
	filtering.FunctionGreaterEquals: greaterEqual,
}

func (c *compiler) condition(t target, operator string, e *expression) (*node, error) {
	cond := condition{field: t.field, name: t.name, op: operators[operator]}
	has := operator == filtering.FunctionHas
	list := t.field == fieldCategories || t.field == fieldAuthors || t.field == fieldAttribute && t.name == ""
	if list && !has {
		return nil, c.errorf(e, t.shown, `it holds several values; ask for one with %s:"VALUE"`, short(t.shown))
	}
	v, quoted, err := c.value(t, e)
	if err != nil {
		return nil, err
	}
	switch {
	case has && v.kind == textValue && v.text == "*" && !quoted:
		cond.op = present
		return &node{cond: cond}, nil
	case t.field == fieldAttribute && t.name == "":
		cond.name, cond.op = v.text, present
		if v.kind == numberValue { // a name of digits
			cond.name = describe(e)
		}
		if v.kind == timeValue || cond.name == "" {
			return nil, c.errorf(e, t.shown, "a name is expected, such as attributes:venue")
		}
		return &node{cond: cond}, nil
	}
	if cond.value, err = c.convert(t, cond.op, v, quoted, e); err != nil {
		return nil, err
	}
	if operator == filtering.FunctionNotEquals {
		return negate(&node{cond: cond}), nil
	}
	return &node{cond: cond}, nil
}

// value reads the right side of a condition as it is written.
func (c *compiler) value(t target, e *expression) (v value, quoted bool, err error) {
	if path, ok := selection(e); ok { // unquoted text, as in categories:cs.LG
		return value{text: strings.Join(path, ".")}, false, nil
	}
	if call := e.GetCallExpr(); call != nil {
		if call.GetFunction() != filtering.FunctionTimestamp || len(call.GetArgs()) != 1 {
			return v, false, c.errorf(e, t.shown, "a value is expected; there is no function %s here", short(call.GetFunction()))
		}
		at, ok := parseTime(call.GetArgs()[0].GetConstExpr().GetStringValue())
		if !ok {
			return v, false, c.errorf(e, t.shown, wantTime)
		}
		return value{kind: timeValue, time: at}, false, nil
	}
	switch constant := e.GetConstExpr().GetConstantKind().(type) {
	case *expr.Constant_StringValue:
		// The parser makes a string of an unquoted word behind a colon; the text itself tells the two apart.
		first := c.text[min(int(c.positions[e.GetId()]), len(c.text)-1)]
		return value{text: constant.StringValue}, first == '"' || first == '\'', nil
	case *expr.Constant_Int64Value:
		return value{kind: numberValue, number: float64(constant.Int64Value)}, false, nil
	case *expr.Constant_DoubleValue:
		return value{kind: numberValue, number: constant.DoubleValue}, false, nil
	}
	return v, false, c.errorf(e, t.shown, "a value is expected")
}

const wantTime = `a time is expected, such as 2024-05-01 or "2024-05-01T12:00:00Z"`

// convert gives a value the kind that the field has, or names the mistake.
func (c *compiler) convert(t target, o op, v value, quoted bool, e *expression) (value, error) {
	switch t.field {
	case fieldPublishTime:
		if v.kind == timeValue {
			return v, nil
		}
		at, ok := parseTime(v.text)
		if v.kind != textValue || !ok {
			return v, c.errorf(e, t.shown, wantTime)
		}
		return value{kind: timeValue, time: at}, nil
	case fieldAttribute:
		if v.kind == timeValue {
			return v, c.errorf(e, t.shown, "attributes hold text, numbers and booleans; write a time kept as text in quotes")
		}
		if v.kind == textValue && !quoted && (v.text == "true" || v.text == "false") {
			if o != equal {
				return v, c.errorf(e, t.shown, "true and false have no order; use = or !=")
			}
			return value{kind: boolValue, truth: v.text == "true"}, nil
		}
		return v, nil
	}
	if v.kind != textValue {
		return v, c.errorf(e, t.shown, "text is expected; put the value in quotes")
	}
	return v, nil
}

func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, strings.ToUpper(text)); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
