package client

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// Options of calls. One that makes sense for several calls implements the interface of each; an option that does not
// fit a call does not compile. Where two set the same thing, the later one counts.
type (
	// SearchOption is for Search, SimilarTo, SearchVector, Recommend and the query constructors.
	SearchOption interface{ applySearch(*searchSettings) }
	// ListOption is for List.
	ListOption interface {
		applyList(*akinv1.ListPapersRequest)
	}
	// GetOption is for Get and GetMany.
	GetOption interface{ applyGet(*fieldmaskpb.FieldMask) }
	// ExportOption is for Export.
	ExportOption interface {
		applyExport(*akinv1.ExportPapersRequest)
	}
	// DuplicateOption is for Duplicates.
	DuplicateOption interface {
		applyDuplicates(*akinv1.FindDuplicatesRequest)
	}
	// MapOption is for Map.
	MapOption interface{ applyMap(*akinv1.GetMapRequest) }
	// RecallOption is for EvaluateRecall.
	RecallOption interface {
		applyRecall(*akinv1.EvaluateRecallRequest)
	}
)

// searchSettings collects what the options of one search set; options stays nil when none is set.
type searchSettings struct {
	options   *akinv1.SearchOptions
	pageSize  int32
	pageToken string
	partial   bool
}

func (s *searchSettings) opts() *akinv1.SearchOptions {
	if s.options == nil {
		s.options = &akinv1.SearchOptions{}
	}
	return s.options
}

func settingsOf(opts []SearchOption) searchSettings {
	var s searchSettings
	for _, opt := range opts {
		opt.applySearch(&s)
	}
	return s
}

type searchOption func(*searchSettings)

func (f searchOption) applySearch(s *searchSettings) { f(s) }

// FilterOption restricts a call to papers that a filter accepts.
type FilterOption string

// Filter restricts a call to the papers that an AIP-160 filter accepts, over id, categories, authors, publish_time and
// attributes.NAME, for example
//
//	client.Filter(`categories:"cs.LG" AND publish_time >= "2023-01-01T00:00:00Z"`)
//
// Default: all papers.
func Filter(expression string) FilterOption { return FilterOption(expression) }

func (f FilterOption) applySearch(s *searchSettings)                   { s.opts().Filter = string(f) }
func (f FilterOption) applyList(r *akinv1.ListPapersRequest)           { r.Filter = string(f) }
func (f FilterOption) applyExport(r *akinv1.ExportPapersRequest)       { r.Filter = string(f) }
func (f FilterOption) applyDuplicates(r *akinv1.FindDuplicatesRequest) { r.Filter = string(f) }
func (f FilterOption) applyMap(r *akinv1.GetMapRequest)                { r.Filter = string(f) }
func (f FilterOption) applyRecall(r *akinv1.EvaluateRecallRequest)     { r.Filter = string(f) }

// FieldsOption chooses the fields of papers in answers.
type FieldsOption []string

// Fields chooses the fields of papers in answers by their names in the contract, such as "id", "title" and
// "publish_time". Default: all for Get; all but the abstract elsewhere.
func Fields(names ...string) FieldsOption { return names }

// Abstracts asks for all fields of papers, abstracts included. It is Fields("*").
func Abstracts() FieldsOption { return FieldsOption{"*"} }

func (f FieldsOption) mask() *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: f} }

func (f FieldsOption) applySearch(s *searchSettings)         { s.opts().ReadMask = f.mask() }
func (f FieldsOption) applyList(r *akinv1.ListPapersRequest) { r.ReadMask = f.mask() }
func (f FieldsOption) applyGet(m *fieldmaskpb.FieldMask)     { m.Paths = f }

// PageSizeOption is how many results one call returns.
type PageSizeOption int32

// PageSize is how many papers or groups List and Duplicates fetch at a time, and how many hits a search returns; the
// server cuts it to 1,000. Default: 500 papers, 100 groups, 10 hits.
func PageSize(n int) PageSizeOption { return PageSizeOption(min(max(n, 0), 1000)) }

// Limit is PageSize under the name that reads well in searches.
func Limit(n int) PageSizeOption { return PageSize(n) }

