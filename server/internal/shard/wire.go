package shard

import (
	"fmt"
	"time"

	"github.com/akin-search/akin/embed"
	nodev1 "github.com/akin-search/akin/proto/akin/node/v1"
	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/lexical"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/paper/wire"
	"github.com/akin-search/akin/server/internal/rank"
	"github.com/akin-search/akin/server/internal/taste"
)

// Both ways between the engine's words and akin.node.v1: encodeX and decodeX are each other's inverse. Decoding checks
// what a node of another release could get wrong; the rest is trusted, for only nodes may call.

func encodeTerms(t *embed.Terms) *nodev1.Terms {
	if t == nil {
		return nil
	}
	return &nodev1.Terms{Ids: t.IDs, Counts: widen(t.Counts), Bigrams: widen(t.Bigrams), Tokens: int64(t.Tokens)}
}

func decodeTerms(m *nodev1.Terms) (*embed.Terms, error) {
	if m == nil {
		return nil, nil
	}
	if len(m.GetIds()) != len(m.GetCounts()) {
		return nil, fmt.Errorf("%d words with %d counts", len(m.GetIds()), len(m.GetCounts()))
	}
	for i, id := range m.GetIds() {
		if i > 0 && id <= m.GetIds()[i-1] || id >= 1<<embed.FeatureBits {
			return nil, fmt.Errorf("word %d of a text is %d, which is out of order or too large", i, id)
		}
	}
	return &embed.Terms{
		IDs: m.GetIds(), Counts: narrow(m.GetCounts()), Bigrams: narrow(m.GetBigrams()), Tokens: int(m.GetTokens()),
	}, nil
}

func widen(list []uint16) []uint32 {
	out := make([]uint32, len(list))
	for i, x := range list {
		out[i] = uint32(x)
	}
	return out
}

func narrow(list []uint32) []uint16 {
	out := make([]uint16, len(list))
	for i, x := range list {
		out[i] = uint16(x)
	}
	return out
}

func encodeStatistics(s *lexical.Statistics) *nodev1.Statistics {
	if s == nil {
		return nil
	}
	return &nodev1.Statistics{Papers: s.Papers, Tokens: s.Tokens, Words: s.Words, Frequencies: s.Frequencies}
}

func decodeStatistics(m *nodev1.Statistics) (*lexical.Statistics, error) {
	if m == nil {
		return nil, nil
	}
	if len(m.GetWords()) != len(m.GetFrequencies()) {
		return nil, fmt.Errorf("%d words with %d frequencies", len(m.GetWords()), len(m.GetFrequencies()))
	}
	return &lexical.Statistics{
		Papers: m.GetPapers(), Tokens: m.GetTokens(), Words: m.GetWords(), Frequencies: m.GetFrequencies(),
	}, nil
}

func encodeReach(r *engine.Reach, model string, revision uint64, exclude []string) *nodev1.Reach {
	return &nodev1.Reach{
		Model: model, Revision: revision, Exclude: exclude, Depth: int32(r.Depth), Filter: r.Filter.String(),
		Mode: int32(r.Mode), Ef: int32(r.Ef),
	}
}

func decodeReach(m *nodev1.Reach) (engine.Reach, error) {
	f, err := decodeFilter(m.GetFilter())
	return engine.Reach{
		Depth: int(m.GetDepth()), Filter: f, Mode: engine.Mode(m.GetMode()), Ef: int(m.GetEf()),
	}, err
}

func decodeFilter(s string) (*filter.Filter, error) {
	if s == "" {
		return nil, nil
	}
	return filter.Parse(s)
}

func encodeQuery(q *engine.ShardQuery) *nodev1.FindCandidatesRequest {
	w := &q.Weights
	return &nodev1.FindCandidatesRequest{
		Reach:  encodeReach(&q.Reach, q.Model, q.Revision, q.Exclude),
		Vector: q.Vector, Terms: encodeTerms(q.Terms), Statistics: encodeStatistics(q.Statistics),
		Weights: &nodev1.Weights{
			Dense: w.Dense, K1: w.K1, Phrase: w.Phrase, Alike: w.Alike, Words: int32(w.Words), Neighbours: w.Neighbours,
		},
	}
}

