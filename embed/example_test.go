package embed_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/embed/vector"
)

type papers []struct{ title, abstract string }

func (p papers) Len() int                                { return len(p) }
func (p papers) Document(i int) (title, abstract string) { return p[i].title, p[i].abstract }

var library = papers{
	{"Attention for translation", "A translation model attends to the words of the source sentence. " +
		"It needs no recurrence."},
	{"Residual networks", "Very deep image classifiers learn when layers add to their inputs. They win a contest."},
	{"Neural translation of rare words", "Rare words are split into pieces. Translation of names becomes better."},
}

// The untrained model needs only how many papers have each word.
func ExampleNewModel() {
	cfg := embed.DefaultConfig()
	analyzer, frequencies := embed.NewAnalyzer(cfg), embed.NewFrequencies(cfg)
	var analysis embed.Analysis
	for _, p := range library {
		analyzer.Analyze(&analysis, p.title, p.abstract)
		frequencies.Add(&analysis.Features)
	}
	model, err := embed.NewModel(cfg, frequencies)
	if err != nil {
		fmt.Println(err)
		return
	}

	query, document := make([]float32, model.Dims()), make([]float32, model.Dims())
	analyzer.Analyze(&analysis, "translating words")
	fmt.Println("known words:", model.Embed(query, &analysis.Features))
	for _, p := range library {
		analyzer.Analyze(&analysis, p.title, p.abstract)
		model.Embed(document, &analysis.Features)
		fmt.Printf("%v %s\n", vector.Dot(query, document) > .2, p.title)
	}
	// Output:
	// known words: true
	// true Attention for translation
	// false Residual networks
	// true Neural translation of rare words
}

// Training takes the corpus and nothing else; the model can be kept as a file.
func ExampleTrain() {
	model, err := embed.Train(context.Background(), library, embed.DefaultConfig(), embed.TrainConfig{Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer
	size, err := model.WriteTo(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := embed.ReadModel(&file, size)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(again.Trained(), again.Papers(), again.Fingerprint() == model.Fingerprint())
	// Output: true 3 true
}

// Words come with the feature they count as, in the order of the text.
func ExampleAnalyzer_EachWord() {
	ids := map[uint32]string{}
	embed.NewAnalyzer(embed.DefaultConfig()).EachWord("The network's layers, and networks of a Layer",
		func(surface string, id uint32) {
			if first, ok := ids[id]; ok {
				fmt.Printf("%s is the same as %s\n", surface, first)
				return
			}
			ids[id] = surface
		})
	// Output:
	// networks is the same as network's
	// Layer is the same as layers
}
