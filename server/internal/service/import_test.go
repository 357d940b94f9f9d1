package service

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// importAll sends items while it reads acknowledgements, as the contract wants it, and closes its side. It returns what
// the server said, and how the stream ended.
func (r *rig) importAll(
	ctx context.Context, t testing.TB, items ...*akinv1.ImportPapersRequest,
) ([]*akinv1.ImportPapersResponse, error) {
	t.Helper()
	stream, err := r.papers.ImportPapers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for _, item := range items {
			if stream.Send(item) != nil {
				return // Recv says why
			}
		}
		_ = stream.CloseSend() // never fails
	}()
	return drained(stream.Recv)
}

func item(n int, p *akinv1.Paper) *akinv1.ImportPapersRequest {
	return &akinv1.ImportPapersRequest{Item: int64(n), Paper: p}
}

// total adds the acknowledgements of an import up, and checks that they rise.
func total(
	t testing.TB, acks []*akinv1.ImportPapersResponse,
) (written, unchanged, last int64, errors []*akinv1.ImportError) {
	t.Helper()
	for _, a := range acks {
		if a.GetAcknowledgedItem() <= last {
			t.Errorf("item %d is acknowledged after item %d", a.GetAcknowledgedItem(), last)
		}
		written, unchanged, last = written+a.GetWritten(), unchanged+a.GetUnchanged(), a.GetAcknowledgedItem()
		errors = append(errors, a.GetErrors()...)
	}
	return written, unchanged, last, errors
}

func TestAnImportStoresEverythingInOrderAndResendingIsSafe(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	const n = 2345 // several batches, the last one not full
	var items []*akinv1.ImportPapersRequest
	for i := range n {
		items = append(items, item(10*(i+1), testPaper(fmt.Sprintf("p%05d", i), fmt.Sprintf("Paper number %d", i),
			"On attention.")))
	}
	acks, err := r.importAll(ctx, t, items...)
	if err != nil {
		t.Fatal(err)
	}
	if written, unchanged, last, errs := total(t, acks); written != n || unchanged != 0 || last != 10*n || len(errs) != 0 {
		t.Errorf("%d written, %d unchanged, up to %d, %d errors", written, unchanged, last, len(errs))
	}
	if len(acks) < n/importBatch || len(acks) > n/2 {
		t.Errorf("%d acknowledgements: batches are too large or too small", len(acks))
	}
	acks, err = r.importAll(ctx, t, items...)
	if written, unchanged, _, _ := total(t, acks); err != nil || written != 0 || unchanged != n {
		t.Errorf("again: %d written, %d unchanged, %v", written, unchanged, err)
	}
	revision := uint64(0)
	for from := 0; from < n; from += 500 {
		var ids []string
		for i := from; i < min(from+500, n); i++ {
			ids = append(ids, items[i].GetPaper().GetId())
		}
		out, err := r.papers.BatchGetPapers(ctx, &akinv1.BatchGetPapersRequest{Ids: ids})
		if err != nil || len(out.GetPapers()) != len(ids) {
			t.Fatalf("%d of %d papers, %v", len(out.GetPapers()), len(ids), err)
		}
		for _, p := range out.GetPapers() {
			if p.GetRevision() <= revision {
				t.Fatalf("%s has revision %d, the one before %d: the order was lost", p.GetId(), p.GetRevision(), revision)
			}
			revision = p.GetRevision()
		}
	}
}

func TestAnItemThatFailsIsReportedAndTheRestIsStored(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	long := strings.Repeat("x", 300)
	acks, err := r.importAll(ctx, t,
		item(1, testPaper("a", "One", "")),
		item(2, testPaper("b", "", "")),
		item(3, nil),
		item(4, testPaper(long, "Four", "")),
		item(5, testPaper("e", "Five", strings.Repeat("a", 65537))),
		item(6, testPaper("f", "Six", "")),
	)
	if err != nil {
		t.Fatal(err)
	}
	written, _, last, errs := total(t, acks)
	if written != 2 || last != 6 || len(errs) != 4 {
		t.Fatalf("%d written, up to %d, errors %v", written, last, errs)
	}
	for i, want := range []struct {
		item      int64
		id, field string
	}{{2, "b", "paper.title"}, {3, "", "paper"}, {4, long[:256], "paper.id"}, {5, "e", "paper.abstract"}} {
		if errs[i].GetItem() != want.item || errs[i].GetPaperId() != want.id {
			t.Errorf("error %d is of item %d, paper %q", i, errs[i].GetItem(), errs[i].GetPaperId())
		}
		wantViolation(t, status.FromProto(statusProto(errs[i].GetStatus())).Err(), "INVALID_FIELD", want.field, "")
	}
}

