package service

import (
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/paper/wire"
	"github.com/akin-search/akin/server/internal/rank"
)

// This file holds both directions of every message but the paper itself, which package wire shares with the store. A
// decode function checks as it goes: what it returns without an error keeps every promise of the engine's types.

func decodePaper(path string, p *akinv1.Paper) (*paper.Paper, error) {
	var c validator
	if c.paper(path, p); !c.ok() {
		return nil, c.err()
	}
	return contentOf(p), nil
}

// contentOf is what the caller chose of a paper: output-only fields are ignored on input.
func contentOf(p *akinv1.Paper) *paper.Paper {
	out := wire.FromProto(p)
	out.CreateTime, out.UpdateTime, out.Revision = time.Time{}, time.Time{}, 0
	return out
}

func decodePapers(req *akinv1.BatchUpsertPapersRequest) ([]*paper.Paper, error) {
	var c validator
	if !c.count("papers", len(req.GetPapers()), 1, maxBatchPapers) {
		return nil, c.err()
	}
	papers := make([]*paper.Paper, len(req.GetPapers()))
	first := make(map[string]int, len(papers))
	for i, p := range req.GetPapers() {
		path := at("papers", i)
		c.paper(path, p)
		if j, twice := first[p.GetId()]; twice && p.GetId() != "" {
			c.addf(path+".id", "is %s, which is the id of papers[%d] too: a batch holds each id once", quoted(p.GetId()), j)
			continue
		}
		first[p.GetId()] = i
		if c.ok() {
			papers[i] = contentOf(p)
		}
	}
	return papers, c.err()
}

func decodeID(path, id string) error {
	var c validator
	c.id(path, id)
	return c.err()
}

func decodeGet(req *akinv1.GetPaperRequest) (string, paperMask, error) {
	var c validator
	c.id("id", req.GetId())
	mask := c.readMask("read_mask", req.GetReadMask(), allFields)
	return req.GetId(), mask, c.err()
}

func decodeBatchGet(req *akinv1.BatchGetPapersRequest) ([]string, paperMask, error) {
	var c validator
	if c.count("ids", len(req.GetIds()), 1, maxBatchPapers) {
		for i, id := range req.GetIds() {
			c.id(at("ids", i), id)
		}
	}
	mask := c.readMask("read_mask", req.GetReadMask(), exceptText)
	return req.GetIds(), mask, c.err()
}

func decodeList(req *akinv1.ListPapersRequest) (engine.ListQuery, paperMask, error) {
	var c validator
	c.pageToken(req.GetPageToken())
	mask := c.readMask("read_mask", req.GetReadMask(), exceptText)
	return engine.ListQuery{
		PageSize:  c.pageSize(req.GetPageSize(), defaultListed),
		PageToken: req.GetPageToken(),
		Filter:    c.filter("filter", req.GetFilter()),
		Abstracts: mask.abstracts(),
	}, mask, c.err()
}

// decodePurge returns no filter, nil, for all papers.
func decodePurge(req *akinv1.PurgePapersRequest) (*filter.Filter, error) {
	var c validator
	switch req.GetFilter() {
	case "":
		c.addf("filter", `is required: "*" stands for all papers`)
	case "*":
		return nil, nil
	}
	f := c.filter("filter", req.GetFilter())
	return f, c.err()
}

func decodeExport(req *akinv1.ExportPapersRequest) (*filter.Filter, error) {
	var c validator
	f := c.filter("filter", req.GetFilter())
	return f, c.err()
}

func decodeSearch(req *akinv1.SearchPapersRequest) (*engine.Query, paperMask, error) {
	var c validator
	q := &engine.Query{
		PageToken: req.GetPageToken(), PageSize: c.pageSize(req.GetPageSize(), defaultHits),
		AllowPartial: req.GetAllowPartial(),
	}
	switch query := req.GetQuery().(type) {
	case *akinv1.SearchPapersRequest_Text:
		q.Text = query.Text
		c.text("text", q.Text)
	case *akinv1.SearchPapersRequest_PaperId:
		q.PaperID = query.PaperId
		c.id("paper_id", q.PaperID)
	case *akinv1.SearchPapersRequest_Vector:
		c.vector("vector", query.Vector)
		q.Vector = &engine.VectorQuery{Values: query.Vector.GetValues(), Model: query.Vector.GetModel()}
	default:
		c.addf("query", "is required: set one of text, paper_id and vector")
	}
	c.pageToken(q.PageToken)
	var mask paperMask
	q.Options, mask = c.options(req.GetOptions())
	return q, mask, c.err()
}

