package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// Limits of one call; the server's are 1,000 papers and 4 MiB a message.
const (
	maxBatchPapers = 1000
	maxBatchBytes  = 3840 << 10
	listPageSize   = 500

	maxBatchSearches = 100
)

// Upsert stores a paper under its id, replacing what was there. It returns when the paper is durable and visible to
// every later call. Content identical to what is stored is a no-op that keeps the old revision.
func (c *Client) Upsert(ctx context.Context, p *Paper) (*WriteResult, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	res, err := c.papers.UpsertPaper(ctx, &akinv1.UpsertPaperRequest{Paper: p})
	return res, callError("upsert", err)
}

// UpsertBatch stores papers with different ids: up to 1,000 papers of together at most 3.75 MiB all at once or, on any
// error, none. More are split into such batches, sent one after the other in the order given; then an error leaves the
// batches before it stored, and their results are returned beside the error. For long streams use [Client.Import].
func (c *Client) UpsertBatch(ctx context.Context, papers []*Paper) ([]*WriteResult, error) {
	results := make([]*WriteResult, 0, len(papers))
	for start := 0; start < len(papers); {
		end := batchEnd(papers, start)
		part, err := c.upsertPart(ctx, papers[start:end])
		if err != nil {
			if start > 0 {
				err = fmt.Errorf("papers %d to %d of %d (those before are stored): %w", start+1, end, len(papers), err)
			}
			return results, err
		}
		results = append(results, part...)
		start = end
	}
	return results, nil
}

func (c *Client) upsertPart(ctx context.Context, papers []*Paper) ([]*WriteResult, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	res, err := c.papers.BatchUpsertPapers(ctx, &akinv1.BatchUpsertPapersRequest{Papers: papers})
	return res.GetResults(), callError("upsert batch", err)
}

// batchEnd returns the end of the batch that begins at start: it holds one paper at least.
func batchEnd(papers []*Paper, start int) int {
	bytes := 0
	for i := start; i < len(papers); i++ {
		bytes += proto.Size(papers[i]) + 8 // tag and length of the field
		if i > start && (bytes > maxBatchBytes || i-start == maxBatchPapers) {
			return i
		}
	}
	return len(papers)
}

// Get returns one paper, with all its fields unless [Fields] chooses. ErrNotFound when the id is not stored.
func (c *Client) Get(ctx context.Context, id string, opts ...GetOption) (*Paper, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	res, err := c.papers.GetPaper(ctx, &akinv1.GetPaperRequest{Id: id, ReadMask: getMask(opts)})
	return res.GetPaper(), callError("get", err)
}

// GetMany returns the papers of many ids in the order asked, without their abstracts unless [Abstracts] asks for them.
// Ids that are not stored are returned in missing. Any number of ids: they are fetched 1,000 at a time.
func (c *Client) GetMany(
	ctx context.Context, ids []string, opts ...GetOption,
) (papers []*Paper, missing []string, err error) {
	mask := getMask(opts)
	for len(ids) > 0 {
		n := min(len(ids), 1000)
		res, err := c.getPart(ctx, ids[:n], mask)
		if err != nil {
			return papers, missing, err
		}
		papers = append(papers, res.GetPapers()...)
		missing = append(missing, res.GetMissingIds()...)
		remaining := res.GetRemainingIds()
		if len(remaining) >= n {
			return papers, missing, &Error{
				Op: "get", Code: codes.Internal, Message: "the server returns none of the papers asked for",
			}
		}
		// Ids left out for size come next, in front of those not yet asked for.
		ids = ids[n:]
		if len(remaining) > 0 {
			ids = append(remaining, ids...)
		}
	}
	return papers, missing, nil
}

func (c *Client) getPart(
	ctx context.Context, ids []string, mask *fieldmaskpb.FieldMask,
) (*akinv1.BatchGetPapersResponse, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	res, err := c.papers.BatchGetPapers(ctx, &akinv1.BatchGetPapersRequest{Ids: ids, ReadMask: mask})
	return res, callError("get", err)
}

func getMask(opts []GetOption) *fieldmaskpb.FieldMask {
	if len(opts) == 0 {
		return nil
	}
	mask := &fieldmaskpb.FieldMask{}
	for _, opt := range opts {
		opt.applyGet(mask)
	}
	return mask
}

// Delete removes a paper and returns the revision of the deletion. ErrNotFound when the id is not stored. It is sent
// once: when the connection breaks before the answer, the paper may be gone or not.
func (c *Client) Delete(ctx context.Context, id string) (revision uint64, err error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	res, err := c.papers.DeletePaper(ctx, &akinv1.DeletePaperRequest{Id: id})
	return res.GetPosition().GetRevision(), callError("delete", err)
}

// List yields all papers, or those a [Filter] accepts, in ascending byte order of ids, without their abstracts unless
// [Abstracts] asks for them. It fetches a page at a time, while the loop runs. An error is yielded last.
func (c *Client) List(ctx context.Context, opts ...ListOption) iter.Seq2[*Paper, error] {
	return func(yield func(*Paper, error) bool) {
		req := &akinv1.ListPapersRequest{PageSize: listPageSize}
		for _, opt := range opts {
			opt.applyList(req)
		}
		for {
			page, err := c.listPage(ctx, req)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, p := range page.GetPapers() {
				if !yield(p, nil) {
					return
				}
			}
			if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
				return
			}
		}
	}
}

func (c *Client) listPage(ctx context.Context, req *akinv1.ListPapersRequest) (*akinv1.ListPapersResponse, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	page, err := c.papers.ListPapers(ctx, req)
	return page, callError("list", err)
}

// Purge deletes every paper that a filter accepts; "*" stands for all. Without force it deletes nothing, and returns
// how many it would delete and up to 100 of their ids.
func (c *Client) Purge(ctx context.Context, filter string, force bool) (count int64, sample []string, err error) {
	res, err := c.papers.PurgePapers(ctx, &akinv1.PurgePapersRequest{Filter: filter, Force: force})
	return res.GetPurgeCount(), res.GetPurgeSample(), callError("purge", err)
}

// Export yields all papers, or those a [Filter] accepts, with all their fields, in ascending byte order of ids, over
// one stream. An error is yielded last. What it yields can go straight into the Import of another client.
func (c *Client) Export(ctx context.Context, opts ...ExportOption) iter.Seq2[*Paper, error] {
	return func(yield func(*Paper, error) bool) {
		req := &akinv1.ExportPapersRequest{}
		for _, opt := range opts {
			opt.applyExport(req)
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // ends the stream when the loop stops early
		stream, err := c.papers.ExportPapers(ctx, req)
		for err == nil {
			var piece *akinv1.ExportPapersResponse
			if piece, err = stream.Recv(); err != nil {
				break
			}
			for _, p := range piece.GetPapers() {
				if !yield(p, nil) {
					return
				}
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(nil, callError("export", err))
		}
	}
}
