package service

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
)

// large is a request that is small on the wire when compressed.
func large(bytes int) *akinv1.UpsertPaperRequest {
	return &akinv1.UpsertPaperRequest{
		Paper: &akinv1.Paper{Id: "a", Title: "A title", Abstract: strings.Repeat("x", bytes)},
	}
}

func TestCallsWithoutATokenCostNoMemory(t *testing.T) {
	keys, tokens := keyring(t, admit.Entry{Name: "writer", Roles: []string{"write"}})
	r := newRig(t, Config{Admit: admit.Config{Keys: keys}})
	ctx := testContext(t)
	var wait sync.WaitGroup
	request := large(256 << 10)
	for range 256 {
		wait.Go(func() {
			_, err := r.papers.UpsertPaper(ctx, request, grpc.UseCompressor(gzip.Name))
			if status.Code(err) != codes.Unauthenticated {
				t.Errorf("got %v", err)
			}
		})
	}
	wait.Wait()
	if _, most := r.server.gate.Budget().Used(); most != 0 {
		t.Errorf("%d bytes of messages without a token were held at a time", most)
	}
	// The same with a token is read, and counted.
	_, err := r.papers.UpsertPaper(withToken(ctx, tokens[0]), request, grpc.UseCompressor(gzip.Name))
	wantViolation(t, err, "INVALID_FIELD", "paper.abstract", "65536")
	now, most := r.server.gate.Budget().Used()
	if now != 0 || most < 256<<10 {
		t.Errorf("%d bytes are held after the call, and %d were at most", now, most)
	}
}

func TestALateDeadlineIsRefusedTheSameWay(t *testing.T) {
	keys, _ := keyring(t, admit.Entry{Name: "reader", Roles: []string{"read"}})
	r := newLoadingRig(t, Config{Admit: admit.Config{Keys: keys}})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour)
	defer cancel()
	_, err := r.papers.UpsertPaper(ctx, large(10))
	wantStatus(t, err, codes.Unauthenticated, "UNAUTHENTICATED")
	stream, err := r.papers.ExportPapers(ctx, &akinv1.ExportPapersRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	wantStatus(t, err, codes.Unauthenticated, "UNAUTHENTICATED")
}

func TestMessagesThatGrowAreCutOffAtTheLimit(t *testing.T) {
	r := newRig(t, Config{})
	ctx := testContext(t)
	for _, option := range [][]grpc.CallOption{nil, {grpc.UseCompressor(gzip.Name)}} {
		_, err := r.papers.UpsertPaper(ctx, large(admit.MaxMessage+1), option...)
		wantStatus(t, err, codes.ResourceExhausted, "MESSAGE_TOO_LARGE")
	}
	if now, most := r.server.gate.Budget().Used(); now != 0 || most > admit.MaxMessage+2<<20 {
		t.Errorf("%d bytes are held after the calls, and %d were at most", now, most)
	}
}

// raw is a message that is sent as it is.
type raw []byte

type plainCodec struct{}

func (plainCodec) Marshal(v any) ([]byte, error) {
	if b, ok := v.(raw); ok {
		return b, nil
	}
	return proto.Marshal(v.(proto.Message))
}
func (plainCodec) Unmarshal(b []byte, v any) error { return proto.Unmarshal(b, v.(proto.Message)) }
func (plainCodec) Name() string                    { return "proto" }

func TestMessagesThatUnfoldAreRefusedBeforeTheyDo(t *testing.T) {
	r := newRig(t, Config{})
	ctx := testContext(t)
	empty := raw(bytes.Repeat([]byte{0x0a, 0x00}, 2_000_000)) // two million papers without a field
	err := r.conn.Invoke(ctx, akinv1.PaperService_BatchUpsertPapers_FullMethodName, empty,
		&akinv1.BatchUpsertPapersResponse{}, grpc.ForceCodec(plainCodec{}))
	wantStatus(t, err, codes.ResourceExhausted, "OVERLOADED")
	if now, _ := r.server.gate.Budget().Used(); now != 0 {
		t.Errorf("%d bytes are held", now)
	}
}

func TestBrokenMessagesAreRefused(t *testing.T) {
	r := newRig(t, Config{})
	err := r.conn.Invoke(testContext(t), akinv1.PaperService_GetPaper_FullMethodName, raw{0x0a, 0x7f},
		&akinv1.GetPaperResponse{}, grpc.ForceCodec(plainCodec{}))
	wantStatus(t, err, codes.InvalidArgument, "INVALID_MESSAGE")
}

// halfSender opens calls over one connection and sends of each message as much as the server lets it but the last byte.
type halfSender struct {
	conn   net.Conn
	framer *http2.Framer
	mu     sync.Mutex
	left   map[uint32]int // bytes still to send, by stream
	status map[string]int // of the calls that have ended, by grpc-status
	ended  chan struct{}  // receives at each end
}

