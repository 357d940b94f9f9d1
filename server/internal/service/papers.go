package service

import (
	"context"
	"fmt"
	"slices"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
)

// UpsertPaper stores one paper.
func (s *Server) UpsertPaper(ctx context.Context, req *akinv1.UpsertPaperRequest) (*akinv1.UpsertPaperResponse, error) {
	p, err := decodePaper("paper", req.GetPaper())
	if err != nil {
		return nil, err
	}
	written, err := s.engine().Upsert(ctx, []*paper.Paper{p})
	if err != nil {
		return nil, err
	}
	response := encodeWrite(written.Results[0])
	response.Position = encodePosition(written.Position)
	return response, nil
}

// BatchUpsertPapers stores papers all or none.
func (s *Server) BatchUpsertPapers(
	ctx context.Context, req *akinv1.BatchUpsertPapersRequest,
) (*akinv1.BatchUpsertPapersResponse, error) {
	papers, err := decodePapers(req)
	if err != nil {
		return nil, err
	}
	written, err := s.engine().Upsert(ctx, papers)
	if err != nil {
		return nil, err
	}
	response := cutWrites(written.Results)
	response.Position = encodePosition(written.Position)
	return response, nil
}

// GetPaper returns one paper.
func (s *Server) GetPaper(ctx context.Context, req *akinv1.GetPaperRequest) (*akinv1.GetPaperResponse, error) {
	id, mask, err := decodeGet(req)
	if err != nil {
		return nil, err
	}
	stored := id
	if err := s.resolve(ctx, &stored); err != nil {
		return nil, err
	}
	papers, err := s.engine().Get(ctx, []string{stored}, mask.abstracts())
	if err != nil {
		return nil, err
	}
	if !sees(ctx, papers[0]) {
		return nil, fmt.Errorf("%w: %s", engine.ErrNotFound, quoted(id))
	}
	return &akinv1.GetPaperResponse{Paper: mask.encode(papers[0])}, nil
}

// getChunk is how many papers BatchGetPapers reads at a time, so that abstracts beyond the cut stay on disk.
const getChunk = 100

// BatchGetPapers returns many papers.
func (s *Server) BatchGetPapers(
	ctx context.Context, req *akinv1.BatchGetPapersRequest,
) (*akinv1.BatchGetPapersResponse, error) {
	ids, mask, err := decodeBatchGet(req)
	if err != nil {
		return nil, err
	}
	response := newBatchGet(ids)
	for len(ids) > 0 && !response.full() {
		n := min(getChunk, len(ids))
		stored := slices.Clone(ids[:n])
		if err := s.resolve(ctx, pointers(stored)...); err != nil {
			return nil, err
		}
		papers, err := s.engine().Get(ctx, stored, mask.abstracts())
		if err != nil {
			return nil, err
		}
		for i, p := range papers {
			if !sees(ctx, p) {
				papers[i] = nil
			}
		}
		taken := response.add(ids[:n], papers, mask)
		ids = ids[taken:]
	}
	return response.finish(ids), nil
}

// ListPapers returns one page of papers.
func (s *Server) ListPapers(ctx context.Context, req *akinv1.ListPapersRequest) (*akinv1.ListPapersResponse, error) {
	q, mask, err := decodeList(req)
	if err != nil {
		return nil, err
	}
	q.Filter = scoped(ctx, q.Filter)
	page, err := s.engine().List(ctx, q)
	if err != nil {
		return nil, err
	}
	return cutList(&page, mask), nil
}

// DeletePaper removes one paper.
func (s *Server) DeletePaper(ctx context.Context, req *akinv1.DeletePaperRequest) (*akinv1.DeletePaperResponse, error) {
	if err := decodeID("id", req.GetId()); err != nil {
		return nil, err
	}
	position, err := s.engine().Delete(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &akinv1.DeletePaperResponse{Position: encodePosition(position)}, nil
}

// PurgePapers deletes, or counts, what a filter accepts.
func (s *Server) PurgePapers(ctx context.Context, req *akinv1.PurgePapersRequest) (*akinv1.PurgePapersResponse, error) {
	filter, err := decodePurge(req)
	if err != nil {
		return nil, err
	}
	purged, err := s.engine().Purge(ctx, filter, req.GetForce())
	if err != nil {
		return nil, err
	}
	response := &akinv1.PurgePapersResponse{PurgeCount: int64(purged.Count), PurgeSample: purged.Sample}
	if req.GetForce() {
		response.Position = encodePosition(purged.Position)
	}
	return response, nil
}

// ExportPapers streams papers in messages of about maxStreamedBytes. A slow client slows the export down and nothing
// else: the engine holds no transaction while a message is sent.
func (s *Server) ExportPapers(req *akinv1.ExportPapersRequest, stream akinv1.PaperService_ExportPapersServer) error {
	filter, err := decodeExport(req)
	if err != nil {
		return err
	}
	ctx, err := s.await(stream.Context(), req)
	if err != nil {
		return err
	}
	filter = scoped(stream.Context(), filter)
	message, bytes := &akinv1.ExportPapersResponse{}, 0
	err = s.engine().Export(ctx, filter, func(p *paper.Paper) error {
		if !sees(stream.Context(), p) { // replaced since the filter was looked at
			return nil
		}
		m := allFields.encode(p)
		size := entrySize(m)
		if bytes > 0 && bytes+size > maxStreamedBytes {
			if err := stream.Send(message); err != nil {
				return err
			}
			message, bytes = &akinv1.ExportPapersResponse{}, 0
		}
		message.Papers = append(message.Papers, m)
		bytes += size
		return nil
	})
	if err != nil || bytes == 0 {
		return err
	}
	return stream.Send(message)
}
