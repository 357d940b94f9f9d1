package admit

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestARequestKeepsAWellFormedName(t *testing.T) {
	own := regexp.MustCompile(`^[0-9a-f]{16}$`)
	for _, c := range []struct {
		sent []string
		want string // empty: one of the server's own
	}{
		{nil, ""},
		{[]string{"f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"},
		{[]string{"Nightly_import.7"}, "Nightly_import.7"},
		{[]string{"with a space", "second"}, "second"},
		{[]string{""}, ""},
		{[]string{"line\nbreak"}, ""},
		{[]string{"ünï"}, ""},
		{[]string{strings.Repeat("a", 64)}, strings.Repeat("a", 64)},
		{[]string{strings.Repeat("a", 65)}, ""},
	} {
		got := requestID(c.sent)
		if c.want != "" && got != c.want || c.want == "" && !own.MatchString(got) {
			t.Errorf("%q is called %q, want %q", c.sent, got, c.want)
		}
	}
	if first, second := requestID(nil), requestID(nil); first == second {
		t.Error("two requests have one name")
	}
}

func TestAStatusNamesItsRequestAndKeepsItsDetails(t *testing.T) {
	shared := Refuse(codes.ResourceExhausted, ReasonOverloaded, "busy", retryStep)
	st := status.Convert(Named(shared, "abc"))
	if st.Code() != codes.ResourceExhausted || st.Message() != "busy" || len(st.Details()) != 3 {
		t.Fatalf("%v", st)
	}
	if info, ok := st.Details()[2].(*errdetails.RequestInfo); !ok || info.GetRequestId() != "abc" {
		t.Errorf("%v", st.Details())
	}
	if n := len(status.Convert(shared).Details()); n != 2 {
		t.Errorf("the shared status has %d details", n)
	}
	if plain := errors.New("no status"); !errors.Is(Named(plain, "abc"), plain) || Named(nil, "abc") != nil {
		t.Error("what is no status changes")
	}
}

func BenchmarkNamed(b *testing.B) {
	b.ReportAllocs()
	err := overloaded(0)
	for b.Loop() {
		if Named(err, "0123456789abcdef") == nil {
			b.Fatal("no error")
		}
	}
}