const halfBytes = admit.MaxMessage

func startHalfSender(t *testing.T, addr string, calls int) *halfSender {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	h := &halfSender{
		conn: conn, framer: http2.NewFramer(conn, conn), left: map[uint32]int{}, status: map[string]int{},
		ended: make(chan struct{}, calls),
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := h.framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	var prefix [5]byte
	binary.BigEndian.PutUint32(prefix[1:], halfBytes)
	for i := range calls {
		id := uint32(2*i + 1)
		block.Reset()
		for _, f := range [][2]string{{":method", "POST"}, {":scheme", "http"},
			{":path", akinv1.PaperService_UpsertPaper_FullMethodName},
			{":authority", "test"}, {"content-type", "application/grpc"}, {"te", "trailers"}} {
			if err := encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
				t.Fatal(err)
			}
		}
		h.mu.Lock()
		h.left[id] = halfBytes - 1
		err := h.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.framer.WriteData(id, false, prefix[:]); err != nil {
			t.Fatal(err)
		}
		h.send(id, 60_000)
		h.mu.Unlock()
	}
	go h.read()
	return h
}

// send sends up to n bytes of a message. mu is held.
func (h *halfSender) send(id uint32, n int) {
	for n = min(n, h.left[id]); n > 0; {
		piece := min(n, 16<<10)
		if h.framer.WriteData(id, false, make([]byte, piece)) != nil {
			return
		}
		n -= piece
		h.left[id] -= piece
	}
}

func (h *halfSender) read() {
	decoder := hpack.NewDecoder(4096, nil)
	for {
		frame, err := h.framer.ReadFrame()
		if err != nil {
			return
		}
		h.mu.Lock()
		switch f := frame.(type) {
		case *http2.WindowUpdateFrame:
			if f.StreamID != 0 {
				h.send(f.StreamID, int(f.Increment))
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				_ = h.framer.WritePing(true, f.Data)
			}
		case *http2.HeadersFrame:
			fields, _ := decoder.DecodeFull(f.HeaderBlockFragment())
			for _, field := range fields {
				if field.Name == "grpc-status" {
					h.status[field.Value]++
					delete(h.left, f.StreamID)
					h.ended <- struct{}{}
				}
			}
		}
		h.mu.Unlock()
	}
}

