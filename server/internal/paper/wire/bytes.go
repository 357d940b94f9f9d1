package wire

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/akin-search/akin/server/internal/paper"
)

// ErrMalformed is bytes that are no akin.v1.Paper.
var ErrMalformed = errors.New("malformed paper")

// Field numbers of akin.v1.Paper, akin.v1.AttributeValue, a map entry and google.protobuf.Timestamp.
const (
	fieldID          = 1
	fieldTitle       = 2
	fieldAbstract    = 3
	fieldAuthors     = 4
	fieldCategories  = 5
	fieldPublishTime = 6
	fieldURL         = 7
	fieldDOI         = 8
	fieldAttributes  = 9
	fieldCreateTime  = 10
	fieldUpdateTime  = 11
	fieldRevision    = 12

	fieldString = 1
	fieldDouble = 2
	fieldBool   = 3

	fieldKey   = 1
	fieldValue = 2

	fieldSeconds = 1
	fieldNanos   = 2
)

// Append appends the bytes of p as an akin.v1.Paper: AppendContent, then AppendStamp. Equal papers give equal bytes.
func Append(dst []byte, p *paper.Paper) []byte {
	return AppendStamp(AppendContent(dst, p, true), p)
}

// AppendContent appends the fields the caller chose, the abstract only when asked, in ascending order of their numbers
// and attributes in ascending order of their names.
func AppendContent(dst []byte, p *paper.Paper, abstract bool) []byte {
	dst = appendString(dst, fieldID, p.ID)
	dst = appendString(dst, fieldTitle, p.Title)
	if abstract {
		dst = appendString(dst, fieldAbstract, p.Abstract)
	}
	for _, s := range p.Authors {
		dst = protowire.AppendString(protowire.AppendTag(dst, fieldAuthors, protowire.BytesType), s)
	}
	for _, s := range p.Categories {
		dst = protowire.AppendString(protowire.AppendTag(dst, fieldCategories, protowire.BytesType), s)
	}
	dst = appendTime(dst, fieldPublishTime, p.PublishTime)
	dst = appendString(dst, fieldURL, p.URL)
	dst = appendString(dst, fieldDOI, p.DOI)
	if len(p.Attributes) > 0 {
		names := make([]string, 0, 16)
		names = slices.AppendSeq(names, maps.Keys(p.Attributes))
		slices.Sort(names)
		for _, name := range names {
			dst = appendAttribute(dst, name, p.Attributes[name])
		}
	}
	return dst
}

// AppendStamp appends the fields the store chose: times and revision. Their bytes start with StampTag when CreateTime
// is set.
func AppendStamp(dst []byte, p *paper.Paper) []byte {
	dst = appendTime(dst, fieldCreateTime, p.CreateTime)
	dst = appendTime(dst, fieldUpdateTime, p.UpdateTime)
	if p.Revision != 0 {
		dst = protowire.AppendVarint(protowire.AppendTag(dst, fieldRevision, protowire.VarintType), p.Revision)
	}
	return dst
}

// StampTag is the first byte of what AppendStamp appends for a paper with a CreateTime. No field that AppendContent
// appends starts with it.
const StampTag = fieldCreateTime<<3 | byte(protowire.BytesType)

func appendString(dst []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return dst
	}
	return protowire.AppendString(protowire.AppendTag(dst, field, protowire.BytesType), s)
}

func appendTime(dst []byte, field protowire.Number, t time.Time) []byte {
	if t.IsZero() {
		return dst
	}
	sec, nanos := uint64(t.Unix()), uint64(t.Nanosecond())
	size := 0
	if sec != 0 {
		size += 1 + protowire.SizeVarint(sec)
	}
	if nanos != 0 {
		size += 1 + protowire.SizeVarint(nanos)
	}
	dst = protowire.AppendVarint(protowire.AppendTag(dst, field, protowire.BytesType), uint64(size))
	if sec != 0 {
		dst = protowire.AppendVarint(protowire.AppendTag(dst, fieldSeconds, protowire.VarintType), sec)
	}
	if nanos != 0 {
		dst = protowire.AppendVarint(protowire.AppendTag(dst, fieldNanos, protowire.VarintType), nanos)
	}
	return dst
}