func TestTheLaterOfTwoItemsOfOnePaperWins(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	var items []*akinv1.ImportPapersRequest
	for i := range 20 {
		items = append(items, item(i+1, testPaper(fmt.Sprintf("p%d", i%3), fmt.Sprintf("Version %d", i), "")))
	}
	acks, err := r.importAll(ctx, t, items...)
	if written, _, _, _ := total(t, acks); err != nil || written != 20 {
		t.Fatalf("%d written, %v", written, err)
	}
	for i := 17; i < 20; i++ {
		out, err := r.papers.GetPaper(ctx, &akinv1.GetPaperRequest{Id: fmt.Sprintf("p%d", i%3)})
		if err != nil || out.GetPaper().GetTitle() != fmt.Sprintf("Version %d", i) {
			t.Errorf("got %v %v", out.GetPaper(), err)
		}
	}
}

func TestItemNumbersMustRise(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	for _, numbers := range [][2]int{{5, 5}, {5, 4}, {5, 0}, {5, -1}} {
		acks, err := r.importAll(ctx, t,
			item(numbers[0], testPaper(fmt.Sprint("first", numbers), "One", "")),
			item(numbers[1], testPaper("second", "Two", "")))
		wantViolation(t, err, "ITEM_ORDER", "item", "rise")
		if written, _, last, _ := total(t, acks); written != 1 || last != 5 {
			t.Errorf("%v: %d written up to item %d before the end", numbers, written, last)
		}
	}
	_, err := r.importAll(ctx, t, item(0, testPaper("zero", "Zero", "")))
	wantViolation(t, err, "ITEM_ORDER", "item", "1")
}

func TestAnEmptyImportEndsWell(t *testing.T) {
	r := newRig(t, Config{})
	if acks, err := r.importAll(testContext(t), t); err != nil || len(acks) != 0 {
		t.Errorf("got %v %v", acks, err)
	}
}

func TestALoneItemIsAcknowledgedWhileTheStreamStaysOpen(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	stream, err := r.papers.ImportPapers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 3; i++ {
		if err := stream.Send(item(i, testPaper("a", fmt.Sprint("Version ", i), ""))); err != nil {
			t.Fatal(err)
		}
		ack, err := stream.Recv()
		if err != nil || ack.GetAcknowledgedItem() != int64(i) {
			t.Fatalf("item %d: %v %v", i, ack, err)
		}
		got, err := r.papers.GetPaper(ctx, &akinv1.GetPaperRequest{Id: "a"})
		if err != nil || got.GetPaper().GetTitle() != fmt.Sprint("Version ", i) {
			t.Errorf("acknowledged, yet not visible: %v %v", got, err)
		}
	}
}

func TestADrainEndsAnImportWithoutLosingWhatWasAcknowledged(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	stream, err := r.papers.ImportPapers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(item(1, testPaper("a", "One", ""))); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		r.server.Drain(ctx)
		close(done)
	}()
	_, err = stream.Recv() // the client's side is still open
	wantStatus(t, err, codes.Unavailable, "SHUTTING_DOWN")
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatal("the drain does not end")
	}
	if papers, err := r.server.engine().Get(ctx, []string{"a"}, false); err != nil || papers[0] == nil {
		t.Errorf("the acknowledged paper is gone: %v", err)
	}
}

func TestACancelledImportEndsItsHandler(t *testing.T) {
	calls := make(chan Call, 1)
	r := newRig(t, Config{Observe: func(_ context.Context, c Call) { calls <- c }})
	ctx, cancel := context.WithCancel(testContext(t))
	stream, err := r.papers.ImportPapers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 700 {
		if err := stream.Send(item(i+1, testPaper(fmt.Sprint(i), "Title", ""))); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if call := <-calls; call.Code != codes.Canceled {
		t.Errorf("the handler ended with %s", call.Code)
	}
}

// rawCodec sends and receives bytes as they are, as a client of another language could.
type rawCodec struct{ encoding.CodecV2 }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func (rawCodec) Name() string { return "proto" }

// brokenPaper is an encoded paper whose title is not UTF-8.
func brokenPaper(id string) []byte {
	b := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), id)
	return protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), "caf\xe9")
}

// field wraps bytes as a field of a message.
func wireField(number protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), b)
}