func TestHalfSentMessagesAreBoundedAndCutOff(t *testing.T) {
	const budget, calls = 16 << 20, 128
	r := newRig(t, Config{Admit: admit.Config{Budget: budget, ReceiveTimeout: 4 * time.Second}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(listener) }()
	h := startHalfSender(t, listener.Addr().String(), calls)
	ctx := testContext(t)
	for range calls {
		// Small calls go on all the while.
		if _, err := r.papers.UpsertPaper(ctx, &akinv1.UpsertPaperRequest{Paper: testPaper("a", "A title", "")}); err != nil {
			t.Error(err)
		}
		select {
		case <-h.ended:
		case <-ctx.Done():
			t.Fatal("the calls do not end")
		}
	}
	h.mu.Lock()
	ends := fmt.Sprint(h.status)
	refused, late := h.status[fmt.Sprint(int(codes.ResourceExhausted))], h.status[fmt.Sprint(int(codes.DeadlineExceeded))]
	h.mu.Unlock()
	if refused+late != calls || refused == 0 || late == 0 {
		t.Errorf("the calls ended with %s", ends)
	}
	h.conn.Close()
	now, most := r.server.gate.Budget().Used()
	for now != 0 && ctx.Err() == nil { // a client hears of its call's end a moment before its handler ends
		time.Sleep(time.Millisecond)
		now, most = r.server.gate.Budget().Used()
	}
	if now != 0 || most > budget {
		t.Errorf("%d bytes are held after all, and %d were at most of %d", now, most, budget)
	}
	_, err = r.papers.UpsertPaper(ctx, &akinv1.UpsertPaperRequest{
		Paper: testPaper("b", "A title", strings.Repeat("x ", 30_000)),
	})
	if err != nil {
		t.Errorf("afterwards: %v", err)
	}
	cut, cancel := context.WithCancel(ctx)
	cancel()
	r.server.Drain(cut)
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// exportRig holds more than a client takes unasked.
func exportRig(t *testing.T, cfg Config) (*rig, context.Context) {
	t.Helper()
	r, ctx := newRig(t, cfg), testContext(t)
	papers := wordy(1200)
	for i, p := range papers {
		p.Id = fmt.Sprintf("paper-%04d", i)
		p.Abstract = strings.Repeat(p.GetAbstract(), 4)
	}
	for chunk := range slices.Chunk(papers, 300) {
		if _, err := r.papers.BatchUpsertPapers(ctx, &akinv1.BatchUpsertPapersRequest{Papers: chunk}); err != nil {
			t.Fatal(err)
		}
	}
	return r, ctx
}

func (r *rig) export(ctx context.Context, t *testing.T) akinv1.PaperService_ExportPapersClient {
	t.Helper()
	stream, err := r.papers.ExportPapers(ctx, &akinv1.ExportPapersRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestAReaderThatStallsIsCutOff(t *testing.T) {
	r, ctx := exportRig(t, Config{Admit: admit.Config{SendTimeout: 300 * time.Millisecond}})
	var streams []akinv1.PaperService_ExportPapersClient
	for range 4 { // none of which reads
		streams = append(streams, r.export(ctx, t))
	}
	for strings.Count(r.log.String(), "reason=SEND_TIMEOUT") < len(streams) {
		select { // until the server has cut them off
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the stalled readers are not cut off: %s", r.log)
		}
	}
	for _, stream := range streams {
		_, err := drained(stream.Recv)
		wantStatus(t, err, codes.Aborted, "SEND_TIMEOUT")
	}
}

func TestOnePrincipalHasFewLongStreams(t *testing.T) {
	r, ctx := exportRig(t, Config{})
	var streams []akinv1.PaperService_ExportPapersClient
	for range 4 {
		stream := r.export(ctx, t)
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		streams = append(streams, stream)
	}
	_, err := r.export(ctx, t).Recv()
	wantStatus(t, err, codes.ResourceExhausted, "TOO_MANY_CALLS")
	for _, stream := range streams {
		if _, err := drained(stream.Recv); err != nil {
			t.Errorf("a stream that is read: %v", err)
		}
	}
	if pieces, err := drained(r.export(ctx, t).Recv); err != nil || len(pieces) < 2 {
		t.Errorf("afterwards: %d pieces, %v", len(pieces), err)
	}
}

// TestMethodsThatNobodyServesAreRefusedUnderOneName has callers make up methods, with deadlines that are refused on
// the headers and with such as are left to a handler.
func TestMethodsThatNobodyServesAreRefusedUnderOneName(t *testing.T) {
	calls := make(chan Call, 16)
	r := newLoadingRig(t, Config{Observe: func(_ context.Context, c Call) { calls <- c }})
	for _, patience := range []time.Duration{30 * time.Second, time.Hour} {
		for _, method := range []string{"/akin.v1.PaperService/Nothing", "/a/b", "/akin.v1.IndexService/GetMap2"} {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			err := r.conn.Invoke(ctx, method, large(1), large(1))
			cancel()
			wantStatus(t, err, codes.Unimplemented, "NO_RULE")
			if call := <-calls; call.Method != Unknown {
				t.Errorf("%s is told as %q", method, call.Method)
			}
		}
	}
}

func TestCallsThatAreCancelledAnywhereLeaveNothingBehind(t *testing.T) {
	keys, tokens := keyring(t, admit.Entry{Name: "a", Roles: []string{"read", "write"}})
	r := newRig(t, Config{Admit: admit.Config{Keys: keys, Cores: 1}})
	ctx := withToken(testContext(t), tokens[0])
	if _, err := r.papers.BatchUpsertPapers(ctx, &akinv1.BatchUpsertPapersRequest{Papers: wordy(300)}); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 600 {
		wait.Go(func() {
			short, cancel := context.WithTimeout(ctx, time.Duration(i%40)*100*time.Microsecond)
			defer cancel()
			switch i % 4 {
			case 0:
				_, _ = r.similarity.FindDuplicates(short, &akinv1.FindDuplicatesRequest{MinCosine: .5})
			case 1:
				_, _ = r.similarity.BatchSearchPapers(short,
					&akinv1.BatchSearchPapersRequest{Requests: []*akinv1.SearchPapersRequest{
						{Query: &akinv1.SearchPapersRequest_PaperId{PaperId: "paper-001"}},
					}})
			case 2:
				if stream, err := r.papers.ExportPapers(short, &akinv1.ExportPapersRequest{}); err == nil {
					_, _ = stream.Recv()
				}
			default:
				_, _ = r.papers.GetPaper(short, &akinv1.GetPaperRequest{Id: "paper-001"})
			}
		})
	}
	wait.Wait()
	r.conn.Close()
	r.server.Drain(testContext(t)) // waits for every handler
	state := r.server.gate.Limiter().State()
	for class := range state.Running {
		if state.Running[class] != 0 || state.Queued[class] != 0 {
			t.Errorf("%+v", state)
		}
	}
	if now, _ := r.server.gate.Budget().Used(); now != 0 {
		t.Errorf("%d bytes are held", now)
	}
}
