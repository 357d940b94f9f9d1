package gateway

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Bounds of a query's parameters.
const (
	maxPathDepth = 8
	maxPathIndex = 1000
)

// step is one part of a parameter's name: a field, and where it is one of a list's messages, which.
type step struct {
	name  string
	index int // -1: none
}

// parameter is one name of a query with its values.
type parameter struct {
	name   string
	path   []step
	values []string
}

// decodeQuery sets a message's fields by parameters that are named as errors name fields: text=…, options.filter=…,
// likes[0].paper_id=…. Both spellings of a field do, page_size and pageSize. A list of plain values is given by as
// many parameters of one name. One without a value counts as not given. All faults are told at once.
func decodeQuery(values url.Values, m protoreflect.Message) error {
	var faults violations
	var list []parameter
	for name, texts := range values {
		if !slices.ContainsFunc(texts, func(s string) bool { return s != "" }) && !isBool(m, name) {
			continue // a form sends what is not filled in
		}
		path, fault := parsePath(name)
		if fault != "" {
			faults.add(name, fault)
			continue
		}
		list = append(list, parameter{name, path, texts})
	}
	slices.SortFunc(list, func(a, b parameter) int {
		return cmp.Or(slices.CompareFunc(a.path, b.path, compareSteps), cmp.Compare(a.name, b.name))
	})
	for _, p := range list {
		if fault := set(m, p.path, p.values); fault != "" {
			faults.add(p.name, fault)
		}
	}
	slices.SortFunc(faults, func(a, b *errdetails.BadRequest_FieldViolation) int {
		return cmp.Compare(a.GetField(), b.GetField())
	})
	return faults.err()
}

// isBool reports whether a name is that of a field that is true or false: ?strict looks as if it were true.
func isBool(m protoreflect.Message, name string) bool {
	fields := m.Descriptor().Fields()
	field := fields.ByTextName(name)
	if field == nil {
		field = fields.ByJSONName(name)
	}
	return field != nil && field.Kind() == protoreflect.BoolKind
}

func compareSteps(a, b step) int {
	return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.index, b.index))
}

// parsePath splits a parameter's name.
func parsePath(name string) (path []step, fault string) {
	for part := range strings.SplitSeq(name, ".") {
		if len(path) == maxPathDepth {
			return nil, "is nested too deep"
		}
		s := step{part, -1}
		if field, rest, ok := strings.Cut(part, "["); ok {
			digits, closed := strings.CutSuffix(rest, "]")
			n, err := strconv.Atoi(digits)
			if !closed || err != nil || n < 0 || n >= maxPathIndex || strconv.Itoa(n) != digits {
				return nil, "has no index of the form [0] to [999]"
			}
			s = step{field, n}
		}
		path = append(path, s)
	}
	return path, ""
}

// set sets the field at a path. It returns what is wrong, for the reader who knows the parameter's name.
func set(m protoreflect.Message, path []step, texts []string) (fault string) {
	fields := m.Descriptor().Fields()
	field := fields.ByTextName(path[0].name)
	if field == nil {
		field = fields.ByJSONName(path[0].name)
	}
	if field == nil {
		return "is not known: " + string(m.Descriptor().Name()) + " has no such field"
	}
	if one := field.ContainingOneof(); one != nil && !one.IsSynthetic() {
		if other := m.WhichOneof(one); other != nil && other != field {
			return "is given beside " + string(other.Name()) + ": only one of them may be"
		}
	}
	message := field.Kind() == protoreflect.MessageKind && !plain(field.Message())
	switch {
	case field.IsMap():
		return "is a map, which a query cannot hold: use POST, or message= with JSON"
	case field.IsList() && message:
		if path[0].index < 0 || len(path) == 1 {
			return "is a list of messages: give " + string(field.Name()) + "[0].FIELD"
		}
		list := m.Mutable(field).List()
		if path[0].index > list.Len() {
			return "leaves out " + string(field.Name()) + "[" + strconv.Itoa(list.Len()) + "]"
		}
		if path[0].index == list.Len() {
			list.AppendMutable()
		}
		return set(list.Get(path[0].index).Message(), path[1:], texts)
	case path[0].index >= 0:
		return "takes no index"
	case message:
		if len(path) == 1 {
			return "is a message: give " + string(field.Name()) + ".FIELD"
		}
		return set(m.Mutable(field).Message(), path[1:], texts)
	case len(path) > 1:
		return "has no fields of its own"
	case field.IsList():
		list := m.Mutable(field).List()
		for _, text := range texts {
			value, fault := parse(field, list.NewElement(), text)
			if fault != "" {
				return fault
			}
			list.Append(value)
		}
		return ""
	case len(texts) > 1:
		return "is given more than once"
	case m.Has(field) && field.HasPresence():
		return "is given in both spellings"
	}
	value, fault := parse(field, m.NewField(field), texts[0])
	if fault == "" {
		m.Set(field, value)
	}
	return fault
}

