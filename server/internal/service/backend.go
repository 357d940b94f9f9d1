package service

import (
	"context"
	"io"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/profile"
)

// Backend answers the calls: an engine with all papers (engine.Engine, which has the contracts of the methods), or a
// front before the shards of a cluster (shard.Front).
type Backend interface {
	Prepare(ctx context.Context, papers []*paper.Paper) (*engine.Batch, error)
	Upsert(ctx context.Context, papers []*paper.Paper) (engine.Written, error)
	Delete(ctx context.Context, id string) (paper.Position, error)
	Purge(ctx context.Context, f *filter.Filter, force bool) (engine.Purged, error)
	Writable() error

	Await(ctx context.Context, p paper.Position) error
	Get(ctx context.Context, ids []string, abstracts bool) ([]*paper.Paper, error)
	Stored(ctx context.Context, ids []string) ([]bool, error)
	List(ctx context.Context, q engine.ListQuery) (engine.ListPage, error)
	Export(ctx context.Context, f *filter.Filter, fn func(*paper.Paper) error) error

	Search(ctx context.Context, q *engine.Query) (*engine.Result, error)
	Recommend(ctx context.Context, rec *engine.Recommendation) (*engine.Result, error)
	Explain(ctx context.Context, q engine.ExplainQuery) (*engine.Explanation, error)
	Duplicates(ctx context.Context, q engine.DuplicateQuery) (engine.DuplicatePage, error)
	Embed(ctx context.Context, texts []string) ([]engine.Embedding, string, error)

	RecordEvents(ctx context.Context, owner string, events []profile.Owned) (recorded int, err error)
	Profile(ctx context.Context, owner, id string) (*profile.Profile, error)
	Profiles(owner, token string, size int) ([]profile.Summary, string, error)
	Events(owner, id, token string, size int) ([]profile.Event, string, error)
	DeleteProfile(ctx context.Context, owner, id string) error

	Stats(ctx context.Context) (engine.Stats, error)
	Breadth() (vectors, width int)
	EvaluateRecall(ctx context.Context, q engine.RecallQuery) (engine.RecallReport, error)
	Backup(ctx context.Context, w io.Writer, pinned func(bytes int64)) error
	Train(ctx context.Context, o engine.TrainOptions, progress func(engine.TrainProgress)) (engine.ModelInfo, error)
	Map(ctx context.Context, q engine.MapQuery, head func(engine.MapInfo) error, run func(*engine.MapPapers) error) error
}