func decodeQuery(m *nodev1.FindCandidatesRequest) (*engine.ShardQuery, error) {
	terms, err := decodeTerms(m.GetTerms())
	if err != nil {
		return nil, err
	}
	statistics, err := decodeStatistics(m.GetStatistics())
	if err != nil {
		return nil, err
	}
	reach, err := decodeReach(m.GetReach())
	w := m.GetWeights()
	return &engine.ShardQuery{
		Query: rank.Query{Vector: m.GetVector(), Terms: terms, Statistics: statistics, Weights: rank.Weights{
			Dense: w.GetDense(), K1: w.GetK1(), Phrase: w.GetPhrase(), Alike: w.GetAlike(), Words: int(w.GetWords()),
			Neighbours: w.GetNeighbours(),
		}},
		Model: m.GetReach().GetModel(), Revision: m.GetReach().GetRevision(), Exclude: m.GetReach().GetExclude(),
		Reach: reach,
	}, err
}

func encodePosition(p paper.Position) *akinv1.Position {
	return &akinv1.Position{Revision: p.Revision, Lineage: p.Lineage.String()}
}

func decodePosition(m *akinv1.Position) (p paper.Position, err error) {
	p.Revision = m.GetRevision()
	p.Lineage, err = paper.ParseLineage(m.GetLineage())
	return p, err
}

func encodeAnswer(r index.Report, p paper.Position, revision uint64, warnings []string) *nodev1.Answer {
	return &nodev1.Answer{
		Exact: r.Exact, Scored: int64(r.Scored), Warnings: warnings, Position: encodePosition(p), Revision: revision,
	}
}

func decodeAnswer(m *nodev1.Answer) (r index.Report, p paper.Position, warnings []string, err error) {
	p, err = decodePosition(m.GetPosition())
	return index.Report{Exact: m.GetExact(), Scored: int(m.GetScored())}, p, m.GetWarnings(), err
}

// The bits of FindCandidatesResponse.lists.
const (
	denseList = 1 << iota
	wordList
)

func encodeFound(f *engine.ShardFound) *nodev1.FindCandidatesResponse {
	m := &nodev1.FindCandidatesResponse{Answer: encodeAnswer(f.Report, f.Position, f.Revision, f.Warnings)}
	n := len(f.Candidates)
	m.Ordinals, m.Born, m.Published = make([]uint64, n), make([]uint64, n), make([]int64, n)
	m.Cosines, m.Bm25, m.Estimates = make([]float32, n), make([]float32, n), make([]float32, n)
	m.Shared, m.Lists = make([]uint32, n), make([]uint32, n)
	for i := range f.Candidates {
		c := &f.Candidates[i]
		m.Ordinals[i], m.Born[i], m.Published[i] = c.Ordinal, c.Born, c.Published
		m.Cosines[i], m.Bm25[i], m.Estimates[i], m.Shared[i] = c.Cosine, c.BM25, c.Estimate, c.Shared
		if c.Dense {
			m.Lists[i] |= denseList
		}
		if c.ByWords {
			m.Lists[i] |= wordList
		}
	}
	return m
}

func decodeFound(m *nodev1.FindCandidatesResponse) (*engine.ShardFound, error) {
	n := len(m.GetOrdinals())
	for _, other := range []int{
		len(m.GetBorn()), len(m.GetPublished()), len(m.GetCosines()), len(m.GetBm25()), len(m.GetEstimates()),
		len(m.GetShared()), len(m.GetLists()),
	} {
		if other != n {
			return nil, fmt.Errorf("lists of %d and %d candidates", n, other)
		}
	}
	f := &engine.ShardFound{Candidates: make([]engine.ShardCandidate, n), Revision: m.GetAnswer().GetRevision()}
	for i := range f.Candidates {
		f.Candidates[i] = engine.ShardCandidate{
			Raw: rank.Raw{
				Cosine: m.GetCosines()[i], BM25: m.GetBm25()[i], Estimate: m.GetEstimates()[i],
				Shared: m.GetShared()[i],
				Dense:  m.GetLists()[i]&denseList != 0, ByWords: m.GetLists()[i]&wordList != 0,
			},
			Ordinal: m.GetOrdinals()[i], Born: m.GetBorn()[i], Published: m.GetPublished()[i],
		}
	}
	var err error
	f.Report, f.Position, f.Warnings, err = decodeAnswer(m.GetAnswer())
	return f, err
}

