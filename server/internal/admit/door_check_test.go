package admit

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// checkPassed reads what gRPC sees, as gRPC does.
func checkPassed(t *testing.T, seed uint64, seen []byte, want []passes) {
	t.Helper()
	rest, ok := bytes.CutPrefix(seen, []byte(http2.ClientPreface))
	if !ok {
		t.Fatalf("seed %d: there is no preface", seed)
	}
	f := http2.NewFramer(io.Discard, bytes.NewReader(rest))
	f.ReadMetaHeaders = hpack.NewDecoder(tableBytes, nil)
	for i := -1; ; i++ {
		frame, err := f.ReadFrame()
		if err == io.EOF {
			if i != len(want) {
				t.Fatalf("seed %d: %d frames of %d passed", seed, i, len(want))
			}
			return
		}
		if err != nil {
			t.Fatalf("seed %d, frame %d: %v", seed, i, err)
		}
		if i < 0 {
			continue // SETTINGS
		}
		if i == len(want) {
			t.Fatalf("seed %d: a frame too many: %v", seed, frame)
		}
		got := passes{kind: frame.Header().Type, stream: frame.Header().StreamID}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			got.fields = frame.Fields
		case *http2.DataFrame:
			got.data = string(frame.Data())
		}
		same := slices.EqualFunc(got.fields, want[i].fields, func(a, b hpack.HeaderField) bool {
			return a.Name == b.Name && a.Value == b.Value
		})
		if got.kind != want[i].kind || got.stream != want[i].stream || got.data != want[i].data || !same {
			t.Fatalf("seed %d, frame %d: %v\nwant %v", seed, i, got, want[i])
		}
	}
}

// checkAnswers reads what the client sees, as a client does.
func checkAnswers(t *testing.T, seed uint64, written []byte, refused map[uint32]string) {
	t.Helper()
	f := http2.NewFramer(io.Discard, bytes.NewReader(written))
	f.ReadMetaHeaders = hpack.NewDecoder(tableBytes, nil)
	for {
		frame, err := f.ReadFrame()
		if err == io.EOF {
			break
		}
		if _, pseudo := err.(http2.StreamError); pseudo { // the headers of grpcSays, which say 200 thrice
			continue
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		h, ok := frame.(*http2.MetaHeadersFrame)
		if !ok {
			continue
		}
		id, ok := refused[h.StreamID]
		if !ok || !h.StreamEnded() {
			t.Fatalf("seed %d: an answer for stream %d: %v", seed, h.StreamID, h)
		}
		delete(refused, h.StreamID)
		checkAnswer(t, h, id)
	}
	if len(refused) > 0 {
		t.Errorf("seed %d: no answer for %v", seed, refused)
	}
}

func checkAnswer(t *testing.T, h *http2.MetaHeadersFrame, id string) {
	t.Helper()
	said := make(map[string]string)
	for _, f := range h.Fields {
		said[f.Name] = f.Value
	}
	if said[":status"] != "200" || said["content-type"] != "application/grpc" || said["grpc-status"] != "8" {
		t.Errorf("the answer says %v", said)
	}
	var st spb.Status
	if err := proto.Unmarshal(decoded(t, said[detailsField]), &st); err != nil {
		t.Fatal(err)
	}
	if st.GetCode() != int32(codes.ResourceExhausted) || st.GetMessage() != said["grpc-message"] ||
		len(st.GetDetails()) != 3 {
		t.Fatalf("the status is %v", &st)
	}
	info, retry, request := &errdetails.ErrorInfo{}, &errdetails.RetryInfo{}, &errdetails.RequestInfo{}
	for i, m := range []proto.Message{info, retry, request} {
		if err := st.GetDetails()[i].UnmarshalTo(m); err != nil {
			t.Fatal(err)
		}
	}
	if info.GetReason() != ReasonRateLimited || retry.GetRetryDelay().AsDuration() <= 0 || request.GetRequestId() != id {
		t.Errorf("got %v, %v, %v; want the request %s", info, retry, request, id)
	}
}
