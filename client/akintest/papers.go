package akintest

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// ImportFaults says how imports misbehave.
type ImportFaults struct {
	// AckEvery acknowledges after so many items and at the end of the stream. 0: 3.
	AckEvery int
	// AckDelay is waited before each acknowledgement.
	AckDelay time.Duration
	// Received is called with the number of the stream, from 1, and of the items it received so far. An error ends the
	// stream before the latest item is stored.
	Received func(stream, items int) error
	// Stored is called after an item was stored and before it is acknowledged.
	Stored func(stream, items int) error
}

// ImportPapers implements akinv1.PaperServiceServer.
func (s *Server) ImportPapers(
	stream grpc.BidiStreamingServer[akinv1.ImportPapersRequest, akinv1.ImportPapersResponse],
) error {
	number := int(s.streams.Add(1))
	every := max(1, s.Import.AckEvery)
	if s.Import.AckEvery == 0 {
		every = 3
	}
	ack := &akinv1.ImportPapersResponse{}
	send := func() error {
		if s.Import.AckDelay > 0 {
			time.Sleep(s.Import.AckDelay)
		}
		ack.Position = s.lastPosition()
		err := stream.Send(ack)
		ack = &akinv1.ImportPapersResponse{AcknowledgedItem: ack.GetAcknowledgedItem()}
		return err
	}
	for items := 1; ; items++ {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return send()
		}
		if err != nil {
			return err
		}
		if req.GetItem() <= ack.GetAcknowledgedItem() {
			return status.Error(codes.InvalidArgument, "item does not rise")
		}
		if f := s.Import.Received; f != nil {
			if err := f(number, items); err != nil {
				return err
			}
		}
		res, err := s.put(req.GetPaper())
		switch {
		case err != nil:
			st := status.Convert(err).Proto()
			ack.Errors = append(ack.Errors, &akinv1.ImportError{
				Item: req.GetItem(), PaperId: req.GetPaper().GetId(),
				Status: &akinv1.Status{Code: st.GetCode(), Message: st.GetMessage(), Details: st.GetDetails()},
			})
		case res.GetUnchanged():
			ack.Unchanged++
		default:
			ack.Written++
		}
		if f := s.Import.Stored; f != nil {
			if err := f(number, items); err != nil {
				return err
			}
		}
		ack.AcknowledgedItem = req.GetItem()
		if items%every == 0 {
			if err := send(); err != nil {
				return err
			}
		}
	}
}

// UpsertPaper implements akinv1.PaperServiceServer.
func (s *Server) UpsertPaper(_ context.Context, req *akinv1.UpsertPaperRequest) (*akinv1.UpsertPaperResponse, error) {
	return s.put(req.GetPaper())
}

// BatchUpsertPapers implements akinv1.PaperServiceServer.
func (s *Server) BatchUpsertPapers(
	_ context.Context, req *akinv1.BatchUpsertPapersRequest,
) (*akinv1.BatchUpsertPapersResponse, error) {
	if n := len(req.GetPapers()); n < 1 || n > 1000 {
		return nil, Invalid("papers", "must be 1 to 1000")
	}
	res := &akinv1.BatchUpsertPapersResponse{}
	given := map[string]bool{}
	for i, p := range req.GetPapers() {
		if err := check("papers["+strconv.Itoa(i)+"]", p); err != nil {
			return nil, err
		}
		if given[p.GetId()] {
			return nil, Invalid("papers["+strconv.Itoa(i)+"].id", "is given twice")
		}
		given[p.GetId()] = true
	}
	for _, p := range req.GetPapers() {
		r, err := s.put(p)
		if err != nil {
			return nil, err
		}
		res.Position, r.Position = r.GetPosition(), nil
		res.Results = append(res.Results, r)
	}
	return res, nil
}

// GetPaper implements akinv1.PaperServiceServer.
func (s *Server) GetPaper(_ context.Context, req *akinv1.GetPaperRequest) (*akinv1.GetPaperResponse, error) {
	p, err := s.find(req.GetId())
	if err != nil {
		return nil, err
	}
	if m := req.GetReadMask().GetPaths(); len(m) > 0 && !wantsAbstract(m) {
		p = withoutAbstract(p)
	}
	return &akinv1.GetPaperResponse{Paper: p}, nil
}

func (s *Server) find(id string) (*akinv1.Paper, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.papers[id]; ok {
		return p, nil
	}
	return nil, Fail(codes.NotFound, `no paper has the id "`+id+`"`, "PAPER_NOT_FOUND")
}

