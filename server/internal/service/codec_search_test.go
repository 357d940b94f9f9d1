package service

import (
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

func textQuery(text string, size int32, paths ...string) *akinv1.SearchPapersRequest {
	r := &akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_Text{Text: text}, PageSize: size}
	if paths != nil {
		r.Options = &akinv1.SearchOptions{ReadMask: &fieldmaskpb.FieldMask{Paths: paths}}
	}
	return r
}

// FuzzSearchesAreDecodedAsMessagesAre compares the decoder of usual searches with that of messages: what it takes means
// the same to both, and what it does not take leaves the request empty.
func FuzzSearchesAreDecodedAsMessagesAre(f *testing.F) {
	add := func(r *akinv1.SearchPapersRequest) {
		b, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(append(b, b...))
		f.Add(protowire.AppendVarint(protowire.AppendTag(b, 100, protowire.VarintType), 1))
		f.Add(b[:len(b)/2])
	}
	for _, r := range []*akinv1.SearchPapersRequest{
		textQuery("a title", 10, "id", "title"), textQuery("世界", -1, "*"), textQuery("a", 0), textQuery("", 1<<30, "id"),
		textQuery("a", 5, "id", "title", "abstract", "authors", "year"),
		{PageSize: 3}, {AtLeast: &akinv1.Position{Revision: 7}}, {AllowPartial: true},
		{Query: &akinv1.SearchPapersRequest_PaperId{PaperId: "p"}, PageToken: "token"},
		{Query: &akinv1.SearchPapersRequest_Vector{Vector: &akinv1.VectorQuery{Model: "m", Values: []float32{1, 2}}}},
		{Query: &akinv1.SearchPapersRequest_Text{Text: "a"}, PageToken: "t", Options: &akinv1.SearchOptions{Ef: 3}},
	} {
		add(r)
	}
	f.Add([]byte("\x0a\x02\xff\xfe\x28\x0a"))                      // a text that is no UTF-8
	f.Add([]byte("\x0a\x01a\x22\x05\x42\x03\x0a\x01\xff"))         // a path that is none
	f.Add([]byte("\x0a\x01a\x28\xff\xff\xff\xff\xff\xff\xff\x7f")) // a size beyond 32 bits
	f.Add([]byte("\x8a\x00\x01a"))                                 // a tag that is longer than it need be
	f.Fuzz(func(t *testing.T, b []byte) {
		var got, want akinv1.SearchPapersRequest
		if !unmarshalTextSearch(b, &got) {
			if proto.Size(&got) != 0 {
				t.Fatalf("%x: not taken, and changed to %v", b, &got)
			}
			return
		}
		if err := proto.Unmarshal(b, &want); err != nil {
			t.Fatalf("%x: taken as %v: %v", b, &got, err)
		}
		if !proto.Equal(&got, &want) {
			t.Fatalf("%x: %v, want %v", b, &got, &want)
		}
	})
}

// TestUsualSearchesAreDecodedInOnePiece holds for what clients send that ask for ids and titles.
func TestUsualSearchesAreDecodedInOnePiece(t *testing.T) {
	for _, r := range []*akinv1.SearchPapersRequest{
		textQuery("a title", 10, "id", "title"), textQuery("a title", 0), textQuery("a title", 10, "id"),
	} {
		b, err := proto.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var got akinv1.SearchPapersRequest
		if !unmarshalTextSearch(b, &got) {
			t.Errorf("%v is not taken", r)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	encoded, err := proto.Marshal(textQuery("A title of ten words that says what the paper says", 10, "id", "title"))
	if err != nil {
		b.Fatal(err)
	}
	codec := newCodec()
	data := mem.BufferSlice{mem.SliceBuffer(encoded)}
	decode := func(unmarshal func(mem.BufferSlice, any) error) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := unmarshal(data, &akinv1.SearchPapersRequest{}); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("messages", decode(codec.CodecV2.Unmarshal))
	b.Run("directly", decode(codec.Unmarshal))
}
