package service

import (
	"encoding/hex"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
)

// Most searches ask for ids and titles alone. Their responses are encoded here, in one piece of memory, instead of as
// eleven messages of reflection that are measured twice. The numbers of the fields are those of the contract; a test
// compares the bytes with those of messages.

// encodeBriefly is encodeSearch for hits with ids, and titles where the mask has them. The response carries its fields
// encoded, as fields that the message does not know, which go out as they are: it is for the wire, and its getters
// return nothing. It reports false for hits with more than that, and where they must be cut.
func encodeBriefly(r *engine.Result, mask paperMask) (*akinv1.SearchPapersResponse, bool) {
	if !mask.brief() || r.Parts {
		return nil, false
	}
	size := 0
	for i := range r.Hits {
		size += hitBytes + len(r.Hits[i].Paper.ID) + len(r.Hits[i].Paper.Title)
	}
	var room [infoBytes]byte
	info, err := appendInfo(room[:0], r)
	if err != nil || size+len(info)+maxPageTokenBytes > maxResponseBytes { // encoding the message says what is wrong
		return nil, false
	}
	b := make([]byte, 0, size+len(info)+len(r.NextPageToken)+16)
	for i := range r.Hits {
		b = appendHit(b, &r.Hits[i], mask&titleField != 0)
	}
	b = appendText(b, 2, r.NextPageToken)
	b = protowire.AppendTag(b, 3, protowire.BytesType)
	b = protowire.AppendBytes(b, info)
	response := &akinv1.SearchPapersResponse{}
	response.ProtoReflect().SetUnknown(b)
	return response, true
}

// hitBytes is the most that a hit takes beside id and title: tags and lengths of itself, its paper, id and title, three
// numbers of 8 bytes and one of at most 5.
const hitBytes = 4*4 + 3*9 + 6

func appendHit(b []byte, h *engine.Hit, titles bool) []byte {
	title := ""
	if titles {
		title = h.Paper.Title
	}
	paper := textBytes(h.Paper.ID) + textBytes(title)
	size := 1 + protowire.SizeBytes(paper) + numberBytes(h.Score) + numberBytes(h.Cosine) + numberBytes(h.BM25)
	if h.OneIn != 0 {
		size += 1 + protowire.SizeVarint(uint64(h.OneIn))
	}
	b = append(b, 1<<3|byte(protowire.BytesType))
	b = protowire.AppendVarint(b, uint64(size))
	b = append(b, 1<<3|byte(protowire.BytesType))
	b = protowire.AppendVarint(b, uint64(paper))
	b = appendText(b, 1, h.Paper.ID)
	b = appendText(b, 2, title)
	b = appendNumber(b, 2, h.Score)
	b = appendNumber(b, 3, h.Cosine)
	b = appendNumber(b, 4, h.BM25)
	if h.OneIn != 0 {
		b = append(b, 5<<3|byte(protowire.VarintType))
		b = protowire.AppendVarint(b, uint64(h.OneIn))
	}
	return b
}

// infoBytes is room for what most answers say of themselves; others take memory of their own.
const infoBytes = 192

// appendInfo is encodeInfo, encoded. What few answers have stands behind the other fields, so that it can be left to
// messages.
func appendInfo(b []byte, r *engine.Result) ([]byte, error) {
	if r.Exact {
		b = append(b, 1<<3|byte(protowire.VarintType), 1)
	}
	if r.Scored != 0 {
		b = append(b, 2<<3|byte(protowire.VarintType))
		b = protowire.AppendVarint(b, uint64(r.Scored))
	}
	b = appendText(b, 3, r.Model)
	b = appendPosition(b, 4, r.Position)
	b = appendNumber(b, 5, r.DenseWeight)
	if len(r.UnknownWords)+len(r.Warnings)+len(r.MissingShards) == 0 && !r.WithoutLikes {
		return b, nil
	}
	return proto.MarshalOptions{}.MarshalAppend(b, &akinv1.SearchInfo{
		UnknownWords: shortened(r.UnknownWords), WithoutLikes: r.WithoutLikes,
		Warnings: r.Warnings, MissingShards: encodeShards(r.MissingShards),
	})
}

// appendPosition is encodePosition, encoded.
func appendPosition(b []byte, field byte, p paper.Position) []byte {
	lineage := hex.EncodedLen(len(p.Lineage))
	size := 1 + protowire.SizeBytes(lineage)
	if p.Revision != 0 {
		size += 1 + protowire.SizeVarint(p.Revision)
	}
	b = append(b, field<<3|byte(protowire.BytesType))
	b = protowire.AppendVarint(b, uint64(size))
	if p.Revision != 0 {
		b = append(b, 1<<3|byte(protowire.VarintType))
		b = protowire.AppendVarint(b, p.Revision)
	}
	b = append(b, 2<<3|byte(protowire.BytesType))
	b = protowire.AppendVarint(b, uint64(lineage))
	return hex.AppendEncode(b, p.Lineage[:])
}

// Fields of the value that a message has without them are left out.

func textBytes(s string) int {
	if s == "" {
		return 0
	}
	return 1 + protowire.SizeBytes(len(s))
}

func appendText(b []byte, field byte, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(append(b, field<<3|byte(protowire.BytesType)), s)
}

func numberBytes(x float64) int {
	if math.Float64bits(x) == 0 {
		return 0
	}
	return 1 + protowire.SizeFixed64()
}

func appendNumber(b []byte, field byte, x float64) []byte {
	if math.Float64bits(x) == 0 {
		return b
	}
	return protowire.AppendFixed64(append(b, field<<3|byte(protowire.Fixed64Type)), math.Float64bits(x))
}