// BatchGetPapers implements akinv1.PaperServiceServer. It leaves out what comes after 10 papers, as the real server
// does after 3 MiB.
func (s *Server) BatchGetPapers(
	_ context.Context, req *akinv1.BatchGetPapersRequest,
) (*akinv1.BatchGetPapersResponse, error) {
	res := &akinv1.BatchGetPapersResponse{}
	for _, id := range req.GetIds() {
		p, err := s.find(id)
		switch {
		case err != nil:
			res.MissingIds = append(res.MissingIds, id)
		case len(res.GetPapers()) == 10:
			res.RemainingIds = append(res.RemainingIds, id)
		default:
			if m := req.GetReadMask().GetPaths(); !wantsAbstract(m) {
				p = withoutAbstract(p)
			}
			res.Papers = append(res.Papers, p)
		}
	}
	return res, nil
}

// wantsAbstract reports whether a read mask names the abstract; of other fields the fake leaves out none.
func wantsAbstract(mask []string) bool {
	return slices.Contains(mask, "abstract") || slices.Contains(mask, "*")
}

// accepted returns the papers that the filter in a field accepts, by id. The fake knows "", "*" and categories:"NAME".
func (s *Server) accepted(field, filter string) ([]*akinv1.Paper, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, isCategory := strings.CutPrefix(filter, `categories:"`); filter != "" && filter != "*" && !isCategory {
		return nil, violation(field, "does not parse at column 1", "INVALID_FILTER")
	}
	var accepted []*akinv1.Paper
	for _, id := range slices.Sorted(maps.Keys(s.papers)) {
		if p := s.papers[id]; accepts(filter, p) {
			accepted = append(accepted, p)
		}
	}
	return accepted, nil
}

// accepts reports whether a filter, which is a known one, accepts a paper.
func accepts(filter string, p *akinv1.Paper) bool {
	category, isCategory := strings.CutPrefix(filter, `categories:"`)
	return !isCategory || slices.Contains(p.GetCategories(), strings.TrimSuffix(category, `"`))
}

// ListPapers implements akinv1.PaperServiceServer.
func (s *Server) ListPapers(_ context.Context, req *akinv1.ListPapersRequest) (*akinv1.ListPapersResponse, error) {
	all, err := s.accepted("filter", req.GetFilter())
	if err != nil {
		return nil, err
	}
	res := &akinv1.ListPapersResponse{}
	for _, p := range all {
		if p.GetId() <= req.GetPageToken() {
			continue
		}
		if len(res.GetPapers()) == int(req.GetPageSize()) {
			res.NextPageToken = res.GetPapers()[len(res.GetPapers())-1].GetId()
			break
		}
		if m := req.GetReadMask().GetPaths(); !wantsAbstract(m) {
			p = withoutAbstract(p)
		}
		res.Papers = append(res.Papers, p)
	}
	return res, nil
}

// DeletePaper implements akinv1.PaperServiceServer.
func (s *Server) DeletePaper(_ context.Context, req *akinv1.DeletePaperRequest) (*akinv1.DeletePaperResponse, error) {
	if _, err := s.find(req.GetId()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.papers, req.GetId())
	s.revision++
	return &akinv1.DeletePaperResponse{Position: s.position()}, nil
}

// PurgePapers implements akinv1.PaperServiceServer.
func (s *Server) PurgePapers(_ context.Context, req *akinv1.PurgePapersRequest) (*akinv1.PurgePapersResponse, error) {
	if req.GetFilter() == "" {
		return nil, Invalid("filter", `is required; "*" stands for all papers`)
	}
	all, err := s.accepted("filter", req.GetFilter())
	if err != nil {
		return nil, err
	}
	res := &akinv1.PurgePapersResponse{PurgeCount: int64(len(all))}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if req.GetForce() {
			res.Position = s.position()
		}
	}()
	for _, p := range all {
		if req.GetForce() {
			delete(s.papers, p.GetId())
			s.revision++
		} else if len(res.GetPurgeSample()) < 100 {
			res.PurgeSample = append(res.PurgeSample, p.GetId())
		}
	}
	return res, nil
}

// ExportPapers implements akinv1.PaperServiceServer.
func (s *Server) ExportPapers(
	req *akinv1.ExportPapersRequest, stream grpc.ServerStreamingServer[akinv1.ExportPapersResponse],
) error {
	if err := s.await(req); err != nil {
		return err
	}
	all, err := s.accepted("filter", req.GetFilter())
	if err != nil {
		return err
	}
	for piece := range slices.Chunk(all, 2) {
		res := &akinv1.ExportPapersResponse{}
		for _, p := range piece {
			res.Papers = append(res.Papers, proto.CloneOf(p))
		}
		if err := stream.Send(res); err != nil {
			return err
		}
	}
	return nil
}
