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

func TestACompoundHasTheNeighboursOfTheSameNameInOneWord(t *testing.T) {
	var split, whole Analysis
	a := NewAnalyzer(DefaultConfig())
	a.Analyze(&split, "human TGF-β-1 receptor")
	a.Analyze(&whole, "human TGFβ1 receptor")
	for _, b := range whole.Words.Bigrams {
		if !slices.Contains(split.Words.Bigrams, b) {
			t.Errorf("bigram %d of one spelling is not among %v of the other", b, split.Words.Bigrams)
		}
	}
	if len(whole.Words.Bigrams) != 2 {
		t.Errorf("%d bigrams in three words", len(whole.Words.Bigrams))
	}
}
