package embed

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func surfaces(text string) []string {
	var words []string
	NewAnalyzer(DefaultConfig()).EachWord(text, func(surface string, _ uint32) { words = append(words, surface) })
	return words
}

func analyze(cfg Config, texts ...string) *Analysis {
	var got Analysis
	NewAnalyzer(cfg).Analyze(&got, texts...)
	return &got
}

func TestWordsAreRunsOfLettersAndDigits(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{" .,'’-", ""},
		{"the and of with", ""},
		{"Deep learning", "Deep|learning"},
		{"state-of-the-art", "state|art"},
		{"don't the author's dogs' 'quoted'", "don't|author's|dogs|quoted"},
		{"don’t the author’s dogs’ ‘quoted’", "don’t|author’s|dogs|quoted"},
		{"pi is 3.14. Version 1.2.3, e.g. v2.x .5 a.b", "pi|3.14|Version|1.2.3|e|g|v2|x|5|b"},
		{"a''b c'.d", "b|c|d"},
		{"naïve Bayes", "naïve|Bayes"},
		{"nai\u0308ve x", "naïve|x"},
		{"ﬁne ＡＢＣ１．２ x²", "fine|ABC1.2|x2"},
		{"infor\u00admation", "information"},
		{"Ω-Schätzer für größe", "Ω|Schätzer|für|größe"},
		{"машинное обучение", "машинное|обучение"},
		{"التعلم الآلي", "التعلم|الآلي"},
		{"हिन्दी भाषा", "हिन्दी|भाषा"},
		{"机器学习", "机器|器学|学习"},
		{"用GPU训练 学", "用|GPU|训练|学"},
		{"bad\xffbyte \x00control\x07 \xc3", "bad|byte|control"},
		{"IL-6, TNF-α and COX-2-like", "IL|6|IL-6|TNF|α|TNF-α|COX|2|COX-2|like"},
		{"TGF-β-1 3-D x-ray", "TGF|β|TGF-β|1|TGF-β-1|3|D|3-D|x|ray"},
		{"2019-2020 10-20 p-0.05 a--1", "2019|2020|10|20|p|0.05|1"},
		{"LiFePO$_4$, H$_2$O", "LiFePO|4|LiFePO$_4|H|2|H$_2|O|H$_2$O"},
		{"TNF-$\\alpha$ x_1 learning_rate 10^5", "TNF|alpha|TNF-$\\alpha|x|1|x_1|learning|rate|10|5"},
		{"CO<sub>2</sub>-rich", "CO|2|CO<sub>2|rich"},
		{"α‐synuclein IL‑6", "α|synuclein|IL|6|IL-6"},
		{"trans\u200bformer co\u200d2", "transformer|co2"},
		{"\u0301x \u0301", "x"},
		{"end\xe2\x80", "end"},
		{"ünd.", "ünd"},
		{"x.é 1.é", "x|é|1|é"},
	} {
		if got := strings.Join(surfaces(c.text), "|"); got != c.want {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}

func TestFormsOfAWordShareItsFeature(t *testing.T) {
	for _, forms := range [][]string{
		{"network", "Networks", "NETWORK", "network's", "network’s", "ｎｅｔｗｏｒｋ"},
		{"don't", "dont", "Don’t"},
		{"relational", "relate"},
		{"ΩΜΈΓΑ", "ωμέγα"},
		{"Größe", "größe", "Gro\u0308ße", "GRÖẞE", "Grosse"},
		{"cafe", "café", "CAFÉ", "cafe\u0301"},
		{"strasse", "Straße"},
		{"Schrodinger", "Schrödinger"},
		{"Aeolian oeuvre", "Æolian œuvre"},
		{"Łódź", "Lodz"},
		{"transformer", "trans\u200bformer", "trans\u00adformer", "\ufefftransformer"},
		{"CO2", "CO₂", "ＣＯ２"},
		{"TNFα", "TNFalpha", "TNF\U0001d6fc"},
		{"kappaB", "κB"},
		{"µm", "μm"},
		{"alpha-synuclein", "α-synuclein", "$\\alpha$-synuclein"},
		{"TNF-alpha", "TNF-α", "TNF‑α", "TNF–α", "TNF-$\\alpha$"},
		{"NF-kappaB", "NF-κB"},
	} {
		want := analyze(DefaultConfig(), forms[0]).Words.IDs
		for _, form := range forms[1:] {
			if got := analyze(DefaultConfig(), form).Words.IDs; !slices.Equal(got, want) {
				t.Errorf("%q has features %v, %q has %v", form, got, forms[0], want)
			}
		}
	}
}

func TestANameIsFoundHoweverItIsSpelt(t *testing.T) {
	for name, spellings := range map[string][]string{
		"LiFePO4": {"LiFePO$_4$", "LiFePO$_{4}$", "LiFePO_4", "LiFePO₄", "LiFePO<sub>4</sub>", "$\\mathrm{LiFePO}_4$"},
		"CO2":     {"CO$_2$", "CO₂", "co-2", "$CO_2$"},
		"TNFα":    {"TNF-α", "TNF-alpha", "TNFalpha", "TNF-$\\alpha$", "TNF$\\alpha$"},
		"BRCA1":   {"BRCA-1", "brca-1"},
		"IL6":     {"IL-6", "IL-6-dependent", "(IL-6)", "il‐6"},
		"IL1β":    {"IL-1β", "IL-1-beta", "IL1-β", "IL-1beta"},
		"NFκB":    {"NF-κB", "NF-kappaB"},
		"3D":      {"3-D"},
		"x2":      {"x²", "x^2", "$x^{2}$"},
	} {
		want := analyze(DefaultConfig(), name).Words.IDs
		for _, spelling := range spellings {
			for _, id := range want {
				if got := analyze(DefaultConfig(), "of the "+spelling+" in it").Words.IDs; !slices.Contains(got, id) {
					t.Errorf("%q does not find %q", name, spelling)
				}
			}
		}
	}
}

func TestCountsAreOverAllTexts(t *testing.T) {
	got := analyze(DefaultConfig(), "graph networks", "a graph of graphs").Words
	if got.Tokens != 4 || len(got.IDs) != 2 || int(got.Counts[0])+int(got.Counts[1]) != 4 ||
		max(got.Counts[0], got.Counts[1]) != 3 {
		t.Errorf("got %+v, want 4 tokens, counts 3 and 1", got)
	}
	if compounds := analyze(DefaultConfig(), "IL-6 and TGF-β-1").Words; compounds.Tokens != 5 || len(compounds.IDs) != 8 {
		t.Errorf("three compounds of five words: %d tokens, %d features", compounds.Tokens, len(compounds.IDs))
	}
	many := analyze(DefaultConfig(), strings.Repeat("word ", 70_000)).Words
	if many.Tokens != 70_000 || !slices.Equal(many.Counts, []uint16{65535}) {
		t.Errorf("70,000 occurrences: got %d tokens, counts %v; want 70000, [65535]", many.Tokens, many.Counts)
	}
}

func TestFeaturesAreTheNGramsOfTheConfig(t *testing.T) {
	cfg := DefaultConfig()
	single := analyze(cfg, "graph neural networks")
	if &single.Words.IDs[0] != &single.Features.IDs[0] {
		t.Error("features of single words are not the slices of the words")
	}
	cfg.Words = Range{1, 2}
	pairs := analyze(cfg, "graph neural networks", "protein")
	if len(pairs.Words.IDs) != 4 || len(pairs.Features.IDs) != 6 || pairs.Features.Tokens != 6 {
		t.Errorf("words 1 to 2: got %d words, %d features; want 4 and 4 words + 2 pairs", len(pairs.Words.IDs),
			len(pairs.Features.IDs))
	}
	for _, id := range pairs.Words.IDs {
		if !slices.Contains(pairs.Features.IDs, id) {
			t.Errorf("word %d is not among the features", id)
		}
	}
	swapped := analyze(cfg, "neural graph")
	if slices.Equal(swapped.Features.IDs, analyze(cfg, "graph neural").Features.IDs) {
		t.Error("a pair of words has the feature of the reversed pair")
	}
	cfg.Words, cfg.Chars = Range{}, Range{3, 4}
	chars := analyze(cfg, "größe")
	if chars.Features.Tokens != 6+5 { // " grosse " has 8 characters
		t.Errorf("character 3- and 4-grams of größe: got %d, want 11", chars.Features.Tokens)
	}
	if len(chars.Words.IDs) != 1 {
		t.Errorf("got %d words, want 1", len(chars.Words.IDs))
	}
}

func TestAnAnalysisCanServeAnalyzersOfDifferentConfigs(t *testing.T) {
	pairs := DefaultConfig()
	pairs.Words = Range{2, 2}
	var got Analysis
	NewAnalyzer(DefaultConfig()).Analyze(&got, "one two three")
	NewAnalyzer(pairs).Analyze(&got, "one two three")
	want := analyze(pairs, "one two three")
	if !slices.Equal(got.Words.IDs, want.Words.IDs) || !slices.Equal(got.Features.IDs, want.Features.IDs) {
		t.Errorf("got %+v, want %+v", got, *want)
	}
}

func TestHugeTextsTakeBoundedMemory(t *testing.T) {
	a := NewAnalyzer(DefaultConfig())
	var got Analysis
	for name, text := range map[string]string{
		"one word":     strings.Repeat("x", 10<<20),
		"han":          strings.Repeat("机器学习", 1<<14),
		"marks":        strings.Repeat("\u0301", 1<<17),
		"expanding":    strings.Repeat("\ufdfa", 1<<14),
		"invalid":      strings.Repeat("\xff", 1<<19),
		"apostrophes":  strings.Repeat("a'", 1<<17),
		"dotted":       strings.Repeat("1.", 1<<17),
		"long letters": strings.Repeat("é", 1<<17),
		"long greek":   strings.Repeat("α", 1<<17),
		"joints":       strings.Repeat("a-1$_", 1<<15),
		"chain":        strings.Repeat("a1-", 1<<15),
	} {
		a.Analyze(&got, text)
		if cap(a.slow.surface) > 1<<20 || cap(a.slow.piece) > 4*pieceBytes || len(a.words.slots) > smallTable {
			t.Errorf("%s: the analyzer keeps %d bytes and %d slots", name, cap(a.slow.surface), len(a.words.slots))
		}
		if len(got.Words.IDs) > 2*maxParts {
			t.Errorf("%s: %d features", name, len(got.Words.IDs))
		}
	}
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, "w%dx ", i)
	}
	a.Analyze(&got, b.String())
	if got.Words.Tokens != 100_000 || len(a.words.slots) > smallTable {
		t.Errorf("100,000 words: got %d tokens, %d slots kept", got.Words.Tokens, len(a.words.slots))
	}
}

