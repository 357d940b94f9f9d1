package shard

import (
	"context"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/akin-search/akin/embed"
	nodev1 "github.com/akin-search/akin/proto/akin/node/v1"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
)

// maxAnswer bounds a node's answer, in bytes: counts of all words take 5 MB at most, a list of long papers more.
const maxAnswer = 64 << 20

// leastHeader is the header that names the least write of the log that an answer must include, in decimal.
const leastHeader = "akin-at-least"

// Remote is a node elsewhere. The connection is its caller's, who has seen to it that it is to a node of this cluster.
type Remote struct{ client nodev1.NodeServiceClient }

// NewRemote makes the client of a node.
func NewRemote(conn grpc.ClientConnInterface) *Remote {
	return &Remote{nodev1.NewNodeServiceClient(conn)}
}

// call makes one call and turns its error into the engine's.
func call[Q, A any](
	ctx context.Context, method func(context.Context, Q, ...grpc.CallOption) (A, error), request Q,
) (A, error) {
	if least := engine.LeastOf(ctx); least > 0 {
		ctx = metadata.AppendToOutgoingContext(ctx, leastHeader, strconv.FormatUint(least, 10))
	}
	answer, err := method(ctx, request, grpc.MaxCallRecvMsgSize(maxAnswer))
	return answer, fromStatus(err)
}

// WordCounts implements Node, as all that follows.
func (r *Remote) WordCounts(ctx context.Context) (*lexical.Counts, error) {
	m, err := call(ctx, r.client.GetWordCounts, &nodev1.GetWordCountsRequest{})
	if err != nil {
		return nil, err
	}
	return &lexical.Counts{Papers: m.GetPapers(), Tokens: m.GetTokens(), Frequencies: m.GetFrequencies()}, nil
}

// Find finds candidates.
func (r *Remote) Find(ctx context.Context, q *engine.ShardQuery) (*engine.ShardFound, error) {
	m, err := call(ctx, r.client.FindCandidates, encodeQuery(q))
	if err != nil {
		return nil, err
	}
	return decodeFound(m)
}

// Rate finds and rates candidates.
func (r *Remote) Rate(ctx context.Context, q *engine.ShardTaste) (*engine.ShardRated, error) {
	m, err := call(ctx, r.client.RateCandidates, &nodev1.RateCandidatesRequest{Taste: encodeTaste(q)})
	if err != nil {
		return nil, err
	}
	return decodeRated(m.GetRatings())
}

// Newest tells of the newest papers.
func (r *Remote) Newest(ctx context.Context, q *engine.ShardTaste) (*engine.ShardNewest, error) {
	m, err := call(ctx, r.client.FindNewest, &nodev1.FindNewestRequest{Taste: encodeTaste(q)})
	if err != nil {
		return nil, err
	}
	return decodeNewest(m)
}

// Central finds candidates near a centre.
func (r *Remote) Central(ctx context.Context, q *engine.ShardTaste, centre []float32, newest []uint64) (
	*engine.ShardRated, error) {
	m, err := call(ctx, r.client.FindCentral, &nodev1.FindCentralRequest{
		Taste: encodeTaste(q), Centre: centre, Newest: newest,
	})
	if err != nil {
		return nil, err
	}
	return decodeRated(m.GetRatings())
}

// Why says why papers were found.
func (r *Remote) Why(ctx context.Context, q *engine.ShardTaste, texts [][]string, ordinals []uint64) (
	[]*engine.Because, error) {
	m, err := call(ctx, r.client.GetReasons, &nodev1.GetReasonsRequest{
		Taste: encodeTaste(q), Texts: encodeTexts(texts), Ordinals: ordinals,
	})
	return decodeReasons(m.GetReasons()), err
}

// ExplainStored compares a query with a stored paper.
func (r *Remote) ExplainStored(ctx context.Context, q *engine.ShardQuery, target string, text []string, maxTerms int) (
	*engine.ShardExplained, error) {
	m, err := call(ctx, r.client.ExplainStoredPaper, &nodev1.ExplainStoredPaperRequest{
		Query: encodeQuery(q), Target: target, Text: &nodev1.Texts{Parts: text}, MaxTerms: int32(maxTerms),
	})
	if err != nil {
		return nil, err
	}
	return decodeExplained(m), nil
}

// ShardVectors returns vectors of papers that were found.
func (r *Remote) ShardVectors(ctx context.Context, model string, ordinals []uint64) ([]float32, error) {
	m, err := call(ctx, r.client.GetVectors, &nodev1.GetVectorsRequest{Model: model, Ordinals: ordinals})
	return m.GetValues(), err
}