func TestInvalidTextIsAViolationOfItsField(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	raw := grpc.ForceCodecV2(rawCodec{})
	for _, c := range []struct {
		method, field string
		request       []byte
	}{
		{akinv1.PaperService_UpsertPaper_FullMethodName, "paper.title", wireField(1, brokenPaper("a"))},
		{akinv1.PaperService_BatchUpsertPapers_FullMethodName, "papers[1].title",
			append(wireField(1, wireField(1, []byte("ok"))), wireField(1, brokenPaper("a"))...)},
		{akinv1.SimilarityService_SearchPapers_FullMethodName, "text", wireField(1, []byte("\xff"))},
		{akinv1.SimilarityService_SearchPapers_FullMethodName, "options.filter", wireField(4, wireField(1, []byte("\xff")))},
		{akinv1.SimilarityService_RecommendPapers_FullMethodName, "likes[0].text",
			wireField(1, wireField(2, []byte("\xc3(")))},
		{akinv1.PaperService_BatchGetPapers_FullMethodName, "read_mask.paths[0]", wireField(2, wireField(1, []byte("\xff")))},
		{akinv1.PaperService_UpsertPaper_FullMethodName, "paper.attributes",
			wireField(1, wireField(9, wireField(1, []byte("\xff"))))},
	} {
		var response []byte
		wantViolation(t, r.conn.Invoke(ctx, c.method, &c.request, &response, raw), "INVALID_FIELD", c.field, "UTF-8")
	}
	stream, err := r.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true},
		akinv1.PaperService_ExportPapers_FullMethodName, raw)
	if err != nil {
		t.Fatal(err)
	}
	request, response := wireField(1, []byte("\xff")), []byte(nil)
	if err := stream.SendMsg(&request); err != nil {
		t.Fatal(err)
	}
	wantViolation(t, stream.RecvMsg(&response), "INVALID_FIELD", "filter", "UTF-8")
}

func TestInvalidTextFailsItsItemAndNotTheImport(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	stream, err := r.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true},
		akinv1.PaperService_ImportPapers_FullMethodName, grpc.ForceCodecV2(rawCodec{}))
	if err != nil {
		t.Fatal(err)
	}
	good, err := proto.Marshal(testPaper("good", "Title", ""))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range [][]byte{brokenPaper("bad"), good} {
		b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(i+1))
		b = append(b, wireField(2, p)...)
		if err := stream.SendMsg(&b); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	acks, err := drained(func() (*akinv1.ImportPapersResponse, error) {
		var b []byte
		if err := stream.RecvMsg(&b); err != nil {
			return nil, err
		}
		ack := &akinv1.ImportPapersResponse{}
		return ack, proto.Unmarshal(b, ack)
	})
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	written, _, last, errs := total(t, acks)
	if written != 1 || last != 2 || len(errs) != 1 || errs[0].GetItem() != 1 || errs[0].GetPaperId() != "bad" {
		t.Fatalf("%d written, up to %d, errors %v", written, last, errs)
	}
	wantViolation(t, status.FromProto(statusProto(errs[0].GetStatus())).Err(), "INVALID_FIELD", "paper.title", "UTF-8")
}

func TestTheLargestAnswersShareWhatIsLeft(t *testing.T) {
	for _, c := range []struct {
		sizes []int
		total int
		level int
		cut   bool
	}{
		{[]int{1, 2, 3}, 6, 0, false},
		{[]int{3, 3, 3}, 6, 2, true},
		{[]int{1, 100, 100}, 21, 10, true},
		{[]int{100, 1, 4}, 9, 4, true},
		{nil, 5, 0, false},
	} {
		level, cut := waterLevel(c.sizes, c.total)
		if level != c.level || cut != c.cut {
			t.Errorf("%v into %d: level %d %v", c.sizes, c.total, level, cut)
		}
	}
}

// FuzzCodec holds that the codec takes what protobuf takes, repairs nothing but text, and never panics.
func FuzzCodec(f *testing.F) {
	f.Add(wireField(1, brokenPaper("a")))
	f.Add(wireField(1, wireField(9, wireField(1, []byte("\xff")))))
	f.Add([]byte{0x0a, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		var strict, got akinv1.BatchUpsertPapersRequest
		strictErr := proto.Unmarshal(b, &strict)
		err := newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}, &got)
		switch violations := brokenText(&got); {
		case strictErr == nil && (err != nil || !proto.Equal(&strict, &got)):
			t.Errorf("protobuf takes it, the codec does not: %v", err)
		case strictErr != nil && err == nil && len(violations) == 0:
			t.Errorf("repaired without a word: %v", strictErr)
		case err == nil:
			if _, err := proto.Marshal(&got); err != nil {
				t.Errorf("the repaired message cannot be sent on: %v", err)
			}
		}
	})
}
