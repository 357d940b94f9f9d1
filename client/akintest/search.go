package akintest

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// counts are the words of a text.
type counts map[string]float64

func countWords(texts ...string) counts {
	c := counts{}
	for _, text := range texts {
		for word := range strings.FieldsFuncSeq(strings.ToLower(text),
			func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			c[word]++
		}
	}
	return c
}

func (c counts) add(d counts, weight float64) {
	for word, n := range d {
		c[word] += weight * n
	}
}

func dot(a, b counts) (sum float64) {
	for word, n := range a {
		sum += n * b[word]
	}
	return sum
}

func cosine(a, b counts) float64 {
	if n := math.Sqrt(dot(a, a) * dot(b, b)); n > 0 {
		return dot(a, b) / n
	}
	return 0
}

// oneIn is 1 for nothing in common and a million for the same.
func oneIn(cosine float64) int32 { return int32(math.Round(math.Pow(10, 6*min(1, cosine)))) }

// question is what papers are ranked by.
type question struct {
	words  counts
	skip   []string // ids that are no hits
	bm25   bool     // whether hits have one
	newest bool     // rank every paper, the newest first, whatever it says
}

// rank returns one page of hits.
func (s *Server) rank(
	q question, o *akinv1.SearchOptions, size int32, token string,
) ([]*akinv1.Hit, string, *akinv1.SearchInfo, error) {
	papers, err := s.accepted("options.filter", o.GetFilter())
	if err != nil {
		return nil, "", nil, err
	}
	if o == nil {
		o = &akinv1.SearchOptions{}
	}
	var hits []*akinv1.Hit
	for _, p := range papers {
		words := countWords(p.GetTitle(), p.GetAbstract())
		cos := cosine(q.words, words)
		tooFar := o.MinCosine != nil && cos < o.GetMinCosine() || oneIn(cos) < o.GetMinOneIn()
		if slices.Contains(q.skip, p.GetId()) || cos <= 0 && !q.newest || tooFar {
			continue
		}
		if m := o.GetReadMask().GetPaths(); !wantsAbstract(m) {
			p = withoutAbstract(p)
		}
		hit := &akinv1.Hit{Paper: p, Score: cos, Cosine: cos, OneIn: oneIn(cos)}
		if q.bm25 {
			hit.Bm25 = dot(q.words, words)
		}
		if o.GetScoreParts() {
			hit.Parts = &akinv1.ScoreParts{Dense: cos}
		}
		hits = append(hits, hit)
	}
	slices.SortStableFunc(hits, func(a, b *akinv1.Hit) int {
		if q.newest {
			return b.GetPaper().GetPublishTime().AsTime().Compare(a.GetPaper().GetPublishTime().AsTime())
		}
		return cmp.Compare(b.GetScore(), a.GetScore())
	})
	info := &akinv1.SearchInfo{
		Exact: o.GetMode() != akinv1.SearchMode_SEARCH_MODE_APPROXIMATE, Scored: int64(len(papers)), Model: Model,
		Position: s.lastPosition(), DenseWeight: 1, WithoutLikes: q.newest,
	}
	if size == 0 {
		size = 10
	}
	if s.MaxHits > 0 {
		size = min(size, int32(s.MaxHits))
	}
	start, err := place(token)
	if err != nil {
		return nil, "", nil, err
	}
	start = min(start, len(hits))
	end := min(start+int(size), len(hits))
	next := ""
	if end < len(hits) {
		next = strconv.Itoa(end)
	}
	return hits[start:end], next, info, nil
}

// place reads a page token, which is the number of results before the page.
func place(token string) (int, error) {
	if token == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(token)
	if err != nil || n < 0 {
		return 0, violation("page_token", "is refused: invalid page token", "INVALID_PAGE_TOKEN")
	}
	return n, nil
}

func (s *Server) words(id string) (counts, error) {
	p, err := s.find(id)
	if err != nil {
		return nil, err
	}
	return countWords(p.GetTitle(), p.GetAbstract()), nil
}