func encodeSubjects(list []taste.Subject) []*nodev1.TasteSubject {
	out := make([]*nodev1.TasteSubject, len(list))
	for i, s := range list {
		out[i] = &nodev1.TasteSubject{Vector: s.Vector, Words: encodeTerms(s.Words), Weight: s.Weight}
	}
	return out
}

func decodeSubjects(list []*nodev1.TasteSubject) (out []taste.Subject, err error) {
	out = make([]taste.Subject, len(list))
	for i, m := range list {
		words, err := decodeTerms(m.GetWords())
		if err != nil {
			return nil, err
		}
		out[i] = taste.Subject{Vector: m.GetVector(), Words: words, Weight: m.GetWeight()}
	}
	return out, nil
}

func encodeTaste(q *engine.ShardTaste) *nodev1.Taste {
	return &nodev1.Taste{
		Reach: encodeReach(&q.Reach, q.Model, q.Revision, q.Exclude), Likes: encodeSubjects(q.Likes),
		Dislikes: encodeSubjects(q.Dislikes), DenseWeight: q.DenseWeight, Statistics: encodeStatistics(q.Statistics),
		Behind: q.Behind, Owner: q.Owner, ProfileId: q.ProfileID, ShownRest: int64(q.ShownRest), Now: encodeTime(q.Now),
	}
}

func decodeTaste(m *nodev1.Taste) (*engine.ShardTaste, error) {
	q := &engine.ShardTaste{
		DenseWeight: m.DenseWeight, Model: m.GetReach().GetModel(), Revision: m.GetReach().GetRevision(),
		Behind: m.GetBehind(), Exclude: m.GetReach().GetExclude(), Owner: m.GetOwner(), ProfileID: m.GetProfileId(),
		ShownRest: time.Duration(m.GetShownRest()), Now: decodeTime(m.GetNow()),
	}
	var err error
	if q.Likes, err = decodeSubjects(m.GetLikes()); err != nil {
		return nil, err
	}
	if q.Dislikes, err = decodeSubjects(m.GetDislikes()); err != nil {
		return nil, err
	}
	if q.Statistics, err = decodeStatistics(m.GetStatistics()); err != nil {
		return nil, err
	}
	q.Reach, err = decodeReach(m.GetReach())
	return q, err
}

func encodeRated(r *engine.ShardRated) *nodev1.Ratings {
	m := &nodev1.Ratings{Answer: encodeAnswer(r.Report, r.Position, r.Revision, r.Warnings)}
	for i := range r.Ratings {
		c := &r.Ratings[i]
		m.Ordinals, m.Born = append(m.Ordinals, c.Ordinal), append(m.Born, c.Born)
		m.Published, m.Scores = append(m.Published, c.Published), append(m.Scores, c.Score)
		m.Penalties, m.Cosines = append(m.Penalties, c.Penalty), append(m.Cosines, c.Cosine)
	}
	return m
}

func decodeRated(m *nodev1.Ratings) (*engine.ShardRated, error) {
	n := len(m.GetOrdinals())
	for _, other := range []int{
		len(m.GetBorn()), len(m.GetPublished()), len(m.GetScores()), len(m.GetPenalties()), len(m.GetCosines()),
	} {
		if other != n {
			return nil, fmt.Errorf("lists of %d and %d candidates", n, other)
		}
	}
	r := &engine.ShardRated{Ratings: make([]engine.ShardRating, n), Revision: m.GetAnswer().GetRevision()}
	for i := range r.Ratings {
		r.Ratings[i] = engine.ShardRating{
			Rating:  taste.Rating{Score: m.GetScores()[i], Penalty: m.GetPenalties()[i], Cosine: m.GetCosines()[i]},
			Ordinal: m.GetOrdinals()[i], Born: m.GetBorn()[i], Published: m.GetPublished()[i],
		}
	}
	var err error
	r.Report, r.Position, r.Warnings, err = decodeAnswer(m.GetAnswer())
	return r, err
}

