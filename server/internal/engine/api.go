package engine

import (
	"context"
	"time"

	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/rank"
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
	Last          string                 // id that the next page begins behind; empty on the last
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
	Refusal          Refusal // why writes are refused
	MissingShards    []int   // that did not answer and are not counted, from 1, rising
}

// TrainOptions says how to train; zero values choose the defaults.
type TrainOptions struct {
	Epochs int
	Seed   uint64
}

// TrainProgress is one report of a training.
type TrainProgress struct {
	Stage    string // "reading", "training", "embedding", "indexing", on nodes of a log "sharing", or "done"
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

// Mode says how candidates are found.
type Mode uint8

// The modes of a search.
const (
	ModeAuto        Mode = iota // scan where that is cheaper, walk the graph otherwise
	ModeExact                   // score every accepted paper
	ModeApproximate             // walk the graph
)

// Query asks for the papers nearest to one text, stored paper or vector: exactly one of the three is set.
type Query struct {
	Text    string
	PaperID string
	Vector  *VectorQuery

	Options
	PageSize  int    // hits a page, 1 to 1,000
	PageToken string // of the page before, or empty

	AllowPartial bool // shards that do not answer are left out; without effect on an engine of all papers
}

// VectorQuery is a vector of a known model.
type VectorQuery struct {
	Values []float32 // len Dims, finite, not all zero
	Model  string    // fingerprint
}

// Recommendation asks for papers near to likes and away from dislikes.
type Recommendation struct {
	Likes    []Preference // none: the newest and most central papers are recommended
	Dislikes []Preference
	Exclude  []string // ids not to return
	Strict   bool     // a like, a dislike or a profile that is not stored is an error
	Explain  bool     // hits say because of which likes

	Owner     string        // of the profile
	ProfileID string        // whose likes, dislikes and seen papers are taken too; empty: none
	HalfLife  time.Duration // in which a preference of the profile loses half its weight; 0: none fades
	ShownRest time.Duration // how long a paper that was shown is not recommended
	Behind    uint64        // only papers whose text was written behind this revision; for a first page alone

	// Sees reports which of some stored papers the caller may see; likes and dislikes of others are as if not stored. Nil:
	// all.
	Sees func(ctx context.Context, ids []string) ([]bool, error)

	Options
	PageSize  int
	PageToken string

	AllowPartial bool // as in Query
}

// Preference is something liked or disliked: one of PaperID, Text and Vector is set.
type Preference struct {
	PaperID string
	Text    string
	Vector  *VectorQuery
	Weight  float64 // above 0, finite
}

// Because says why a paper was recommended. The parts, Others and minus Penalty sum to what the likes and dislikes
// make of the paper.
type Because struct {
	Likes   []LikeReason // the likes with the largest parts, largest first
	Others  float64      // the sum of the parts of the other likes
	Penalty float64      // taken away for dislikes, from 0
}

// LikeReason is one like's part.
type LikeReason struct {
	Like    int    // its number among the likes
	PaperID string // empty for a text or a vector
	Part    float64
	Terms   []TermPart // the like's words that count most
}

// TermPart is what one n-gram of a query adds to the scores.
type TermPart struct {
	Term         string
	Cosine, BM25 float64
	Matches      []string // words of the target that are nearest to it, at most 3
}

// Options are shared by searches and recommendations.
type Options struct {
	Filter          *filter.Filter // nil: all papers
	NoDoubts        bool           // Result.Warnings stays empty: the filter is not the caller's own alone
	Mode            Mode
	Ef              int           // width of the graph walk; 0: the server's default
	DenseWeight     *float64      // 0 to 1; nil: by the kind of query
	RecencyHalfLife time.Duration // 0: age does not count
	Diversity       float64       // 0 to 1
	MinCosine       *float64      // hits below it are dropped; nil: keep all
	MinOneIn        int           // hits more common than it are dropped, 1 to rank.MaxOneIn; 0: keep all
	Parts           bool          // whether the parts of scores are asked for, for Result.Parts
	Abstracts       bool          // whether hits carry their abstracts, which cost a further read each
	Brief           bool          // whether ids and titles are all that is wanted of hits, which mostly costs no read
}

// Hit is one paper found.
type Hit struct {
	Paper *paper.Paper // without its abstract unless Options.Abstracts; with id and title alone where Options.Brief
	Likeness
	Because *Because // of a recommendation that was asked to explain itself
}

// Likeness is what is known of a query and a paper.
type Likeness struct {
	Score  float64    // what hits are ranked by, 0 to 1, comparable within one result
	Parts  rank.Parts // they sum to Score
	Cosine float64
	BM25   float64
	OneIn  int // of so many random pairs one is at least as alike by cosine, 1 to rank.MaxOneIn; 0: not known
}

// Result is one page of hits, best first.
type Result struct {
	Hits          []Hit
	NextPageToken string
	TokenAt       func(n int) string // the token of the page behind the first n hits, for a page that is cut short
	Exact         bool
	Scored        int            // vectors scored
	Model         string         // fingerprint
	Position      paper.Position // answered from
	DenseWeight   float64
	Parts         bool     // whether the parts of scores were asked for
	Warnings      []string // about a filter that can match nothing, at most 8
	UnknownWords  []string // words of the query the corpus has never seen, at most 32
	MissingIDs    []string // likes and dislikes that are not stored
	WithoutLikes  bool     // no like was given or is stored: the hits are the newest and most central papers
	MissingShards []int    // that did not answer, from 1, rising; only where AllowPartial asks for it
}