func appendAttribute(dst []byte, name string, v paper.Value) []byte {
	var body int // bytes of the AttributeValue
	switch v.Kind {
	case paper.StringValue:
		body = 1 + protowire.SizeBytes(len(v.String))
	case paper.NumberValue:
		body = 9
	case paper.BoolValue:
		body = 2
	}
	dst = protowire.AppendTag(dst, fieldAttributes, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(1+protowire.SizeBytes(len(name))+1+protowire.SizeBytes(body)))
	dst = protowire.AppendString(protowire.AppendTag(dst, fieldKey, protowire.BytesType), name)
	dst = protowire.AppendVarint(protowire.AppendTag(dst, fieldValue, protowire.BytesType), uint64(body))
	switch v.Kind {
	case paper.StringValue:
		dst = protowire.AppendString(protowire.AppendTag(dst, fieldString, protowire.BytesType), v.String)
	case paper.NumberValue:
		dst = protowire.AppendFixed64(protowire.AppendTag(dst, fieldDouble, protowire.Fixed64Type),
			math.Float64bits(v.Number))
	case paper.BoolValue:
		dst = protowire.AppendVarint(protowire.AppendTag(dst, fieldBool, protowire.VarintType), protowire.EncodeBool(v.Bool))
	}
	return dst
}

