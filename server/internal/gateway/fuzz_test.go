package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

func FuzzQuery(f *testing.F) {
	for _, query := range []string{
		"text=whales&page_size=10&options.filter=a&options.read_mask=title,publishTime&options.recency_half_life=3600s",
		"likes[0].paper_id=a&likes[1].text=b&likes[1].weight=.5&exclude_paper_ids=a&exclude_paper_ids=b",
		"likes[1].paper_id=a", "likes[0]=a", "likes.paper_id=a", "text=a&paper_id=b", "text=a&text=b",
		"page_size=1&pageSize=2",
		"vector.values=1&vector.values=nan", "options.mode=SEARCH_MODE_EXACT", "options.mode=7", "strict", "options=",
		"a.b.c.d.e.f.g.h.i=1",
		"at_least.revision=9223372036854775807", "shown_rest=1d", "text=%ff",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		for _, m := range []proto.Message{
			&akinv1.SearchPapersRequest{}, &akinv1.RecommendPapersRequest{}, &akinv1.ListPapersRequest{},
		} {
			err := decodeQuery(values, m.ProtoReflect())
			if err != nil {
				if f := describe(err); status.Code(err) != codes.InvalidArgument || len(f.FieldViolations) == 0 || f.Message == "" {
					t.Errorf("%q: %v", query, err)
				}
				continue
			}
			data, err := proto.Marshal(m)
			if err != nil { // a message that cannot be sent on must have been refused
				t.Fatalf("%q: %v", query, err)
			}
			if len(data) > 4*len(query)+64 {
				t.Errorf("%d bytes became %d", len(query), len(data))
			}
		}
	})
}

func FuzzMessages(f *testing.F) {
	for _, body := range []string{
		"", "{}\n{}", "\n\n  \n{}", "\x00\x00\x00\x00\x02{}", "\x01\x00\x00\x00\x02{}", "\x00\xff\xff\xff\xff",
		strings.Repeat("a", 5000),
	} {
		f.Add(body, false)
		f.Add(body, true)
	}
	f.Fuzz(func(t *testing.T, body string, framed bool) {
		budget := semaphore.NewWeighted(bodyBudget)
		m := &messages{
			framing: lines, zipped: true, body: bufio.NewReader(strings.NewReader(body)),
			wait: func(time.Duration) {}, hold: &hold{budget: budget},
		}
		if framed {
			m.framing = envelopes
		}
		read := 0
		for {
			data, err := m.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				if status.Code(err) == codes.Unknown {
					t.Errorf("no status: %v", err)
				}
				break
			}
			if len(data) > maxBody || !framed && bytes.ContainsRune(data, '\n') {
				t.Errorf("a message of %d bytes: %q", len(data), data)
			}
			read++
		}
		if read > len(body) {
			t.Errorf("%d messages of %d bytes", read, len(body))
		}
		m.release()
		if !budget.TryAcquire(bodyBudget) {
			t.Error("bytes were not given back")
		}
	})
}

func TestLargeBodiesAreCountedTogether(t *testing.T) {
	budget := semaphore.NewWeighted(bodyWeight * 1 << 20)
	one, two := hold{budget: budget}, hold{budget: budget}
	if _, err := readAll(strings.NewReader(strings.Repeat("a", 900<<10)), &one); err != nil {
		t.Fatal(err)
	}
	_, err := readAll(strings.NewReader(strings.Repeat("a", 900<<10)), &two)
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a second large body: %v", err)
	}
	two.release()
	if _, err := readAll(strings.NewReader("small"), &two); err != nil {
		t.Errorf("a small body: %v", err)
	}
	one.release()
	two.release()
	if !budget.TryAcquire(bodyWeight * 1 << 20) {
		t.Error("bytes were not given back")
	}
}

func TestNoFieldOfAReadIsNamedAsConnectsOwnParameters(t *testing.T) {
	list, err := methods()
	if err != nil {
		t.Fatal(err)
	}
	reads := 0
	for _, m := range list {
		if !m.safe() {
			continue
		}
		reads++
		for _, name := range []string{"message", "encoding"} {
			if m.in.Descriptor().Fields().ByJSONName(name) != nil {
				t.Errorf("%s has a field %s, which a GET could not give", m.path, name)
			}
		}
	}
	if reads == 0 {
		t.Error("no method is a read")
	}
}