// SearchPapers implements akinv1.SimilarityServiceServer.
func (s *Server) SearchPapers(
	_ context.Context, req *akinv1.SearchPapersRequest,
) (*akinv1.SearchPapersResponse, error) {
	ask := question{bm25: true}
	var err error
	switch q := req.GetQuery().(type) {
	case *akinv1.SearchPapersRequest_Text:
		if ask.words = countWords(q.Text); len(ask.words) == 0 {
			return nil, Invalid("text", "has no words to search for")
		}
	case *akinv1.SearchPapersRequest_PaperId:
		ask.skip = []string{q.PaperId}
		if ask.words, err = s.words(q.PaperId); err != nil {
			return nil, err
		}
	case *akinv1.SearchPapersRequest_Vector:
		if q.Vector.GetModel() != Model {
			return nil, Fail(codes.FailedPrecondition, "the vector is of another model; embed the text again", "MODEL_MISMATCH")
		}
		ask.words, ask.bm25 = countWords("attention"), false
	default:
		return nil, Invalid("query", "is required")
	}
	hits, next, info, err := s.rank(ask, req.GetOptions(), req.GetPageSize(), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	return &akinv1.SearchPapersResponse{Hits: hits, NextPageToken: next, Info: info}, nil
}

// BatchSearchPapers implements akinv1.SimilarityServiceServer.
func (s *Server) BatchSearchPapers(
	ctx context.Context, req *akinv1.BatchSearchPapersRequest,
) (*akinv1.BatchSearchPapersResponse, error) {
	res := &akinv1.BatchSearchPapersResponse{}
	for _, r := range req.GetRequests() {
		one := &akinv1.BatchSearchPapersResult{}
		if found, err := s.SearchPapers(ctx, r); err != nil {
			st := status.Convert(err).Proto()
			one.Result = &akinv1.BatchSearchPapersResult_Status{
				Status: &akinv1.Status{Code: st.GetCode(), Message: st.GetMessage(), Details: st.GetDetails()},
			}
		} else {
			one.Result = &akinv1.BatchSearchPapersResult_Response{Response: found}
		}
		res.Results = append(res.Results, one)
	}
	return res, nil
}

// RecommendPapers implements akinv1.SimilarityServiceServer.
func (s *Server) RecommendPapers(
	_ context.Context, req *akinv1.RecommendPapersRequest,
) (*akinv1.RecommendPapersResponse, error) {
	req, err := s.withProfile(req)
	if err != nil {
		return nil, err
	}
	ask := question{words: counts{}, skip: slices.Clone(req.GetExcludePaperIds()), newest: true}
	var missing []string
	for _, side := range []struct {
		sign        float64
		preferences []*akinv1.Preference
	}{{1, req.GetLikes()}, {-1, req.GetDislikes()}} {
		for _, p := range side.preferences {
			words := countWords(p.GetText())
			if id := p.GetPaperId(); id != "" {
				var err error
				if words, err = s.words(id); err != nil {
					if req.GetStrict() {
						return nil, err
					}
					missing = append(missing, id)
					continue
				}
				ask.skip = append(ask.skip, id)
			}
			ask.newest = ask.newest && side.sign < 0
			weight := p.GetWeight()
			if weight == 0 {
				weight = 1
			}
			ask.words.add(words, side.sign*weight)
		}
	}
	hits, next, info, err := s.rank(ask, req.GetOptions(), req.GetPageSize(), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	if req.GetExplain() {
		for _, h := range hits {
			h.BecauseOf = s.because(h.GetPaper().GetId(), req.GetLikes())
		}
	}
	return &akinv1.RecommendPapersResponse{Hits: hits, NextPageToken: next, Info: info, MissingPaperIds: missing}, nil
}

// because names the likes that have words in common with a paper, the likest first, at most 3.
func (s *Server) because(id string, likes []*akinv1.Preference) *akinv1.Because {
	target, err := s.words(id)
	if err != nil {
		return nil // deleted meanwhile
	}
	out := &akinv1.Because{}
	for i, like := range likes {
		words := countWords(like.GetText())
		if like.GetPaperId() != "" {
			if words, err = s.words(like.GetPaperId()); err != nil {
				continue
			}
		}
		if part := cosine(words, target); part > 0 {
			part /= float64(len(likes))
			out.Likes = append(out.Likes, &akinv1.LikeReason{PaperId: like.GetPaperId(), Like: int32(i), Part: part})
		}
	}
	slices.SortStableFunc(out.GetLikes(), func(a, b *akinv1.LikeReason) int {
		return cmp.Compare(b.GetPart(), a.GetPart())
	})
	for len(out.GetLikes()) > 3 {
		last := len(out.GetLikes()) - 1
		out.OtherLikes += out.GetLikes()[last].GetPart()
		out.Likes = out.GetLikes()[:last]
	}
	return out
}

// ExplainSimilarity implements akinv1.SimilarityServiceServer.
func (s *Server) ExplainSimilarity(
	_ context.Context, req *akinv1.ExplainSimilarityRequest,
) (*akinv1.ExplainSimilarityResponse, error) {
	target, err := s.words(req.GetTargetPaperId())
	if err != nil {
		return nil, err
	}
	query := countWords(req.GetText())
	if id := req.GetPaperId(); id != "" {
		if query, err = s.words(id); err != nil {
			return nil, err
		}
	}
	norm := math.Sqrt(dot(query, query) * dot(target, target))
	cos := cosine(query, target)
	res := &akinv1.ExplainSimilarityResponse{
		Cosine: cos, Bm25: dot(query, target), Model: Model, Score: cos, Parts: &akinv1.ScoreParts{Dense: cos},
		OneIn: oneIn(cos),
	}
	for word, n := range query {
		if both := n * target[word]; both > 0 {
			res.Terms = append(res.Terms, &akinv1.TermPart{Term: word, Cosine: both / norm, Bm25: both, Matches: []string{word}})
		}
	}
	slices.SortFunc(res.GetTerms(), func(a, b *akinv1.TermPart) int {
		return cmp.Or(cmp.Compare(b.GetCosine(), a.GetCosine()), cmp.Compare(a.GetTerm(), b.GetTerm()))
	})
	if n := int(req.GetMaxTerms()); n > 0 && len(res.GetTerms()) > n {
		for _, cut := range res.GetTerms()[n:] {
			res.RemainingCosine += cut.GetCosine()
		}
		res.Terms = res.GetTerms()[:n]
	}
	return res, nil
}

// FindDuplicates implements akinv1.SimilarityServiceServer: pairs only, one a page.
func (s *Server) FindDuplicates(
	_ context.Context, req *akinv1.FindDuplicatesRequest,
) (*akinv1.FindDuplicatesResponse, error) {
	papers, err := s.accepted("filter", req.GetFilter())
	if err != nil {
		return nil, err
	}
	least := req.GetMinCosine()
	if least == 0 {
		least = .95
	}
	var groups []*akinv1.DuplicateGroup
	for i, p := range papers {
		for _, q := range papers[i+1:] {
			if c := cosine(countWords(p.GetTitle(), p.GetAbstract()), countWords(q.GetTitle(), q.GetAbstract())); c >= least {
				groups = append(groups, &akinv1.DuplicateGroup{PaperIds: []string{p.GetId(), q.GetId()}, MinCosine: c})
			}
		}
	}
	at, _ := strconv.Atoi(req.GetPageToken())
	if at >= len(groups) {
		return &akinv1.FindDuplicatesResponse{}, nil
	}
	res := &akinv1.FindDuplicatesResponse{Groups: groups[at : at+1]}
	if at+1 < len(groups) {
		res.NextPageToken = strconv.Itoa(at + 1)
	}
	return res, nil
}

// EmbedTexts implements akinv1.SimilarityServiceServer.
func (s *Server) EmbedTexts(_ context.Context, req *akinv1.EmbedTextsRequest) (*akinv1.EmbedTextsResponse, error) {
	res := &akinv1.EmbedTextsResponse{Model: Model}
	for i, text := range req.GetTexts() {
		if text == "" {
			return nil, Invalid("texts["+strconv.Itoa(i)+"]", "is empty")
		}
		e := &akinv1.Embedding{Tokens: int32(len(countWords(text)))}
		if e.GetTokens() > 0 {
			e.Values = []float32{.6, .8}
		}
		res.Embeddings = append(res.Embeddings, e)
	}
	return res, nil
}

// GetIndexStats implements akinv1.IndexServiceServer.
func (s *Server) GetIndexStats(context.Context, *akinv1.GetIndexStatsRequest) (*akinv1.GetIndexStatsResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := int64(len(s.papers))
	return &akinv1.GetIndexStatsResponse{
		Papers: n, Position: s.position(), Model: model(n),
		Index:     &akinv1.IndexInfo{Engine: "flat", Vectors: n, TailVectors: n, MemoryBytes: n * 1024},
		DiskBytes: 32 << 10, MemoryBytes: 48 << 20, Version: "test", Uptime: durationpb.New(90e9),
		ProcessorTime: durationpb.New(2e9), MissingShards: s.MissingShards,
	}, nil
}

func model(papers int64) *akinv1.ModelInfo {
	return &akinv1.ModelInfo{Fingerprint: Model, Dims: 2, Trained: true, Papers: papers}
}

// TrainModel implements akinv1.IndexServiceServer.
func (s *Server) TrainModel(
	req *akinv1.TrainModelRequest, stream grpc.ServerStreamingServer[akinv1.TrainModelResponse],
) error {
	epochs := max(1, req.GetEpochs())
	for e := int32(1); e <= epochs; e++ {
		report := &akinv1.TrainModelResponse{
			Stage: "training", Progress: float64(e) / float64(epochs+1), Epoch: e, Loss: 1 / float64(e), PapersPerSecond: 1000,
			Eta: durationpb.New(1e9),
		}
		if err := stream.Send(report); err != nil {
			return err
		}
	}
	return stream.Send(&akinv1.TrainModelResponse{Stage: "done", Progress: 1, Model: model(int64(len(s.IDs())))})
}

// EvaluateRecall implements akinv1.IndexServiceServer.
func (s *Server) EvaluateRecall(
	_ context.Context, req *akinv1.EvaluateRecallRequest,
) (*akinv1.EvaluateRecallResponse, error) {
	queries := req.GetQueries()
	if queries == 0 {
		queries = 200
	}
	return &akinv1.EvaluateRecallResponse{
		Recall: .975, MinRecall: .8, Queries: min(queries, int32(len(s.IDs()))),
		MeanLatency: durationpb.New(120e3), ExactLatency: durationpb.New(1500e3),
	}, nil
}

// Backup implements akinv1.IndexServiceServer.
func (s *Server) Backup(_ *akinv1.BackupRequest, stream grpc.ServerStreamingServer[akinv1.BackupResponse]) error {
	for i := range 4 {
		err := stream.Send(&akinv1.BackupResponse{
			Data: []byte("piece " + strconv.Itoa(i) + "\n"), PinnedBytes: int64(i) * 4096,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) lastPosition() *akinv1.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position()
}