// decodeBatched is decodeSearch for one search of a batch.
func decodeBatched(req *akinv1.SearchPapersRequest) (*engine.Query, paperMask, error) {
	var c validator
	if req.GetPageToken() != "" {
		c.addf("page_token", "is set: go on to further pages with SearchPapers")
		return nil, 0, c.err()
	}
	if req.GetAtLeast() != nil {
		c.addf("at_least", "is set: name it once, for the whole batch")
		return nil, 0, c.err()
	}
	return decodeSearch(req)
}

func checkBatch(req *akinv1.BatchSearchPapersRequest) error {
	var c validator
	c.count("requests", len(req.GetRequests()), 1, maxBatchSearches)
	return c.err()
}

func modeOf(m akinv1.SearchMode) (mode engine.Mode, known bool) {
	switch m {
	case akinv1.SearchMode_SEARCH_MODE_UNSPECIFIED, akinv1.SearchMode_SEARCH_MODE_AUTO:
		return engine.ModeAuto, true
	case akinv1.SearchMode_SEARCH_MODE_EXACT:
		return engine.ModeExact, true
	case akinv1.SearchMode_SEARCH_MODE_APPROXIMATE:
		return engine.ModeApproximate, true
	}
	return 0, false
}

func (c *validator) options(o *akinv1.SearchOptions) (engine.Options, paperMask) {
	if o == nil {
		return engine.Options{}, exceptText
	}
	mode, known := modeOf(o.GetMode())
	if !known {
		c.addf("options.mode", "is %d, which is no SearchMode", o.GetMode())
	}
	c.number("options.ef", float64(o.GetEf()), 0, maxEf)
	if o.DenseWeight != nil {
		c.number("options.dense_weight", o.GetDenseWeight(), 0, 1)
	}
	c.number("options.diversity", o.GetDiversity(), 0, 1)
	if o.MinCosine != nil {
		c.number("options.min_cosine", o.GetMinCosine(), -1, 1)
	}
	c.number("options.min_one_in", float64(o.GetMinOneIn()), 0, maxOneIn)
	mask := c.readMask("options.read_mask", o.GetReadMask(), exceptText)
	return engine.Options{
		Filter:          c.filter("options.filter", o.GetFilter()),
		Mode:            mode,
		Ef:              int(o.GetEf()),
		DenseWeight:     o.DenseWeight,
		RecencyHalfLife: c.halfLife("options.recency_half_life", o.GetRecencyHalfLife()),
		Diversity:       o.GetDiversity(),
		MinCosine:       o.MinCosine,
		MinOneIn:        int(o.GetMinOneIn()),
		Abstracts:       mask.abstracts(),
		Brief:           mask.brief(),
		Parts:           o.GetScoreParts(),
	}, mask
}

func decodeExplain(req *akinv1.ExplainSimilarityRequest) (engine.ExplainQuery, error) {
	var c validator
	q := engine.ExplainQuery{
		Target:   req.GetTargetPaperId(),
		MaxTerms: c.choice("max_terms", req.GetMaxTerms(), defaultTerms, 1, maxTerms),
	}
	switch query := req.GetQuery().(type) {
	case *akinv1.ExplainSimilarityRequest_Text:
		q.Text = query.Text
		c.text("text", q.Text)
	case *akinv1.ExplainSimilarityRequest_PaperId:
		q.PaperID = query.PaperId
		c.id("paper_id", q.PaperID)
	default:
		c.addf("query", "is required: set one of text and paper_id")
	}
	c.id("target_paper_id", q.Target)
	q.Options, _ = c.options(req.GetOptions())
	return q, c.err()
}

