package shard

import (
	"context"
	"errors"
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	nodev1 "github.com/akin-search/akin/proto/akin/node/v1"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/taste"
)

// Service serves NodeService for the shard that a node holds. Whoever registers it sees to it that only nodes call.
type Service struct {
	nodev1.UnimplementedNodeServiceServer
	node func() (Node, error)
}

// NewService makes the service of a node, which is asked for at each call: nil while it loads, an error where it may
// not answer now.
func NewService(node func() (Node, error)) *Service { return &Service{node: node} }

const loadingText = "the node is loading"

// serve has the node answer one call: decode, ask, encode.
func serve[Q, A any](ctx context.Context, s *Service, ask func(ctx context.Context, n Node, decoded Q) (A, error),
	decode func() (Q, error)) (answer A, err error) {
	n, err := s.node()
	if err != nil {
		return answer, toStatus(err)
	}
	if n == nil {
		return answer, status.Error(codes.Unavailable, loadingText)
	}
	if named := metadata.ValueFromIncomingContext(ctx, leastHeader); len(named) == 1 {
		least, err := strconv.ParseUint(named[0], 10, 64)
		if err != nil {
			return answer, status.Error(codes.InvalidArgument, err.Error())
		}
		ctx = engine.WithLeast(ctx, least)
	}
	q, err := decode()
	if err != nil {
		return answer, status.Error(codes.InvalidArgument, err.Error())
	}
	answer, err = ask(ctx, n, q)
	return answer, toStatus(err)
}

// as is a decoded request that needs no decoding.
func as[Q any](q Q) func() (Q, error) { return func() (Q, error) { return q, nil } }

// GetWordCounts serves Node.WordCounts.
func (s *Service) GetWordCounts(ctx context.Context, m *nodev1.GetWordCountsRequest) (
	*nodev1.GetWordCountsResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, _ *nodev1.GetWordCountsRequest) (
		*nodev1.GetWordCountsResponse, error) {
		c, err := n.WordCounts(ctx)
		if err != nil {
			return nil, err
		}
		return &nodev1.GetWordCountsResponse{Papers: c.Papers, Tokens: c.Tokens, Frequencies: c.Frequencies}, nil
	}, as(m))
}

// FindCandidates serves Node.Find.
func (s *Service) FindCandidates(ctx context.Context, m *nodev1.FindCandidatesRequest) (
	*nodev1.FindCandidatesResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, q *engine.ShardQuery) (
		*nodev1.FindCandidatesResponse, error) {
		f, err := n.Find(ctx, q)
		if err != nil {
			return nil, err
		}
		return encodeFound(f), nil
	}, func() (*engine.ShardQuery, error) { return decodeQuery(m) })
}

// RateCandidates serves Node.Rate.
func (s *Service) RateCandidates(ctx context.Context, m *nodev1.RateCandidatesRequest) (
	*nodev1.RateCandidatesResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, q *engine.ShardTaste) (
		*nodev1.RateCandidatesResponse, error) {
		r, err := n.Rate(ctx, q)
		if err != nil {
			return nil, err
		}
		return &nodev1.RateCandidatesResponse{Ratings: encodeRated(r)}, nil
	}, func() (*engine.ShardTaste, error) { return decodeTaste(m.GetTaste()) })
}

// FindNewest serves Node.Newest.
func (s *Service) FindNewest(ctx context.Context, m *nodev1.FindNewestRequest) (
	*nodev1.FindNewestResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, q *engine.ShardTaste) (*nodev1.FindNewestResponse, error) {
		newest, err := n.Newest(ctx, q)
		if err != nil {
			return nil, err
		}
		return encodeNewest(newest), nil
	}, func() (*engine.ShardTaste, error) { return decodeTaste(m.GetTaste()) })
}

// FindCentral serves Node.Central.
func (s *Service) FindCentral(ctx context.Context, m *nodev1.FindCentralRequest) (
	*nodev1.FindCentralResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, q *engine.ShardTaste) (*nodev1.FindCentralResponse, error) {
		r, err := n.Central(ctx, q, m.GetCentre(), m.GetNewest())
		if err != nil {
			return nil, err
		}
		return &nodev1.FindCentralResponse{Ratings: encodeRated(r)}, nil
	}, func() (*engine.ShardTaste, error) { return decodeTaste(m.GetTaste()) })
}

// GetReasons serves Node.Why.
func (s *Service) GetReasons(ctx context.Context, m *nodev1.GetReasonsRequest) (*nodev1.GetReasonsResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, q *engine.ShardTaste) (*nodev1.GetReasonsResponse, error) {
		reasons, err := n.Why(ctx, q, decodeTexts(m.GetTexts()), m.GetOrdinals())
		return &nodev1.GetReasonsResponse{Reasons: encodeReasons(reasons)}, err
	}, func() (*engine.ShardTaste, error) { return decodeTaste(m.GetTaste()) })
}

