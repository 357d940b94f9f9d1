package engine

import (
	"time"

	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/paper"
)

// WriteResult says what became of one paper of a write.
type WriteResult struct {
	Paper     *paper.Paper // as stored, abstract included
	Created   bool         // the id was new
	Unchanged bool         // the same content was stored already
}

// Written is the outcome of an acknowledged batch.
type Written struct {
	Results  []WriteResult  // in the order of the batch
	Position paper.Position // of the first state that holds all of it
}

// Purged is the outcome of a purge.
type Purged struct {
	Count    int            // papers deleted, or that would be
	Sample   []string       // of a purge without force: up to 100 of their ids
	Position paper.Position // of the first state without them; zero without force
}

// ListQuery asks for one page of papers in ascending byte order of ids.
type ListQuery struct {
	PageSize  int // 1 to 1,000
	PageToken string
	Filter    *filter.Filter // nil: all papers
	Abstracts bool
}

// ListPage is one page.
type ListPage struct {
	Papers        []*paper.Paper
	NextPageToken string
	TokenAfter    func(id string) string // the token of the page behind an id, for a page that is cut short
}

// Embedding is the vector of one text.
type Embedding struct {
	Values []float32 // len Dims, L2 norm 1; nil when no word of the text is known
	Tokens int       // words that counted
}

// ModelInfo describes an embedding model.
type ModelInfo struct {
	Fingerprint string
	Dims        int
	Trained     bool
	Papers      int // learnt from
	CreateTime  time.Time
}

// Stats describes the live generation.
type Stats struct {
	Papers           int
	Position         paper.Position // that queries see
	Model            ModelInfo
	Engine           string // one of engines.Names
	Vectors          int
	GraphVectors     int
	TailVectors      int
	Tombstones       int
	ZeroVectors      int
	IndexBytes       int64
	DiskBytes        int64
	Activity         string // empty when idle
	ActivityProgress float64
}

// TrainOptions says how to train; zero values choose the defaults.
type TrainOptions struct {
	Epochs int
	Seed   uint64
}

// TrainProgress is one report of a training.
type TrainProgress struct {
	Stage    string // "reading", "training", "embedding", "indexing" or "done"
	Progress float64
	Epoch    int
	Loss     float64
	PerSec   float64
	ETA      time.Duration
	Model    *ModelInfo // set in the last report
}

// RecallQuery says what to measure.
type RecallQuery struct {
	Queries int
	K       int
	Ef      int
	Filter  *filter.Filter // nil: all papers
	Seed    uint64
}

// RecallReport is the measured recall.
type RecallReport struct {
	Recall, MinRecall         float64
	Queries                   int
	MeanLatency, ExactLatency time.Duration
}

// ExplainQuery names a query (Text or PaperID) and the paper to compare with.
type ExplainQuery struct {
	Text, PaperID string
	Target        string
	MaxTerms      int
	Options       // of the search whose hit is to be explained
}

// Explanation splits the scores into words.
type Explanation struct {
	Likeness        // the cosine and BM25 are the sums over all terms
	Terms           []TermPart
	RemainingCosine float64
	Model           string
}

// DuplicateQuery asks for near-identical papers.
type DuplicateQuery struct {
	MinCosine float64
	Filter    *filter.Filter // nil: all papers
	PageSize  int
	PageToken string
}

// DuplicatePage is one page of groups.
type DuplicatePage struct {
	Groups        []DuplicateGroup
	NextPageToken string
	TokenAt       func(n int) string // the token of the page behind the first n groups, for a page that is cut short
}

// DuplicateGroup is a set of linked papers, ids in ascending byte order.
type DuplicateGroup struct {
	IDs       []string
	MinCosine float64
}