func encodeNewest(n *engine.ShardNewest) *nodev1.FindNewestResponse {
	rated := engine.ShardRated{
		Ratings: n.Newest, Report: index.Report{Exact: true}, Revision: n.Revision, Position: n.Position,
		Warnings: n.Warnings,
	}
	return &nodev1.FindNewestResponse{Newest: encodeRated(&rated), Mean: n.Mean, Accepted: int64(n.Accepted)}
}

func decodeNewest(m *nodev1.FindNewestResponse) (*engine.ShardNewest, error) {
	rated, err := decodeRated(m.GetNewest())
	if err != nil {
		return nil, err
	}
	return &engine.ShardNewest{
		Newest: rated.Ratings, Mean: m.GetMean(), Accepted: int(m.GetAccepted()), Revision: rated.Revision,
		Position: rated.Position, Warnings: rated.Warnings,
	}, nil
}

// encodeTime writes a time in Unix nanoseconds; 0 for the zero time.
func encodeTime(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func decodeTime(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds).UTC()
}

func encodeOutcomes(list []engine.Outcome) []*nodev1.Outcome {
	out := make([]*nodev1.Outcome, len(list))
	for i, o := range list {
		out[i] = &nodev1.Outcome{
			Revision: o.Revision, CreateTime: encodeTime(o.Create), UpdateTime: encodeTime(o.Update), Created: o.Created,
			Unchanged: o.Unchanged, Missing: o.Missing,
		}
	}
	return out
}

func decodeOutcomes(list []*nodev1.Outcome) []engine.Outcome {
	out := make([]engine.Outcome, len(list))
	for i, m := range list {
		out[i] = engine.Outcome{
			Revision: m.GetRevision(), Create: decodeTime(m.GetCreateTime()), Update: decodeTime(m.GetUpdateTime()),
			Created: m.GetCreated(), Unchanged: m.GetUnchanged(), Missing: m.GetMissing(),
		}
	}
	return out
}

func encodeStats(s *engine.Stats) *nodev1.GetShardStatsResponse {
	return &nodev1.GetShardStatsResponse{
		Papers: int64(s.Papers), Position: encodePosition(s.Position), Vectors: int64(s.Vectors),
		GraphVectors: int64(s.GraphVectors), TailVectors: int64(s.TailVectors), Tombstones: int64(s.Tombstones),
		ZeroVectors: int64(s.ZeroVectors), IndexBytes: s.IndexBytes, DiskBytes: s.DiskBytes, Model: s.Model.Fingerprint,
	}
}

func decodeStats(m *nodev1.GetShardStatsResponse) (engine.Stats, error) {
	p, err := decodePosition(m.GetPosition())
	return engine.Stats{
		Papers: int(m.GetPapers()), Position: p, Vectors: int(m.GetVectors()), GraphVectors: int(m.GetGraphVectors()),
		TailVectors: int(m.GetTailVectors()), Tombstones: int(m.GetTombstones()), ZeroVectors: int(m.GetZeroVectors()),
		IndexBytes: m.GetIndexBytes(), DiskBytes: m.GetDiskBytes(), Model: engine.ModelInfo{Fingerprint: m.GetModel()},
	}, err
}

// encodePapers writes papers; nil becomes one without an id.
func encodePapers(papers []*paper.Paper) []*akinv1.Paper {
	out := make([]*akinv1.Paper, len(papers))
	for i, p := range papers {
		if out[i] = new(akinv1.Paper); p != nil {
			out[i] = wire.ToProto(p)
		}
	}
	return out
}

func decodePapers(list []*akinv1.Paper) []*paper.Paper {
	out := make([]*paper.Paper, len(list))
	for i, m := range list {
		if m.GetId() != "" {
			out[i] = wire.FromProto(m)
		}
	}
	return out
}