func (n PageSizeOption) applySearch(s *searchSettings)                   { s.pageSize = int32(n) }
func (n PageSizeOption) applyList(r *akinv1.ListPapersRequest)           { r.PageSize = int32(n) }
func (n PageSizeOption) applyDuplicates(r *akinv1.FindDuplicatesRequest) { r.PageSize = int32(n) }

// PageToken continues a search where the page with this NextPageToken ended. All else must be as it was.
func PageToken(token string) SearchOption {
	return searchOption(func(s *searchSettings) { s.pageToken = token })
}

// AllowPartial has shards that do not answer left out, and named in [Result.MissingShards], where papers are in shards
// of a cluster. Without effect on a server alone. Default: a shard that does not answer is an error.
func AllowPartial() SearchOption {
	return searchOption(func(s *searchSettings) { s.partial = true })
}

// SearchMode says how candidates are found.
type SearchMode = akinv1.SearchMode

// The modes of a search.
const (
	// ModeAuto lets the server choose by its own measurement. The default.
	ModeAuto = akinv1.SearchMode_SEARCH_MODE_AUTO
	// ModeExact scores every paper that the filter accepts.
	ModeExact = akinv1.SearchMode_SEARCH_MODE_EXACT
	// ModeApproximate walks the graph even where a scan would be cheaper.
	ModeApproximate = akinv1.SearchMode_SEARCH_MODE_APPROXIMATE
)

// Mode says how candidates are found. Default ModeAuto.
func Mode(m SearchMode) SearchOption {
	return searchOption(func(s *searchSettings) { s.opts().Mode = m })
}

// EfOption is the width of a graph walk.
type EfOption int32

// Ef is the width of the graph walk, 1 to 4,096: wider finds more of the true neighbours and takes longer. Default: the
// server's. Without effect on exact searches.
func Ef(n int) EfOption { return EfOption(n) }

func (n EfOption) applySearch(s *searchSettings)               { s.opts().Ef = int32(n) }
func (n EfOption) applyRecall(r *akinv1.EvaluateRecallRequest) { r.Ef = int32(n) }

// DenseWeight is the share of the cosine in the ranking, 0 (words alone) to 1 (cosine alone). Default: by the kind of
// query; see the contract.
func DenseWeight(w float64) SearchOption {
	return searchOption(func(s *searchSettings) { s.opts().DenseWeight = &w })
}

// HalfLife is the age in which a paper loses half of what it scores above the weakest candidate, from one hour.
// Default: age does not count.
func HalfLife(d time.Duration) SearchOption {
	return searchOption(func(s *searchSettings) { s.opts().RecencyHalfLife = durationpb.New(d) })
}

// Diversity is how much likeness to earlier hits is avoided, 0 (not at all) to 1 (most). Default 0.
func Diversity(d float64) SearchOption {
	return searchOption(func(s *searchSettings) { s.opts().Diversity = d })
}

// MinCosineOption is a least cosine.
type MinCosineOption float64

// MinCosine is the least cosine: searches drop hits below it, -1 to 1, default keep all; [Client.Duplicates] takes two
// papers that reach it for duplicates, .5 to 1, default .95.
func MinCosine(cosine float64) MinCosineOption { return MinCosineOption(cosine) }

func (c MinCosineOption) applySearch(s *searchSettings) {
	cosine := float64(c)
	s.opts().MinCosine = &cosine
}

func (c MinCosineOption) applyDuplicates(r *akinv1.FindDuplicatesRequest) { r.MinCosine = float64(c) }

// MinOneIn drops hits that are more common than this, 1 to 1,000,000: those of whose likeness more than one random
// pair of papers in n has as much. Default: keeps all.
func MinOneIn(n int) SearchOption {
	return searchOption(func(s *searchSettings) { s.opts().MinOneIn = int32(min(max(n, -1), 1<<31-1)) })
}

// ScoreParts has every hit say what its score is made of. Default: not.
func ScoreParts() SearchOption {
	return searchOption(func(s *searchSettings) { s.opts().ScoreParts = true })
}