// ShardFeatures returns words of papers that were found.
func (r *Remote) ShardFeatures(ctx context.Context, model string, ordinals []uint64) ([][]uint32, error) {
	m, err := call(ctx, r.client.GetFeatures, &nodev1.GetFeaturesRequest{Model: model, Ordinals: ordinals})
	if err != nil {
		return nil, err
	}
	features := make([][]uint32, len(m.GetPapers()))
	for i, terms := range m.GetPapers() {
		features[i] = terms.GetIds()
	}
	return features, nil
}

// ShardPapers returns papers that were found.
func (r *Remote) ShardPapers(ctx context.Context, ordinals []uint64, abstracts, brief bool) ([]*paper.Paper, error) {
	m, err := call(ctx, r.client.GetFoundPapers, &nodev1.GetFoundPapersRequest{
		Ordinals: ordinals, Abstracts: abstracts, Brief: brief,
	})
	if err != nil {
		return nil, err
	}
	return decodePapers(m.GetPapers()), nil
}

// Subjects returns what stored papers say.
func (r *Remote) Subjects(ctx context.Context, model string, ids []string) ([]engine.Subject, error) {
	m, err := call(ctx, r.client.GetSubjects, &nodev1.GetSubjectsRequest{Model: model, Ids: ids})
	if err != nil {
		return nil, err
	}
	subjects := make([]engine.Subject, len(m.GetSubjects()))
	for i, s := range m.GetSubjects() {
		if len(s.GetVector()) == 0 {
			continue
		}
		words, err := decodeTerms(s.GetWords())
		if err != nil {
			return nil, err
		}
		if words == nil {
			words = new(embed.Terms)
		}
		subjects[i] = engine.Subject{Vector: s.GetVector(), Terms: words}
	}
	return subjects, nil
}

// Get returns stored papers.
func (r *Remote) Get(ctx context.Context, ids []string, abstracts bool) ([]*paper.Paper, error) {
	m, err := call(ctx, r.client.GetStoredPapers, &nodev1.GetStoredPapersRequest{Ids: ids, Abstracts: abstracts})
	if err != nil {
		return nil, err
	}
	return decodePapers(m.GetPapers()), nil
}

// List returns a page of stored papers.
func (r *Remote) List(ctx context.Context, q engine.ListQuery) (engine.ListPage, error) {
	m, err := call(ctx, r.client.ListStoredPapers, &nodev1.ListStoredPapersRequest{
		PageSize: int32(q.PageSize), PageToken: q.PageToken, Filter: q.Filter.String(), Abstracts: q.Abstracts,
	})
	if err != nil {
		return engine.ListPage{}, err
	}
	return engine.ListPage{
		Papers: decodePapers(m.GetPapers()), NextPageToken: m.GetNextPageToken(), Last: m.GetLast(),
		TokenAfter: func(id string) string { return engine.ListToken(q.Filter, id) },
	}, nil
}

// Purge deletes, or counts, what a filter accepts.
func (r *Remote) Purge(ctx context.Context, f *filter.Filter, force bool) (engine.Purged, error) {
	m, err := call(ctx, r.client.PurgeShard, &nodev1.PurgeShardRequest{Filter: f.String(), Force: force})
	if err != nil {
		return engine.Purged{}, err
	}
	p, err := decodePosition(m.GetPosition())
	return engine.Purged{Count: int(m.GetCount()), Sample: m.GetSample(), Position: p}, err
}

// Outcomes returns what became of papers of a write.
func (r *Remote) Outcomes(ctx context.Context, sequence uint64, ids []string) ([]engine.Outcome, error) {
	m, err := call(ctx, r.client.GetOutcomes, &nodev1.GetOutcomesRequest{Sequence: sequence, Ids: ids})
	if err != nil {
		return nil, err
	}
	return decodeOutcomes(m.GetOutcomes()), nil
}

// Stats describes what serves.
func (r *Remote) Stats(ctx context.Context) (engine.Stats, error) {
	m, err := call(ctx, r.client.GetShardStats, &nodev1.GetShardStatsRequest{})
	if err != nil {
		return engine.Stats{}, err
	}
	return decodeStats(m)
}

// Frequencies returns what models weigh words by. All nodes make models of the default configuration.
func (r *Remote) Frequencies(ctx context.Context) (*embed.Frequencies, error) {
	m, err := call(ctx, r.client.GetFrequencies, &nodev1.GetFrequenciesRequest{})
	if err != nil {
		return nil, err
	}
	return embed.FrequenciesOf(embed.DefaultConfig(), int(m.GetPapers()), m.GetCounts())
}

// Sample returns papers of a sample.
func (r *Remote) Sample(ctx context.Context, share float64, after string, limit int) (
	papers []*paper.Paper, last string, err error) {
	m, err := call(ctx, r.client.SamplePapers, &nodev1.SamplePapersRequest{
		Share: share, After: after, Limit: int32(limit),
	})
	return decodePapers(m.GetPapers()), m.GetLast(), err
}
