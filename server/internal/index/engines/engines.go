// Package engines lists the vector indexes there are: their names, and how one is made. Whoever adds an engine adds it
// here; the server's --index, checkpoints, the tests of package engine and cmd/annbench go by this list.
package engines

import (
	"fmt"
	"slices"
	"strings"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/flat"
	"github.com/akin-search/akin/server/internal/index/hnsw"
)

// Auto leaves the choice of an engine to the server.
const Auto = "auto"

// Config says how an engine is made. An engine ignores what it has no use for.
type Config struct {
	Dims int // of the vectors, 1 to vector.MaxCodeDims
	HNSW hnsw.Config
}

// engine is one vector index: its name, which index.Info.Engine repeats, and its constructor. An empty one takes in
// with its Load what another of its name saved.
type engine struct {
	name  string
	about string // a few words
	make  func(Config) index.Searcher
}

// list has the engines in the order in which they are named to users.
var list = slices.Concat([]engine{
	{"flat", "exact scan", func(c Config) index.Searcher { return flat.New(c.Dims) }},
	{"hnsw", "graph", func(c Config) index.Searcher { return hnsw.New(c.Dims, c.HNSW) }},
}, published)

// Names are the names of the engines, without Auto.
func Names() []string {
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.name
	}
	return names
}

// Usage describes what --index takes: Auto, and every name with a few words on it.
func Usage() string {
	var b strings.Builder
	b.WriteString(Auto)
	for _, e := range list {
		fmt.Fprintf(&b, ", %s (%s)", e.name, e.about)
	}
	return b.String()
}

// Resolve returns the name of the engine that a name or Auto stands for. An error lists the names there are.
func Resolve(name string) (string, error) {
	if name == Auto {
		name = "hnsw"
	}
	if !slices.Contains(Names(), name) {
		return "", fmt.Errorf("there is no index %q here: use %s, %s", name, Auto, strings.Join(Names(), ", "))
	}
	return name, nil
}

// New makes an empty index with the engine of a name, or Auto.
func New(name string, c Config) (index.Searcher, error) {
	name, err := Resolve(name)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(list, func(e engine) bool { return e.name == name })
	return list[at].make(c), nil
}
