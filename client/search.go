package client

import (
	"context"
	"iter"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// Result is one page of hits.
type Result struct {
	// Hits, best first.
	Hits []*Hit
	// Info says how they were found.
	Info *SearchInfo
	// NextPageToken asks for the hits behind these, through [PageToken]; empty when there are none.
	NextPageToken string
	// MissingIDs are the likes and dislikes of a recommendation that are not stored, and were left out.
	MissingIDs []string
	// MissingShards are the shards that did not answer, from 1: only where [AllowPartial] was given. The hits are of the
	// others.
	MissingShards []int32
}

// SearchRequest is one search, made by TextQuery, PaperQuery or VectorQuery.
type SearchRequest = akinv1.SearchPapersRequest

// TextQuery asks for the papers nearest to a text: a question, a title, an abstract.
func TextQuery(text string, opts ...SearchOption) *SearchRequest {
	s := settingsOf(opts)
	return &SearchRequest{
		Query:   &akinv1.SearchPapersRequest_Text{Text: text},
		Options: s.options, PageSize: s.pageSize, PageToken: s.pageToken, AllowPartial: s.partial,
	}
}

// PaperQuery asks for the papers nearest to a stored paper, which is never its own hit.
func PaperQuery(id string, opts ...SearchOption) *SearchRequest {
	s := settingsOf(opts)
	return &SearchRequest{
		Query:   &akinv1.SearchPapersRequest_PaperId{PaperId: id},
		Options: s.options, PageSize: s.pageSize, PageToken: s.pageToken, AllowPartial: s.partial,
	}
}

// VectorQuery asks for the papers nearest to a vector that [Client.EmbedTexts] returned, with the fingerprint of its
// model.
func VectorQuery(values []float32, model string, opts ...SearchOption) *SearchRequest {
	s := settingsOf(opts)
	return &SearchRequest{
		Query:   &akinv1.SearchPapersRequest_Vector{Vector: &akinv1.VectorQuery{Values: values, Model: model}},
		Options: s.options, PageSize: s.pageSize, PageToken: s.pageToken, AllowPartial: s.partial,
	}
}

// Search returns the papers nearest to a text, best first: 10 unless [Limit] says otherwise.
func (c *Client) Search(ctx context.Context, text string, opts ...SearchOption) (*Result, error) {
	return c.Query(ctx, TextQuery(text, opts...))
}

// SimilarTo returns the papers nearest to a stored paper, best first. ErrNotFound when the id is not stored.
func (c *Client) SimilarTo(ctx context.Context, id string, opts ...SearchOption) (*Result, error) {
	return c.Query(ctx, PaperQuery(id, opts...))
}

// SearchVector returns the papers nearest to a vector. ErrModelMismatch when the live model is not the one that made
// it.
func (c *Client) SearchVector(
	ctx context.Context, values []float32, model string, opts ...SearchOption,
) (*Result, error) {
	return c.Query(ctx, VectorQuery(values, model, opts...))
}

// Query answers one search.
func (c *Client) Query(ctx context.Context, req *SearchRequest) (*Result, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	res, err := c.similarity.SearchPapers(ctx, req)
	if err != nil {
		return nil, callError("search", err)
	}
	return resultOf(res), nil
}

// resultOf is what both kinds of answers have.
func resultOf(res interface {
	GetHits() []*Hit
	GetInfo() *SearchInfo
	GetNextPageToken() string
}) *Result {
	return &Result{
		Hits: res.GetHits(), Info: res.GetInfo(), NextPageToken: res.GetNextPageToken(),
		MissingShards: res.GetInfo().GetMissingShards(),
	}
}

// QueryAll yields the hits of one search page after page, at most 2,000, all of one revision. An error is yielded last:
// ErrPageExpired when the server changed its model between two pages.
func (c *Client) QueryAll(ctx context.Context, req *SearchRequest) iter.Seq2[*Hit, error] {
	return func(yield func(*Hit, error) bool) {
		page := &SearchRequest{
			Query: req.Query, Options: req.Options, PageSize: req.PageSize, PageToken: req.PageToken,
			AllowPartial: req.AllowPartial,
		}
		for {
			result, err := c.Query(ctx, page)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, hit := range result.Hits {
				if !yield(hit, nil) {
					return
				}
			}
			if page.PageToken = result.NextPageToken; page.PageToken == "" {
				return
			}
		}
	}
}

// BatchResult is the outcome of one search of a batch: either Result or Err is set.
type BatchResult struct {
	Result *Result
	Err    error
}

// QueryBatch answers many searches, one outcome for each in the order given. Any number: up to 100 go in one call,
// fewer where their texts are long.
func (c *Client) QueryBatch(ctx context.Context, requests []*SearchRequest) ([]BatchResult, error) {
	results := make([]BatchResult, 0, len(requests))
	for len(requests) > 0 {
		n := searchesEnd(requests)
		part, err := c.queryPart(ctx, requests[:n])
		if err != nil {
			return results, err
		}
		results = append(results, part...)
		requests = requests[n:]
	}
	return results, nil
}

// searchesEnd is how many of the searches go in the next call: one at least.
func searchesEnd(requests []*SearchRequest) int {
	bytes := 0
	for i, r := range requests {
		bytes += proto.Size(r) + 8 // tag and length of the field
		if i > 0 && (bytes > maxBatchBytes || i == maxBatchSearches) {
			return i
		}
	}
	return len(requests)
}

func (c *Client) queryPart(ctx context.Context, requests []*SearchRequest) ([]BatchResult, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	res, err := c.similarity.BatchSearchPapers(ctx, &akinv1.BatchSearchPapersRequest{Requests: requests})
	if err != nil {
		return nil, callError("search batch", err)
	}
	if len(res.GetResults()) != len(requests) {
		return nil, &Error{Op: "search batch", Code: codes.Internal,
			Message: "the server answered another number of searches than it was asked"}
	}
	results := make([]BatchResult, len(requests))
	for i, r := range res.GetResults() {
		if st := r.GetStatus(); st != nil {
			results[i].Err = itemError("search", st)
			continue
		}
		results[i].Result = resultOf(r.GetResponse())
	}
	return results, nil
}

// Preference is something liked or disliked; its Weight, 0 for the default of 1, may be set.
type Preference = akinv1.Preference

// FromPaper is a preference for a stored paper, which itself is never recommended.
func FromPaper(id string) *Preference {
	return &Preference{Subject: &akinv1.Preference_PaperId{PaperId: id}}
}

// FromText is a preference for what a text says.
func FromText(text string) *Preference {
	return &Preference{Subject: &akinv1.Preference_Text{Text: text}}
}

// FromVector is a preference for a vector that [Client.EmbedTexts] returned, with the fingerprint of its model.
func FromVector(values []float32, model string) *Preference {
	return &Preference{Subject: &akinv1.Preference_Vector{Vector: &akinv1.VectorQuery{Values: values, Model: model}}}
}

// Taste is what recommendations start from.
type Taste struct {
	// Likes: at most 1,000, of as many interests as there are. None: the newest and most central papers are recommended.
	Likes []*Preference
	// Dislikes: at most 1,000. Papers nearer to one of them than to every like lose the difference.
	Dislikes []*Preference
	// Exclude holds ids of papers not to recommend, such as those seen already: at most 10,000.
	Exclude []string
	// Strict makes a like or a dislike that is not stored an error, ErrNotFound. Otherwise it is left out, and named in
	// [Result.MissingIDs].
	Strict bool
	// Explain asks for the likes because of which each hit was found, Hit.BecauseOf.
	Explain bool
	// Profile is the id of a profile whose likes, dislikes and seen papers are taken beside those above; see
	// [Client.Profile]. Empty: none.
	Profile string
	// HalfLife is the age in which a preference of the profile loses half its weight: from one hour; 0: none fades.
	HalfLife time.Duration
	// ShownRest is how long a paper that the profile was shown is not recommended: 0 is the server's default of 30 days,
	// below 0 not at all.
	ShownRest time.Duration
}

// Recommend returns papers near to what someone likes, each like by itself, and not nearer to what they dislike, best
// first.
func (c *Client) Recommend(ctx context.Context, taste Taste, opts ...SearchOption) (*Result, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	s := settingsOf(opts)
	req := &akinv1.RecommendPapersRequest{
		Likes: taste.Likes, Dislikes: taste.Dislikes, ExcludePaperIds: taste.Exclude,
		Strict: taste.Strict, Explain: taste.Explain, ProfileId: taste.Profile,
		Options: s.options, PageSize: s.pageSize, PageToken: s.pageToken, AllowPartial: s.partial,
	}
	if taste.HalfLife > 0 {
		req.HalfLife = durationpb.New(taste.HalfLife)
	}
	if taste.ShownRest != 0 {
		req.ShownRest = durationpb.New(max(0, taste.ShownRest))
	}
	res, err := c.similarity.RecommendPapers(ctx, req)
	if err != nil {
		return nil, callError("recommend", err)
	}
	result := resultOf(res)
	result.MissingIDs = res.GetMissingPaperIds()
	return result, nil
}
