//go:build !windows

package engines

import (
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/coder"
)

// published are engines made by others. One of the library's dependencies does not build on Windows.
var published = []engine{
	{"coder", "github.com/coder/hnsw", func(c Config) index.Searcher { return coder.New(c.Dims) }},
}