// plain reports whether a message has a text form.
func plain(md protoreflect.MessageDescriptor) bool {
	switch md.FullName() {
	case durationName, timestampName, maskName:
		return true
	}
	return false
}

var (
	durationName  = (*durationpb.Duration)(nil).ProtoReflect().Descriptor().FullName()
	timestampName = (*timestamppb.Timestamp)(nil).ProtoReflect().Descriptor().FullName()
	maskName      = (*fieldmaskpb.FieldMask)(nil).ProtoReflect().Descriptor().FullName()
)

// parse is the value of a text. into is a new value of the field.
func parse(field protoreflect.FieldDescriptor, into protoreflect.Value, text string) (protoreflect.Value, string) {
	var none protoreflect.Value
	if !utf8.ValidString(text) {
		return none, "is not valid UTF-8"
	}
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text), ""
	case protoreflect.BoolKind:
		switch text {
		case "true", "1":
			return protoreflect.ValueOfBool(true), ""
		case "false", "0":
			return protoreflect.ValueOfBool(false), ""
		}
		return none, "is not true or false"
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		n, err := strconv.ParseInt(text, 10, 32)
		return protoreflect.ValueOfInt32(int32(n)), unless(err, "is no whole number of 32 bits")
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		n, err := strconv.ParseInt(text, 10, 64)
		return protoreflect.ValueOfInt64(n), unless(err, "is no whole number of 64 bits")
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		n, err := strconv.ParseUint(text, 10, 32)
		return protoreflect.ValueOfUint32(uint32(n)), unless(err, "is no whole number of 32 bits from 0")
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		n, err := strconv.ParseUint(text, 10, 64)
		return protoreflect.ValueOfUint64(n), unless(err, "is no whole number of 64 bits from 0")
	case protoreflect.FloatKind:
		x, err := strconv.ParseFloat(text, 32)
		return protoreflect.ValueOfFloat32(float32(x)), unless(err, "is no number")
	case protoreflect.DoubleKind:
		x, err := strconv.ParseFloat(text, 64)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return none, "is no finite number"
		}
		return protoreflect.ValueOfFloat64(x), unless(err, "is no number")
	case protoreflect.BytesKind:
		data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
		return protoreflect.ValueOfBytes(data), unless(err, "is not base64 with the alphabet of URLs")
	case protoreflect.EnumKind:
		return parseEnum(field.Enum(), text)
	case protoreflect.MessageKind:
		return parsePlain(into, text)
	}
	return none, "cannot be given in a query: use POST, or message= with JSON"
}

func unless(err error, fault string) string {
	if err == nil {
		return ""
	}
	return fault
}

// parseEnum is a value by its name or its number.
func parseEnum(enum protoreflect.EnumDescriptor, text string) (protoreflect.Value, string) {
	if value := enum.Values().ByName(protoreflect.Name(text)); value != nil {
		return protoreflect.ValueOfEnum(value.Number()), ""
	}
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(n)), ""
	}
	var names []string
	for i := range enum.Values().Len() {
		names = append(names, string(enum.Values().Get(i).Name()))
	}
	return protoreflect.Value{}, "is none of " + strings.Join(names, ", ")
}

// parsePlain is a message by its text form, which is that in JSON. The paths of a mask may be spelt either way.
func parsePlain(into protoreflect.Value, text string) (protoreflect.Value, string) {
	m := into.Message()
	if m.Descriptor().FullName() == maskName {
		paths := m.Mutable(m.Descriptor().Fields().ByName("paths")).List()
		for path := range strings.SplitSeq(text, ",") {
			paths.Append(protoreflect.ValueOfString(snake(strings.TrimSpace(path))))
		}
		return into, ""
	}
	quoted, err := json.Marshal(text)
	if err == nil {
		err = protojson.Unmarshal(quoted, m.Interface())
	}
	if m.Descriptor().FullName() == durationName {
		return into, unless(err, "is no duration in seconds, such as 3.5s")
	}
	return into, unless(err, "is no time, such as 2026-01-31T00:00:00Z")
}

// snake turns a lowerCamelCase name into the one of the contract.
func snake(name string) string {
	var out strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			out.WriteByte('_')
			r = unicode.ToLower(r)
		}
		out.WriteRune(r)
	}
	return out.String()
}