func decodeDuplicates(req *akinv1.FindDuplicatesRequest) (engine.DuplicateQuery, error) {
	var c validator
	q := engine.DuplicateQuery{
		MinCosine: req.GetMinCosine(),
		Filter:    c.filter("filter", req.GetFilter()),
		PageSize:  c.pageSize(req.GetPageSize(), defaultListed),
		PageToken: req.GetPageToken(),
	}
	if q.MinCosine == 0 {
		q.MinCosine = defaultDuplicate
	}
	c.number("min_cosine", q.MinCosine, minDuplicate, 1)
	c.pageToken(q.PageToken)
	return q, c.err()
}

func decodeEmbed(req *akinv1.EmbedTextsRequest) ([]string, error) {
	var c validator
	if c.count("texts", len(req.GetTexts()), 1, maxBatchTexts) {
		for i, text := range req.GetTexts() {
			c.text(at("texts", i), text)
		}
	}
	return req.GetTexts(), c.err()
}

func decodeTrain(req *akinv1.TrainModelRequest) (engine.TrainOptions, error) {
	var c validator
	o := engine.TrainOptions{Epochs: c.choice("epochs", req.GetEpochs(), 0, 1, maxEpochs), Seed: req.GetSeed()}
	if o.Seed == 0 {
		o.Seed = defaultSeed
	}
	return o, c.err()
}

func decodeRecall(req *akinv1.EvaluateRecallRequest) (engine.RecallQuery, error) {
	var c validator
	q := engine.RecallQuery{
		Queries: c.choice("queries", req.GetQueries(), defaultRecall, 1, maxRecall),
		K:       c.choice("k", req.GetK(), defaultRecallK, 1, maxRecallK),
		Ef:      int(req.GetEf()),
		Filter:  c.filter("filter", req.GetFilter()),
		Seed:    req.GetSeed(),
	}
	if q.Seed == 0 {
		q.Seed = defaultSeed
	}
	c.number("ef", float64(q.Ef), 0, maxEf)
	return q, c.err()
}

func encodeWrite(r engine.WriteResult) *akinv1.UpsertPaperResponse {
	return &akinv1.UpsertPaperResponse{Paper: exceptText.encode(r.Paper), Created: r.Created, Unchanged: r.Unchanged}
}

func encodeHits(hits []engine.Hit, mask paperMask, parts bool) []*akinv1.Hit {
	messages := make([]akinv1.Hit, len(hits)) // one piece of memory for all
	out := make([]*akinv1.Hit, len(hits))
	for i, h := range hits {
		m := &messages[i]
		m.Paper, m.Score, m.Cosine, m.Bm25, m.OneIn = mask.encode(h.Paper), h.Score, h.Cosine, h.BM25, int32(h.OneIn)
		if parts {
			m.Parts = encodeParts(h.Parts)
		}
		out[i] = m
	}
	return out
}

func encodeParts(p rank.Parts) *akinv1.ScoreParts {
	return &akinv1.ScoreParts{Dense: p.Dense, Words: p.Words, Phrase: p.Phrase, Neighbourhood: p.Neighbourhood}
}

func encodeInfo(r *engine.Result) *akinv1.SearchInfo {
	return &akinv1.SearchInfo{
		Exact:         r.Exact,
		Scored:        int64(r.Scored),
		Model:         r.Model,
		Position:      encodePosition(r.Position),
		DenseWeight:   r.DenseWeight,
		UnknownWords:  shortened(r.UnknownWords),
		WithoutLikes:  r.WithoutLikes,
		Warnings:      r.Warnings,
		MissingShards: encodeShards(r.MissingShards),
	}
}

func encodeShards(numbers []int) []int32 {
	var out []int32
	for _, n := range numbers {
		out = append(out, int32(n))
	}
	return out
}

// shortened cuts words that are no words, such as a base64 text of 60 KiB.
func shortened(words []string) []string {
	for i, w := range words {
		if len(w) > maxQuoted {
			words = slices.Clone(words)
			for ; i < len(words); i++ {
				if w = words[i]; len(w) > maxQuoted {
					words[i] = strings.ToValidUTF8(w[:maxQuoted], "") + "…"
				}
			}
			return words
		}
	}
	return words
}

