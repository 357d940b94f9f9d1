package service

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
)

// randomResult is an answer whose fields are often the empty ones, and sometimes the odd ones.
func randomResult(r *rand.Rand) *engine.Result {
	odd := [...]float64{0, math.Copysign(0, -1), 1, -1, math.Inf(1), math.SmallestNonzeroFloat64}
	number := func() float64 {
		if r.IntN(2) == 0 {
			return r.NormFloat64()
		}
		return odd[r.IntN(len(odd))]
	}
	text := func(most int) string {
		return strings.Repeat([...]string{"", "a", "ω", "世界"}[r.IntN(4)], r.IntN(most))
	}
	result := &engine.Result{
		NextPageToken: text(80), Exact: r.IntN(2) == 0, Scored: r.IntN(3) * r.IntN(1<<40), Model: text(33),
		DenseWeight:  number(),
		WithoutLikes: r.IntN(9) == 0,
		Position:     paper.Position{Revision: r.Uint64() >> r.IntN(64)},
	}
	for i := range result.Position.Lineage {
		result.Position.Lineage[i] = byte(r.Uint32())
	}
	for range r.IntN(4) * r.IntN(2) {
		result.UnknownWords = append(result.UnknownWords, text(200))
		result.Warnings = append(result.Warnings, text(200))
	}
	for shard := range r.IntN(3) {
		result.MissingShards = append(result.MissingShards, shard+1)
	}
	for range r.IntN(12) {
		hit := engine.Hit{Paper: &paper.Paper{ID: text(256), Title: text(2048)}}
		hit.Score, hit.Cosine, hit.BM25, hit.OneIn = number(), number(), number(), r.IntN(2)*r.IntN(1_000_000)
		result.Hits = append(result.Hits, hit)
	}
	return result
}

// TestBriefResponsesAreEncodedAsMessagesAre compares byte by byte what the codec makes of both.
func TestBriefResponsesAreEncodedAsMessagesAre(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		result, mask := randomResult(r), [...]paperMask{idField, titleField, idField | titleField}[r.IntN(3)]
		want, err := proto.Marshal(encodeSearch(result, mask))
		if err != nil {
			t.Fatal(err)
		}
		brief, ok := encodeBriefly(result, mask)
		if !ok {
			t.Fatalf("a response of %d bytes is not encoded", len(want))
		}
		encoded, err := newCodec().Marshal(brief)
		if err != nil {
			t.Fatal(err)
		}
		got := encoded.Materialize()
		if !bytes.Equal(got, want) {
			var read akinv1.SearchPapersResponse
			err := proto.Unmarshal(got, &read)
			t.Fatalf("%d bytes, want %d; read %v: %v", len(got), len(want), err, &read)
		}
	}
}

// TestOnlyBriefResponsesAreEncodedInOnePiece: whatever has more, or may have to be cut, goes the usual way.
func TestOnlyBriefResponsesAreEncodedInOnePiece(t *testing.T) {
	hit := engine.Hit{Paper: &paper.Paper{ID: "a", Title: strings.Repeat("t", 2048)}}
	small, large := &engine.Result{Hits: []engine.Hit{hit}}, &engine.Result{}
	for len(large.Hits)*2048 < maxResponseBytes {
		large.Hits = append(large.Hits, hit)
	}
	parts := &engine.Result{Hits: []engine.Hit{hit}, Parts: true}
	for name, c := range map[string]struct {
		result *engine.Result
		mask   paperMask
		want   bool
	}{
		"ids and titles":       {small, idField | titleField, true},
		"all but the abstract": {small, exceptText, false},
		"parts of scores":      {parts, idField, false},
		"too large":            {large, idField | titleField, false},
	} {
		if _, ok := encodeBriefly(c.result, c.mask); ok != c.want {
			t.Errorf("%s: %v", name, ok)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	title := "A title of ten words that says what the paper says of them"
	result := &engine.Result{Scored: 1700, Model: strings.Repeat("f", 32), NextPageToken: strings.Repeat("t", 43)}
	for range 10 {
		hit := engine.Hit{Paper: &paper.Paper{ID: "iclr2024-abcdefgh-12345", Title: title}}
		hit.Score, hit.Cosine, hit.BM25, hit.OneIn = .5, .6, 17, 1000
		result.Hits = append(result.Hits, hit)
	}
	marshal := func(b *testing.B, m proto.Message) {
		if _, err := proto.Marshal(m); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("messages", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			response := encodeSearch(result, idField|titleField)
			cutSearch(response, result, maxResponseBytes, 1)
			marshal(b, response)
		}
	})
	b.Run("briefly", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			response, _ := encodeBriefly(result, idField|titleField)
			marshal(b, response)
		}
	})
}