// ExplainStoredPaper serves Node.ExplainStored.
func (s *Service) ExplainStoredPaper(ctx context.Context, m *nodev1.ExplainStoredPaperRequest) (
	*nodev1.ExplainStoredPaperResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, q *engine.ShardQuery) (
		*nodev1.ExplainStoredPaperResponse, error) {
		x, err := n.ExplainStored(ctx, q, m.GetTarget(), m.GetText().GetParts(), int(m.GetMaxTerms()))
		if err != nil {
			return nil, err
		}
		return encodeExplained(x), nil
	}, func() (*engine.ShardQuery, error) { return decodeQuery(m.GetQuery()) })
}

// GetVectors serves Node.ShardVectors.
func (s *Service) GetVectors(ctx context.Context, m *nodev1.GetVectorsRequest) (*nodev1.GetVectorsResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, m *nodev1.GetVectorsRequest) (
		*nodev1.GetVectorsResponse, error) {
		rows, err := n.ShardVectors(ctx, m.GetModel(), m.GetOrdinals())
		return &nodev1.GetVectorsResponse{Values: rows}, err
	}, as(m))
}

// GetFeatures serves Node.ShardFeatures.
func (s *Service) GetFeatures(ctx context.Context, m *nodev1.GetFeaturesRequest) (*nodev1.GetFeaturesResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, m *nodev1.GetFeaturesRequest) (
		*nodev1.GetFeaturesResponse, error) {
		features, err := n.ShardFeatures(ctx, m.GetModel(), m.GetOrdinals())
		answer := &nodev1.GetFeaturesResponse{}
		for _, ids := range features {
			answer.Papers = append(answer.Papers, &nodev1.Terms{Ids: ids})
		}
		return answer, err
	}, as(m))
}

// GetFoundPapers serves Node.ShardPapers.
func (s *Service) GetFoundPapers(ctx context.Context, m *nodev1.GetFoundPapersRequest) (
	*nodev1.GetFoundPapersResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, m *nodev1.GetFoundPapersRequest) (
		*nodev1.GetFoundPapersResponse, error) {
		papers, err := n.ShardPapers(ctx, m.GetOrdinals(), m.GetAbstracts(), m.GetBrief())
		return &nodev1.GetFoundPapersResponse{Papers: encodePapers(papers)}, err
	}, as(m))
}

// GetSubjects serves Node.Subjects.
func (s *Service) GetSubjects(ctx context.Context, m *nodev1.GetSubjectsRequest) (*nodev1.GetSubjectsResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, m *nodev1.GetSubjectsRequest) (
		*nodev1.GetSubjectsResponse, error) {
		subjects, err := n.Subjects(ctx, m.GetModel(), m.GetIds())
		list := make([]taste.Subject, len(subjects))
		for i, own := range subjects {
			list[i] = taste.Subject{Vector: own.Vector, Words: own.Terms}
		}
		return &nodev1.GetSubjectsResponse{Subjects: encodeSubjects(list)}, err
	}, as(m))
}

// GetStoredPapers serves Node.Get.
func (s *Service) GetStoredPapers(ctx context.Context, m *nodev1.GetStoredPapersRequest) (
	*nodev1.GetStoredPapersResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, m *nodev1.GetStoredPapersRequest) (
		*nodev1.GetStoredPapersResponse, error) {
		papers, err := n.Get(ctx, m.GetIds(), m.GetAbstracts())
		return &nodev1.GetStoredPapersResponse{Papers: encodePapers(papers)}, err
	}, as(m))
}

// ListStoredPapers serves Node.List.
func (s *Service) ListStoredPapers(ctx context.Context, m *nodev1.ListStoredPapersRequest) (
	*nodev1.ListStoredPapersResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, q engine.ListQuery) (
		*nodev1.ListStoredPapersResponse, error) {
		page, err := n.List(ctx, q)
		return &nodev1.ListStoredPapersResponse{
			Papers: encodePapers(page.Papers), NextPageToken: page.NextPageToken, Last: page.Last,
		}, err
	}, func() (engine.ListQuery, error) {
		f, err := decodeFilter(m.GetFilter())
		return engine.ListQuery{
			PageSize: int(m.GetPageSize()), PageToken: m.GetPageToken(), Filter: f, Abstracts: m.GetAbstracts(),
		}, err
	})
}

// GetOutcomes serves Node.Outcomes.
func (s *Service) GetOutcomes(ctx context.Context, m *nodev1.GetOutcomesRequest) (*nodev1.GetOutcomesResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, m *nodev1.GetOutcomesRequest) (
		*nodev1.GetOutcomesResponse, error) {
		outcomes, err := n.Outcomes(ctx, m.GetSequence(), m.GetIds())
		return &nodev1.GetOutcomesResponse{Outcomes: encodeOutcomes(outcomes)}, err
	}, as(m))
}

