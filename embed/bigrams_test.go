package embed

import (
	"slices"
	"testing"
)

func TestNeighbouringWordsGiveBigramsWithinOneText(t *testing.T) {
	analyze := func(texts ...string) []uint16 {
		var dst Analysis
		NewAnalyzer(DefaultConfig()).Analyze(&dst, texts...)
		return dst.Words.Bigrams
	}
	one := analyze("graph neural networks")
	if len(one) != 2 {
		t.Fatalf("%d bigrams in three words", len(one))
	}
	if two := analyze("graph of the neural networks"); !slices.Equal(one, two) {
		t.Errorf("stop words part their neighbours: %v, %v", one, two)
	}
	if turned := analyze("neural graph"); turned[0] == one[0] {
		t.Error("the order of two words does not matter")
	}
	if apart := analyze("graph", "neural", "networks"); len(apart) != 0 {
		t.Errorf("words of different texts are neighbours: %v", apart)
	}
}