func TestTheSteadyStateDoesNotAllocate(t *testing.T) {
	texts := []string{"Graph Neural Networks for Protein Design", sampleText, "naïve Bayes’ théorie " + sampleText,
		"机器学习 ﬁne"}
	pairs := DefaultConfig()
	pairs.Words, pairs.Chars = Range{1, 2}, Range{3, 5}
	for name, cfg := range map[string]Config{"words": DefaultConfig(), "pairs and characters": pairs} {
		a := NewAnalyzer(cfg)
		var got Analysis
		a.Analyze(&got, texts...)
		if n := testing.AllocsPerRun(50, func() { a.Analyze(&got, texts...) }); n != 0 {
			t.Errorf("%s: %v allocations an analysis", name, n)
		}
		clear(a.stems.recent)
		if n := testing.AllocsPerRun(50, func() { clear(a.stems.recent); a.Analyze(&got, texts...) }); n != 0 {
			t.Errorf("%s: %v allocations an analysis of words not met before", name, n)
		}
	}
}

const sampleText = `We study message passing on graphs whose nodes carry noisy, heterogeneous features. Existing
networks over-smooth: after a few layers the representations of all nodes become indistinguishable. We show that this
behaviour follows from the spectrum of the normalised adjacency matrix, and propose a gated update that keeps
high-frequency components. On 12 benchmarks the method improves accuracy by 3.4 points over strong baselines at 0.8
times their cost, and it doesn't need validation labels. An analysis of the learned gates explains which edges the
model's predictions rely on.`

