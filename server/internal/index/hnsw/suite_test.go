package hnsw

import (
	"testing"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/indextest"
)

func TestSuite(t *testing.T) {
	indextest.Run(t, func(_ testing.TB, dims int) index.Searcher { return New(dims, Config{}) }, indextest.Options{})
}