// PurgeShard serves Node.Purge.
func (s *Service) PurgeShard(ctx context.Context, m *nodev1.PurgeShardRequest) (*nodev1.PurgeShardResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, f *filter.Filter) (*nodev1.PurgeShardResponse, error) {
		p, err := n.Purge(ctx, f, m.GetForce())
		return &nodev1.PurgeShardResponse{
			Count: int64(p.Count), Sample: p.Sample, Position: encodePosition(p.Position),
		}, err
	}, func() (*filter.Filter, error) { return decodeFilter(m.GetFilter()) })
}

// GetShardStats serves Node.Stats.
func (s *Service) GetShardStats(ctx context.Context, m *nodev1.GetShardStatsRequest) (
	*nodev1.GetShardStatsResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, _ *nodev1.GetShardStatsRequest) (
		*nodev1.GetShardStatsResponse, error) {
		stats, err := n.Stats(ctx)
		return encodeStats(&stats), err
	}, as(m))
}

// GetFrequencies serves Node.Frequencies.
func (s *Service) GetFrequencies(ctx context.Context, m *nodev1.GetFrequenciesRequest) (
	*nodev1.GetFrequenciesResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, _ *nodev1.GetFrequenciesRequest) (
		*nodev1.GetFrequenciesResponse, error) {
		f, err := n.Frequencies(ctx)
		if err != nil {
			return nil, err
		}
		return &nodev1.GetFrequenciesResponse{Papers: int64(f.Papers()), Counts: f.Counts()}, nil
	}, as(m))
}

// SamplePapers serves Node.Sample.
func (s *Service) SamplePapers(ctx context.Context, m *nodev1.SamplePapersRequest) (
	*nodev1.SamplePapersResponse, error) {
	return serve(ctx, s, func(ctx context.Context, n Node, m *nodev1.SamplePapersRequest) (
		*nodev1.SamplePapersResponse, error) {
		papers, last, err := n.Sample(ctx, m.GetShare(), m.GetAfter(), int(m.GetLimit()))
		return &nodev1.SamplePapersResponse{Papers: encodePapers(papers), Last: last}, err
	}, as(m))
}

// errorDomain is that of the reasons below.
const errorDomain = "node.akin"

// sentinels are the engine's errors that a front acts upon, and their reasons between nodes.
var sentinels = []struct {
	err    error
	code   codes.Code
	reason string
}{
	{engine.ErrShardMoved, codes.Aborted, "SHARD_MOVED"},
	{engine.ErrPageExpired, codes.Aborted, "PAGE_EXPIRED"},
	{engine.ErrInvalidPageToken, codes.InvalidArgument, "INVALID_PAGE_TOKEN"},
	{engine.ErrNotFound, codes.NotFound, "NOT_FOUND"},
	{engine.ErrNoWords, codes.InvalidArgument, "NO_WORDS"},
	{engine.ErrLagging, codes.Unavailable, "LAGGING"},
	{engine.ErrLineageChanged, codes.FailedPrecondition, "LINEAGE_CHANGED"},
	{engine.ErrLogFull, codes.ResourceExhausted, "LOG_FULL"},
	{engine.ErrNotAcknowledged, codes.Unavailable, "NOT_ACKNOWLEDGED"},
	{engine.ErrClosed, codes.Unavailable, "CLOSED"},
	{context.Canceled, codes.Canceled, "CANCELED"},
	{context.DeadlineExceeded, codes.DeadlineExceeded, "DEADLINE_EXCEEDED"},
}

// toStatus tells an error of the engine to another node.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			st := status.New(s.code, err.Error())
			if full, failed := st.WithDetails(&errdetails.ErrorInfo{Reason: s.reason, Domain: errorDomain}); failed == nil {
				st = full
			}
			return st.Err()
		}
	}
	return status.Error(codes.Internal, err.Error())
}

// told is an error of another node: its text, and the sentinel that it wraps.
type told struct {
	text     string
	sentinel error
}

func (t *told) Error() string { return t.text }
func (t *told) Unwrap() error { return t.sentinel }

// fromStatus is the error that another node has told, or the connection's.
func fromStatus(err error) error {
	if err == nil {
		return nil
	}
	st := status.Convert(err)
	for _, detail := range st.Details() {
		info, ok := detail.(*errdetails.ErrorInfo)
		if !ok || info.GetDomain() != errorDomain {
			continue
		}
		for _, s := range sentinels {
			if s.reason == info.GetReason() {
				return &told{st.Message(), s.err}
			}
		}
	}
	switch st.Code() {
	case codes.Canceled:
		return &told{st.Message(), context.Canceled}
	case codes.DeadlineExceeded:
		return &told{st.Message(), context.DeadlineExceeded}
	}
	return err
}