func FuzzAnalyze(f *testing.F) {
	for _, s := range []string{sampleText, "don't 1.2.x", "机器 用GPU", "\xff\xfe naïve\u0308 ﬁ ’s 's '",
		"eeb eed ies yyy ated ization",
		"IL-6 TNF-α LiFePO$_4$ CO<sub>2</sub> x_{1}^{2} κB’s αβ-1", "и\u0306\u0306 e\u0301 ά\u0301 \ufdfa\u200b"} {
		f.Add(s)
	}
	plain, grams := DefaultConfig(), DefaultConfig()
	grams.Words, grams.Chars = Range{1, 3}, Range{2, 5}
	a, g := NewAnalyzer(plain), NewAnalyzer(grams)
	f.Fuzz(func(t *testing.T, text string) {
		var one, more Analysis
		a.Analyze(&one, text)
		g.Analyze(&more, text)
		checkTerms(t, &one.Words)
		checkTerms(t, &more.Features)
		if !slices.Equal(one.Words.IDs, more.Words.IDs) || !slices.Equal(one.Words.Counts, more.Words.Counts) {
			t.Errorf("the words depend on the config: %+v, %+v", one.Words, more.Words)
		}
		words := 0
		a.EachWord(text, func(surface string, id uint32) {
			words++
			if surface == "" || utf8.ValidString(text) && !utf8.ValidString(surface) {
				t.Errorf("surface %q", surface)
			}
			if _, ok := slices.BinarySearch(one.Words.IDs, id); !ok {
				t.Errorf("word %q has feature %d, which the analysis lacks", surface, id)
			}
		})
		if words < one.Words.Tokens { // more where there are compounds
			t.Errorf("%d words, %d tokens", words, one.Words.Tokens)
		}
	})
}

// checkTerms checks what Terms promises.
func checkTerms(t *testing.T, terms *Terms) {
	t.Helper()
	if len(terms.IDs) != len(terms.Counts) {
		t.Fatalf("%d ids, %d counts", len(terms.IDs), len(terms.Counts))
	}
	sum, saturated := 0, false
	for i, id := range terms.IDs {
		if id >= 1<<FeatureBits || i > 0 && id <= terms.IDs[i-1] || terms.Counts[i] == 0 {
			t.Fatalf("term %d: id %d after %d, count %d", i, id, terms.IDs[max(0, i-1)], terms.Counts[i])
		}
		sum += int(terms.Counts[i])
		saturated = saturated || terms.Counts[i] == 65535
	}
	if sum < terms.Tokens && !saturated {
		t.Fatalf("counts sum to %d, tokens are %d", sum, terms.Tokens)
	}
}

func dataDir(tb testing.TB) string {
	dir := os.Getenv("AKIN_DATA")
	if dir == "" {
		tb.Skip("needs real papers: set AKIN_DATA to the folder with scifact/corpus.jsonl")
	}
	return dir
}
