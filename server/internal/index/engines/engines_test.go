package engines

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

// Every engine of the list tells the name that it is listed under, and takes in what another of its name saved.
func TestEveryEngineLoadsWhatItsNameSaved(t *testing.T) {
	c := Config{Dims: 4}
	for _, name := range Names() {
		x, err := New(name, c)
		if err != nil {
			t.Fatal(err)
		}
		if got := x.Info().Engine; got != name {
			t.Errorf("the engine listed as %s calls itself %s", name, got)
		}
		if !strings.Contains(Usage(), name+" (") {
			t.Errorf("the usage %q does not tell of %s", Usage(), name)
		}
		for _, v := range [][]float32{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 1}} {
			if _, err := x.Append(v); err != nil {
				t.Fatal(err)
			}
		}
		var file bytes.Buffer
		if err := x.Save(context.Background(), &file, index.Span{To: 3, Links: true}); err != nil {
			t.Fatal(err)
		}
		y, _ := New(name, c)
		if err := y.Load(&file, int64(file.Len())); err != nil || y.Len() != 3 {
			t.Errorf("%s loads %d of 3 vectors: %v", name, y.Len(), err)
		}
	}
}

func TestAutoIsOneOfTheEngines(t *testing.T) {
	name, err := Resolve(Auto)
	if err != nil {
		t.Fatal(err)
	}
	x, err := New(Auto, Config{Dims: 4})
	if err != nil || x.Info().Engine != name {
		t.Errorf("auto makes %q and stands for %q: %v", x.Info().Engine, name, err)
	}
}

func TestAnUnknownNameIsAnsweredWithThoseThereAre(t *testing.T) {
	_, err := New("btree", Config{Dims: 4})
	if err == nil || !strings.Contains(err.Error(), "auto, flat, hnsw") {
		t.Errorf("btree: %v", err)
	}
}
