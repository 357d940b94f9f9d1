package service

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// textSearch is the memory of what a usual search has beside the request itself, in one piece.
type textSearch struct {
	text    akinv1.SearchPapersRequest_Text
	options akinv1.SearchOptions
	mask    fieldmaskpb.FieldMask
	paths   [4]string
}

// unmarshalTextSearch decodes a search as most clients send it into m, which is empty: a text, a size and token of a
// page, and the fields that are wanted, none of them twice. It reports false for everything else, with m as it was:
// what that means is for the messages' own decoder to say. The numbers of the fields are those of the contract; a test
// compares both decoders.
func unmarshalTextSearch(b []byte, m *akinv1.SearchPapersRequest) bool {
	var s *textSearch
	size, token := int32(0), ""
	seen := byte(0)
	for len(b) > 0 {
		tag := b[0]
		b = b[1:]
		field := byte(1) << (tag >> 3 & 7)
		if seen&field != 0 {
			return false
		}
		seen |= field
		if s == nil {
			s = &textSearch{}
		}
		if tag == 5<<3|byte(protowire.VarintType) {
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return false
			}
			size, b = int32(v), b[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return false
		}
		b = b[n:]
		var ok bool
		switch tag {
		case 1<<3 | byte(protowire.BytesType):
			s.text.Text, ok = string(value), utf8.Valid(value)
		case 4<<3 | byte(protowire.BytesType):
			ok = s.readOptions(value)
		case 6<<3 | byte(protowire.BytesType):
			token, ok = string(value), utf8.Valid(value)
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	if seen&(1<<1) == 0 {
		return false
	}
	m.Query, m.PageSize, m.PageToken = &s.text, size, token
	if seen&(1<<4) != 0 {
		m.Options = &s.options
	}
	return true
}

// readOptions decodes options that have a mask and nothing else.
func (s *textSearch) readOptions(b []byte) bool {
	const readMask, path = 8<<3 | byte(protowire.BytesType), 1<<3 | byte(protowire.BytesType)
	if len(b) == 0 || b[0] != readMask {
		return false
	}
	mask, n := protowire.ConsumeBytes(b[1:])
	if n != len(b)-1 {
		return false
	}
	s.mask.Paths = s.paths[:0]
	for len(mask) > 0 {
		if mask[0] != path || len(s.mask.Paths) == len(s.paths) {
			return false
		}
		name, n := protowire.ConsumeBytes(mask[1:])
		if n < 0 || !utf8.Valid(name) {
			return false
		}
		s.mask.Paths = append(s.mask.Paths, fieldName(name))
		mask = mask[1+n:]
	}
	s.options.ReadMask = &s.mask
	return true
}

// fieldName is the name as a string; that of a field that most masks have takes no memory.
func fieldName(name []byte) string {
	switch string(name) {
	case "id":
		return "id"
	case "title":
		return "title"
	}
	return string(name)
}
