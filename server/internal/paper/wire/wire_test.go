package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/paper/wire"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// full has every field set.
func full() *paper.Paper {
	return &paper.Paper{
		ID:          "10.1000/182",
		Title:       "Nearest neighbours in Hilbert spaces",
		Abstract:    "We show that ünïcode survives. Twice.",
		Authors:     []string{"A. Author", "", "B. Øther"},
		Categories:  []string{"cs.LG", "math.FA"},
		PublishTime: time.Date(1969, 7, 20, 20, 17, 40, 5, time.UTC),
		URL:         "https://example.org/182",
		DOI:         "10.1000/182",
		Attributes: map[string]paper.Value{
			"venue":  {Kind: paper.StringValue, String: "NeurIPS"},
			"empty":  {Kind: paper.StringValue},
			"year":   {Kind: paper.NumberValue, Number: 1969},
			"zero":   {Kind: paper.NumberValue, Number: math.Copysign(0, -1)},
			"open":   {Kind: paper.BoolValue, Bool: true},
			"closed": {Kind: paper.BoolValue},
		},
		CreateTime: time.Unix(1700000000, 123456789).UTC(),
		UpdateTime: time.Unix(1700000001, 0).UTC(),
		Revision:   1 << 40,
	}
}

func TestEveryFieldSurvivesBothWays(t *testing.T) {
	p := full()
	if v := reflect.ValueOf(*p); true {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Fatalf("the sample paper leaves %s empty", v.Type().Field(i).Name)
			}
		}
	}
	if got := wire.FromProto(wire.ToProto(p)); !reflect.DeepEqual(got, p) {
		t.Errorf("through the message: got %+v, want %+v", got, p)
	}
	got, err := wire.Decode(wire.Append(nil, p))
	if err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("through bytes: got %+v, %v, want %+v", got, err, p)
	}
}

func TestAbsentFieldsStayAbsent(t *testing.T) {
	p := &paper.Paper{ID: "x"}
	m := wire.ToProto(p)
	if m.GetPublishTime() != nil || m.GetCreateTime() != nil || m.GetAttributes() != nil {
		t.Errorf("message of an empty paper sets %v", m)
	}
	if got := wire.FromProto(m); !reflect.DeepEqual(got, p) {
		t.Errorf("got %+v", got)
	}
	if wire.ToProto(nil) != nil || wire.FromProto(nil) != nil {
		t.Error("nil does not stay nil")
	}
}

func TestEqualPapersGiveEqualBytes(t *testing.T) {
	want := wire.Append(nil, full())
	for range 50 {
		p := full()
		p.Attributes = maps.Clone(p.Attributes)
		if got := wire.Append(nil, p); !bytes.Equal(got, want) {
			t.Fatalf("got %x, want %x", got, want)
		}
	}
}

func TestTheStampFollowsTheContentAtItsTag(t *testing.T) {
	p := full()
	content := wire.AppendContent(nil, p, false)
	all := wire.AppendStamp(bytes.Clone(content), p)
	if all[len(content)] != wire.StampTag {
		t.Errorf("stamp starts with %#x", all[len(content)])
	}
	got, err := wire.Decode(all)
	if err != nil {
		t.Fatal(err)
	}
	p.Abstract = ""
	if !reflect.DeepEqual(got, p) {
		t.Errorf("got %+v, want %+v", got, p)
	}
}

func TestMalformedBytesAreNamed(t *testing.T) {
	for _, b := range [][]byte{{0x0a}, {0x0a, 5, 'x'}, {0x0a, 1, 0xff}, {0x4a, 2, 0x0a, 9}, {0x32, 1, 8}, {0x60, 0x80},
		{7}} {
		if _, err := wire.Decode(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%x: got %v", b, err)
		}
	}
	for _, b := range [][]byte{{0x0a}, {0x0a, 5, 'x'}, {0x0a, 1, 0xff}, {0x08, 1}, {7}} {
		if _, _, err := wire.DecodeBrief(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("brief %x: got %v", b, err)
		}
	}
}

// FuzzBytesAgreeWithTheGeneratedMessage holds that Decode accepts what the generated code accepts and reads the same
// paper from it, and that Append writes bytes the generated code reads back to the same paper.
func FuzzBytesAgreeWithTheGeneratedMessage(f *testing.F) {
	f.Add(wire.Append(nil, full()))
	f.Add([]byte{})
	f.Add([]byte{0x32, 2, 0x08, 7, 0x32, 2, 0x10, 9})       // a timestamp in two halves
	f.Add([]byte{0x4a, 5, 0x0a, 1, 'k', 0x12, 0})           // an attribute without a value
	f.Add([]byte{0x4a, 7, 0x0a, 1, 'k', 0x12, 2, 0x18, 33}) // a bool that is neither 0 nor 1
	f.Fuzz(func(t *testing.T, b []byte) {
		m := new(akinv1.Paper)
		wantErr := proto.Unmarshal(b, m)
		got, err := wire.Decode(b)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("Decode says %v, the generated code %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if id, title, err := wire.DecodeBrief(wire.AppendContent(nil, got, false)); err != nil || id != got.ID ||
			title != got.Title {
			t.Fatalf("id %q, title %q, %v, want %q, %q", id, title, err, got.ID, got.Title)
		}
		want := wire.FromProto(m)
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) { // as text, so that NaN equals itself
			t.Fatalf("got %+v, want %+v", got, want)
		}
		again := new(akinv1.Paper)
		if err := proto.Unmarshal(wire.Append(nil, got), again); err != nil {
			t.Fatal(err)
		}
		if back := wire.FromProto(again); fmt.Sprintf("%+v", back) != fmt.Sprintf("%+v", want) {
			t.Fatalf("written and read again: %+v, want %+v", back, want)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	p := full()
	p.Abstract = ""
	enc := wire.Append(nil, p)
	b.Run("straight", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := wire.Decode(enc); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("generated", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m := new(akinv1.Paper)
			if err := proto.Unmarshal(enc, m); err != nil {
				b.Fatal(err)
			}
			wire.FromProto(m)
		}
	})
}