// Decode reads the bytes of an akin.v1.Paper, with the same result as unmarshalling and FromProto. The paper holds one
// copy of b that all its strings share. Unknown fields are skipped; ErrMalformed when b is not such a message.
func Decode(b []byte) (*paper.Paper, error) {
	p := new(paper.Paper)
	if err := decode(p, string(b), b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return p, nil
}

// DecodeBrief reads the id and the title of bytes that Append or AppendContent made, whose fields rise: it stops at the
// first field behind them. Both strings share one copy.
func DecodeBrief(b []byte) (id, title string, err error) {
	var parts [2][]byte
	for rest := b; len(rest) > 0; {
		field, kind, n := consumeTag(rest)
		if n < 0 {
			return "", "", fmt.Errorf("%w: %w", ErrMalformed, protowire.ParseError(n))
		}
		if field > fieldTitle {
			break
		}
		body, size := protowire.ConsumeBytes(rest[n:])
		switch {
		case kind != protowire.BytesType:
			return "", "", fmt.Errorf("%w: field %d is no string", ErrMalformed, field)
		case size < 0:
			return "", "", fmt.Errorf("%w: %w", ErrMalformed, protowire.ParseError(size))
		case !utf8.Valid(body):
			return "", "", fmt.Errorf("%w: %w", ErrMalformed, errUTF8)
		}
		parts[field-fieldID] = body
		rest = rest[n+size:]
	}
	both := string(parts[0]) + string(parts[1])
	return both[:len(parts[0])], both[len(parts[0]):], nil
}

var errUTF8 = errors.New("string is not UTF-8")

// decode fills p. The bytes of text and b are the same: numbers are read from b, strings are cut out of text.
func decode(p *paper.Paper, text string, b []byte) error {
	if err := countLists(p, b); err != nil {
		return err
	}
	for at := 0; at < len(b); {
		field, kind, n := consumeTag(b[at:])
		if n < 0 {
			return protowire.ParseError(n)
		}
		at += n
		if kind == protowire.VarintType && field == fieldRevision {
			v, n := protowire.ConsumeVarint(b[at:])
			if n < 0 {
				return protowire.ParseError(n)
			}
			p.Revision, at = v, at+n
			continue
		}
		if kind != protowire.BytesType || field > fieldUpdateTime {
			n := protowire.ConsumeFieldValue(field, kind, b[at:])
			if n < 0 {
				return protowire.ParseError(n)
			}
			at += n
			continue
		}
		body, n := protowire.ConsumeBytes(b[at:])
		if n < 0 {
			return protowire.ParseError(n)
		}
		at += n
		s := text[at-len(body) : at]
		var err error
		switch field {
		case fieldPublishTime:
			p.PublishTime, err = decodeTime(p.PublishTime, body)
		case fieldCreateTime:
			p.CreateTime, err = decodeTime(p.CreateTime, body)
		case fieldUpdateTime:
			p.UpdateTime, err = decodeTime(p.UpdateTime, body)
		case fieldAttributes:
			err = decodeAttribute(p, s, body)
		default:
			if !utf8.Valid(body) {
				return errUTF8
			}
			setString(p, field, s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// consumeTag is protowire.ConsumeTag that, as the generated code does, refuses field numbers out of protobuf's range.
func consumeTag(b []byte) (protowire.Number, protowire.Type, int) {
	field, kind, n := protowire.ConsumeTag(b)
	if n > 0 && field > protowire.MaxValidNumber {
		return 0, 0, -1
	}
	return field, kind, n
}

// setString stores one of the string fields of a paper.
func setString(p *paper.Paper, field protowire.Number, s string) {
	switch field {
	case fieldID:
		p.ID = s
	case fieldTitle:
		p.Title = s
	case fieldAbstract:
		p.Abstract = s
	case fieldAuthors:
		p.Authors = append(p.Authors, s)
	case fieldCategories:
		p.Categories = append(p.Categories, s)
	case fieldURL:
		p.URL = s
	case fieldDOI:
		p.DOI = s
	}
}

// countLists gives the lists their final capacity in one allocation.
func countLists(p *paper.Paper, b []byte) error {
	authors, categories := 0, 0
	for len(b) > 0 {
		field, kind, n := consumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(field, kind, b); n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if kind == protowire.BytesType {
			switch field {
			case fieldAuthors:
				authors++
			case fieldCategories:
				categories++
			}
		}
	}
	if authors+categories == 0 {
		return nil
	}
	list := make([]string, authors+categories)
	if authors > 0 {
		p.Authors = list[:0:authors]
	}
	if categories > 0 {
		p.Categories = list[authors:authors:len(list)]
	}
	return nil
}

// decodeTime reads a google.protobuf.Timestamp. Protobuf merges a field given twice, so it starts from the time so far.
func decodeTime(t time.Time, b []byte) (time.Time, error) {
	var sec int64
	var nanos int32
	if !t.IsZero() {
		sec, nanos = t.Unix(), int32(t.Nanosecond())
	}
	for len(b) > 0 {
		field, kind, n := consumeTag(b)
		if n < 0 {
			return t, protowire.ParseError(n)
		}
		b = b[n:]
		if kind == protowire.VarintType && (field == fieldSeconds || field == fieldNanos) {
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return t, protowire.ParseError(n)
			}
			b = b[n:]
			if field == fieldSeconds {
				sec = int64(v)
			} else {
				nanos = int32(v)
			}
			continue
		}
		if n = protowire.ConsumeFieldValue(field, kind, b); n < 0 {
			return t, protowire.ParseError(n)
		}
		b = b[n:]
	}
	return time.Unix(sec, int64(nanos)).UTC(), nil
}

// decodeAttribute reads one entry of the map of attributes.
func decodeAttribute(p *paper.Paper, text string, b []byte) error {
	var name string
	var v paper.Value
	for at := 0; at < len(b); {
		field, kind, n := consumeTag(b[at:])
		if n < 0 {
			return protowire.ParseError(n)
		}
		at += n
		if kind != protowire.BytesType || (field != fieldKey && field != fieldValue) {
			if n = protowire.ConsumeFieldValue(field, kind, b[at:]); n < 0 {
				return protowire.ParseError(n)
			}
			at += n
			continue
		}
		body, n := protowire.ConsumeBytes(b[at:])
		if n < 0 {
			return protowire.ParseError(n)
		}
		at += n
		s := text[at-len(body) : at]
		if field == fieldKey {
			if !utf8.Valid(body) {
				return errUTF8
			}
			name = s
		} else if err := decodeValue(&v, s, body); err != nil {
			return err
		}
	}
	if p.Attributes == nil {
		p.Attributes = make(map[string]paper.Value)
	}
	p.Attributes[name] = v
	return nil
}

// decodeValue reads an AttributeValue; the last of its fields counts.
func decodeValue(v *paper.Value, text string, b []byte) error {
	for at := 0; at < len(b); {
		field, kind, n := consumeTag(b[at:])
		if n < 0 {
			return protowire.ParseError(n)
		}
		at += n
		size := protowire.ConsumeFieldValue(field, kind, b[at:])
		if size < 0 {
			return protowire.ParseError(size)
		}
		switch {
		case field == fieldString && kind == protowire.BytesType:
			body, _ := protowire.ConsumeBytes(b[at:])
			if !utf8.Valid(body) {
				return errUTF8
			}
			*v = paper.Value{Kind: paper.StringValue, String: text[at+size-len(body) : at+size]}
		case field == fieldDouble && kind == protowire.Fixed64Type:
			bits, _ := protowire.ConsumeFixed64(b[at:])
			*v = paper.Value{Kind: paper.NumberValue, Number: math.Float64frombits(bits)}
		case field == fieldBool && kind == protowire.VarintType:
			bit, _ := protowire.ConsumeVarint(b[at:])
			*v = paper.Value{Kind: paper.BoolValue, Bool: protowire.DecodeBool(bit)}
		}
		at += size
	}
	return nil
}
