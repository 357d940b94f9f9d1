package service

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
)

// Responses are cut at maxResponseBytes. The largest paper that the limits allow is well under that, so that a page
// always holds one entry at least, and paging comes to an end.

// entrySize is what one entry of a repeated field adds to a message: its tag, its length and itself.
func entrySize(m proto.Message) int { return 1 + protowire.SizeBytes(proto.Size(m)) }

// fitting is how many leading entries fit into a number of bytes, and never less than least.
func fitting[M proto.Message](entries []M, bytes, least int) int {
	for i, m := range entries {
		if bytes -= entrySize(m); bytes < 0 && i >= least {
			return i
		}
	}
	return len(entries)
}

// cutSearch drops the hits that do not fit into a number of bytes, though never the least first ones, and gives the
// token to go on behind the last kept.
func cutSearch(response *akinv1.SearchPapersResponse, result *engine.Result, bytes, least int) {
	rest := bytes - proto.Size(response.GetInfo()) - maxPageTokenBytes
	if n := fitting(response.GetHits(), rest, least); n < len(response.GetHits()) {
		response.Hits, response.NextPageToken = response.GetHits()[:n], result.TokenAt(n)
	}
}

func cutRecommend(response *akinv1.RecommendPapersResponse, result *engine.Result) {
	rest := maxResponseBytes - proto.Size(response.GetInfo()) - maxPageTokenBytes
	if n := fitting(response.GetHits(), rest, 1); n < len(response.GetHits()) {
		response.Hits, response.NextPageToken = response.GetHits()[:n], result.TokenAt(n)
	}
}

func cutList(page *engine.ListPage, mask paperMask) *akinv1.ListPapersResponse {
	response := &akinv1.ListPapersResponse{
		Papers:        make([]*akinv1.Paper, len(page.Papers)),
		NextPageToken: page.NextPageToken,
	}
	for i, p := range page.Papers {
		response.Papers[i] = mask.encode(p)
	}
	if n := fitting(response.GetPapers(), maxResponseBytes-maxPageTokenBytes, 1); n < len(response.GetPapers()) {
		response.Papers, response.NextPageToken = response.GetPapers()[:n], page.TokenAfter(page.Papers[n-1].ID)
	}
	return response
}

func cutDuplicates(page *engine.DuplicatePage) *akinv1.FindDuplicatesResponse {
	response := &akinv1.FindDuplicatesResponse{
		Groups:        make([]*akinv1.DuplicateGroup, len(page.Groups)),
		NextPageToken: page.NextPageToken,
	}
	for i, g := range page.Groups {
		response.Groups[i] = &akinv1.DuplicateGroup{PaperIds: g.IDs, MinCosine: g.MinCosine}
	}
	if n := fitting(response.GetGroups(), maxResponseBytes-maxPageTokenBytes, 1); n < len(response.GetGroups()) {
		response.Groups, response.NextPageToken = response.GetGroups()[:n], page.TokenAt(n)
	}
	return response
}

// cutWrites encodes the results of a batch. A write has no next page: where the response would grow too large, papers
// keep only what the caller cannot know, beside their ids.
func cutWrites(results []engine.WriteResult) *akinv1.BatchUpsertPapersResponse {
	response := &akinv1.BatchUpsertPapersResponse{Results: make([]*akinv1.UpsertPaperResponse, len(results))}
	for i, r := range results {
		response.Results[i] = encodeWrite(r)
	}
	if proto.Size(response) <= maxResponseBytes {
		return response
	}
	for _, r := range response.GetResults() {
		p := r.GetPaper()
		r.Paper = &akinv1.Paper{
			Id:         p.GetId(),
			CreateTime: p.GetCreateTime(),
			UpdateTime: p.GetUpdateTime(),
			Revision:   p.GetRevision(),
		}
	}
	return response
}

// batchGet builds a BatchGetPapersResponse up to its limit.
type batchGet struct {
	message *akinv1.BatchGetPapersResponse
	bytes   int // left
}

// newBatchGet puts room for all the ids aside, since each may have to be named as missing or remaining.
func newBatchGet(ids []string) *batchGet {
	b := &batchGet{message: &akinv1.BatchGetPapersResponse{}, bytes: maxResponseBytes}
	for _, id := range ids {
		b.bytes -= 1 + protowire.SizeBytes(len(id))
	}
	return b
}

func (b *batchGet) full() bool { return b.bytes < 0 }

// add takes papers until the response is full, and says how many of the ids are dealt with.
func (b *batchGet) add(ids []string, papers []*paper.Paper, mask paperMask) int {
	for i, p := range papers {
		if p == nil {
			b.message.MissingIds = append(b.message.MissingIds, ids[i])
			continue
		}
		m := mask.encode(p)
		if b.bytes -= entrySize(m); b.bytes < 0 && len(b.message.GetPapers()) > 0 {
			return i
		}
		b.message.Papers = append(b.message.Papers, m)
	}
	return len(papers)
}

// finish names the ids that are left.
func (b *batchGet) finish(remaining []string) *akinv1.BatchGetPapersResponse {
	b.message.RemainingIds = remaining
	return b.message
}

// answer is the outcome of one search of a batch: either err, a status, or the other two.
type answer struct {
	err      error
	result   *engine.Result
	response *akinv1.SearchPapersResponse
}

// batchFrame is what a batch adds around one response: tags and lengths.
const batchFrame = 16

// encodeBatch puts answers together. Where they are too large, the largest are cut to one common size, so that small
// answers stay whole; what is cut, down to no hit at all, goes on with SearchPapers and the answer's own token.
func encodeBatch(answers []answer) *akinv1.BatchSearchPapersResponse {
	out := &akinv1.BatchSearchPapersResponse{Results: make([]*akinv1.BatchSearchPapersResult, len(answers))}
	sizes := make([]int, len(answers))
	for i, a := range answers {
		if a.err != nil {
			out.Results[i] = &akinv1.BatchSearchPapersResult{
				Result: &akinv1.BatchSearchPapersResult_Status{Status: itemStatus(a.err)},
			}
		} else {
			out.Results[i] = &akinv1.BatchSearchPapersResult{
				Result: &akinv1.BatchSearchPapersResult_Response{Response: a.response},
			}
		}
		sizes[i] = entrySize(out.Results[i])
	}
	if level, needed := waterLevel(sizes, maxResponseBytes); needed {
		for i, a := range answers {
			if a.err == nil && sizes[i] > level {
				cutSearch(a.response, a.result, level-batchFrame, 0)
			}
		}
	}
	return out
}

// waterLevel is the largest size to which all larger ones can be cut so that their sum fits into total. It reports
// false when they fit as they are.
func waterLevel(sizes []int, total int) (int, bool) {
	sorted := slices.Sorted(slices.Values(sizes))
	for i, size := range sorted {
		left := len(sorted) - i
		if size*left > total {
			return total / left, true
		}
		total -= size
	}
	return 0, false
}