func encodeSearch(r *engine.Result, mask paperMask) *akinv1.SearchPapersResponse {
	return &akinv1.SearchPapersResponse{
		Hits:          encodeHits(r.Hits, mask, r.Parts),
		NextPageToken: r.NextPageToken,
		Info:          encodeInfo(r),
	}
}

func encodeTerms(parts []engine.TermPart) []*akinv1.TermPart {
	terms := make([]*akinv1.TermPart, len(parts))
	for i, t := range parts {
		terms[i] = &akinv1.TermPart{Term: t.Term, Cosine: t.Cosine, Bm25: t.BM25, Matches: t.Matches}
	}
	return terms
}

func encodeExplanation(x *engine.Explanation) *akinv1.ExplainSimilarityResponse {
	return &akinv1.ExplainSimilarityResponse{
		Cosine:          x.Cosine,
		Bm25:            x.BM25,
		Terms:           encodeTerms(x.Terms),
		Model:           x.Model,
		RemainingCosine: x.RemainingCosine,
		Score:           x.Score,
		Parts:           encodeParts(x.Parts),
		OneIn:           int32(x.OneIn),
	}
}

func encodeEmbeddings(list []engine.Embedding, model string) *akinv1.EmbedTextsResponse {
	out := &akinv1.EmbedTextsResponse{Embeddings: make([]*akinv1.Embedding, len(list)), Model: model}
	for i, e := range list {
		out.Embeddings[i] = &akinv1.Embedding{Values: e.Values, Tokens: int32(e.Tokens)}
	}
	return out
}

func encodeModel(m engine.ModelInfo) *akinv1.ModelInfo {
	return &akinv1.ModelInfo{
		Fingerprint: m.Fingerprint,
		Dims:        int32(m.Dims),
		Trained:     m.Trained,
		Papers:      int64(m.Papers),
		CreateTime:  encodeTime(m.CreateTime),
	}
}

func encodeStats(s engine.Stats) *akinv1.GetIndexStatsResponse {
	return &akinv1.GetIndexStatsResponse{
		Papers:   int64(s.Papers),
		Position: encodePosition(s.Position),
		Model:    encodeModel(s.Model),
		Index: &akinv1.IndexInfo{
			Engine:       s.Engine,
			Vectors:      int64(s.Vectors),
			GraphVectors: int64(s.GraphVectors),
			TailVectors:  int64(s.TailVectors),
			Tombstones:   int64(s.Tombstones),
			ZeroVectors:  int64(s.ZeroVectors),
			MemoryBytes:  s.IndexBytes,
		},
		DiskBytes:        s.DiskBytes,
		Activity:         s.Activity,
		ActivityProgress: s.ActivityProgress,
		WriteRefusal:     string(s.Refusal),
		MissingShards:    encodeShards(s.MissingShards),
	}
}

func encodeProgress(p engine.TrainProgress) *akinv1.TrainModelResponse {
	return &akinv1.TrainModelResponse{
		Stage:           p.Stage,
		Progress:        p.Progress,
		Epoch:           int32(p.Epoch),
		Loss:            p.Loss,
		PapersPerSecond: p.PerSec,
		Eta:             durationpb.New(p.ETA),
	}
}

func encodeRecall(r engine.RecallReport) *akinv1.EvaluateRecallResponse {
	return &akinv1.EvaluateRecallResponse{
		Recall:       r.Recall,
		MinRecall:    r.MinRecall,
		Queries:      int32(r.Queries),
		MeanLatency:  durationpb.New(r.MeanLatency),
		ExactLatency: durationpb.New(r.ExactLatency),
	}
}

func encodeTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// cutID is an id that may be too long to be one, at most maxIDBytes of it.
func cutID(id string) string {
	if len(id) > maxIDBytes {
		id = id[:maxIDBytes]
	}
	return strings.ToValidUTF8(id, "")
}
