package service

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/encoding"
	encodingproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// utf8Codec is gRPC's own protobuf codec, except that a message with invalid UTF-8 in a string field still arrives: the
// faulty bytes are replaced, and the message carries the paths of the faulty fields as an unknown field. gRPC's codec
// would fail the whole call with INTERNAL before any handler or interceptor sees it, and break an import for one item.
// The edge turns the paths into field violations with takeBrokenText.
type utf8Codec struct{ encoding.CodecV2 }

func newCodec() utf8Codec { return utf8Codec{encoding.GetCodecV2(encodingproto.Name)} }

// Marshal encodes a message. What encodeBriefly has encoded is taken as it is, without a copy.
func (c utf8Codec) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(*akinv1.SearchPapersResponse); ok {
		alone := m.Hits == nil && m.NextPageToken == "" && m.Info == nil
		if encoded := m.ProtoReflect().GetUnknown(); len(encoded) > 0 && alone {
			return mem.BufferSlice{mem.SliceBuffer(encoded)}, nil
		}
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal decodes a message; only where that fails does it look for invalid UTF-8.
func (c utf8Codec) Unmarshal(data mem.BufferSlice, v any) error {
	if search, ok := v.(*akinv1.SearchPapersRequest); ok && len(data) == 1 {
		if unmarshalTextSearch(data[0].ReadOnlyData(), search) {
			return nil
		}
	}
	err := c.CodecV2.Unmarshal(data, v)
	m, ok := v.(proto.Message)
	if err == nil || !ok {
		return err
	}
	r := textRepair{}
	fixed, ok := r.message(nil, data.Materialize(), m.ProtoReflect().Descriptor(), "")
	if !ok || len(r.paths) == 0 || proto.Unmarshal(fixed, m) != nil {
		return err
	}
	// Appended to what is unknown already, so that nothing a newer client sent is lost.
	mark := protowire.AppendTag(m.ProtoReflect().GetUnknown(), brokenTextField, protowire.BytesType)
	m.ProtoReflect().SetUnknown(protowire.AppendString(mark, strings.Join(r.paths, "\n")))
	return nil
}

// brokenTextField lies in the range that protobuf keeps for its implementations, so no contract can declare it.
const brokenTextField protowire.Number = 19_001

// brokenText returns the violations that Unmarshal left in a message.
func brokenText(m proto.Message) []*errdetails.BadRequest_FieldViolation {
	var c validator
	for b := []byte(m.ProtoReflect().GetUnknown()); len(b) > 0; {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			break
		}
		size := protowire.ConsumeFieldValue(num, typ, b[n:])
		if size < 0 {
			break
		}
		if num == brokenTextField && typ == protowire.BytesType {
			paths, _ := protowire.ConsumeString(b[n:])
			for path := range strings.SplitSeq(paths, "\n") {
				c.addf(strings.ToValidUTF8(path, ""), "is not valid UTF-8")
			}
		}
		b = b[n+size:]
	}
	return c.violations
}

// textRepair copies an encoded message, replacing invalid UTF-8 in its string fields.
type textRepair struct {
	paths []string // of the faulty fields, at most maxViolations
	depth int
}

// message appends the repaired form of b, an encoded message of type md, to dst. It reports false for what is no
// protobuf at all.
func (r *textRepair) message(dst, b []byte, md protoreflect.MessageDescriptor, path string) ([]byte, bool) {
	if r.depth++; r.depth > 100 {
		return nil, false
	}
	defer func() { r.depth-- }()
	seen := make(map[protowire.Number]int) // occurrences, for the index of a repeated field
	for len(b) > 0 {
		num, typ, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return nil, false
		}
		size := protowire.ConsumeFieldValue(num, typ, b[tag:])
		if size < 0 {
			return nil, false
		}
		field := md.Fields().ByNumber(num)
		if typ != protowire.BytesType || field == nil {
			dst = append(dst, b[:tag+size]...)
			b = b[tag+size:]
			continue
		}
		value, _ := protowire.ConsumeBytes(b[tag:])
		b = b[tag+size:]
		name := fieldPath(path, field, seen[num])
		seen[num]++
		switch {
		case field.Kind() == protoreflect.StringKind && !utf8.Valid(value):
			if len(r.paths) < maxViolations {
				r.paths = append(r.paths, name)
			}
			value = []byte(strings.ToValidUTF8(string(value), string(utf8.RuneError)))
		case field.Kind() == protoreflect.MessageKind:
			fixed, ok := r.message(nil, value, field.Message(), name)
			if !ok {
				return nil, false
			}
			value = fixed
		}
		dst = protowire.AppendTag(dst, num, protowire.BytesType)
		dst = protowire.AppendBytes(dst, value)
	}
	return dst, true
}

// fieldPath names a field as BadRequest does: papers[3].abstract. The two halves of a map entry go by the map's name.
func fieldPath(parent string, field protoreflect.FieldDescriptor, index int) string {
	if field.ContainingMessage().IsMapEntry() {
		return parent
	}
	path := string(field.Name())
	if field.IsList() {
		path += "[" + strconv.Itoa(index) + "]"
	}
	if parent == "" {
		return path
	}
	return parent + "." + path
}
