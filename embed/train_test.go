package embed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/akin-search/akin/embed/vector"
)

// topicCorpus are papers on a few subjects. Each subject has words of its own, and of two words that mean the same a
// paper has one in the title and the other in the abstract.
func topicCorpus(papers int) paperList {
	const topics = 20
	random := uint64(7)
	draw := func(n int) int { random = splitmix(random); return int(random % uint64(n)) }
	var list paperList
	for i := range papers {
		topic := i % topics
		var abstract strings.Builder
		for range 4 {
			for range 8 {
				fmt.Fprintf(&abstract, "w%dx%d ", topic, draw(12))
			}
			fmt.Fprintf(&abstract, "filler%d filler%d ends. ", draw(50), draw(50))
		}
		fmt.Fprintf(&abstract, "We call it body%d in what follows.", topic)
		list = append(list, corpusPaper{fmt.Sprintf("On title%d and filler%d", topic, draw(50)), abstract.String()})
	}
	return list
}

func smallConfig() Config {
	cfg := DefaultConfig()
	cfg.Dims = 64
	return cfg
}

func train(t *testing.T, corpus Corpus, cfg Config, tc TrainConfig) *Model {
	t.Helper()
	m, err := Train(context.Background(), corpus, cfg, tc)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTrainingBringsWordsOfOneSubjectTogether(t *testing.T) {
	corpus := topicCorpus(600)
	m := train(t, corpus, smallConfig(), TrainConfig{Seed: 1})
	if !m.Trained() || m.Papers() != 600 {
		t.Errorf("trained: %v over %d papers", m.Trained(), m.Papers())
	}
	// title3 and body3 never stand in one text of a pair's view, and share no letters that count.
	title, _ := embedText(m, "title3")
	body, _ := embedText(m, "body3")
	other, _ := embedText(m, "body4")
	if same, apart := vector.Dot(title, body), vector.Dot(title, other); same < apart+.3 {
		t.Errorf("cosine within a subject %v, across %v", same, apart)
	}
}

func TestTheModelDoesNotDependOnTheNumberOfWorkers(t *testing.T) {
	corpus := topicCorpus(520)
	cfg := smallConfig()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, tc := range []TrainConfig{{Tables: 1}, {Tables: 1, MaxPapers: 300}, {Tables: 3}, {Tables: 2, MaxPapers: 300}} {
		tc.Seed, tc.Epochs, tc.Workers = 3, 1, 1
		want := train(t, corpus, cfg, tc).Fingerprint()
		for _, workers := range []int{2, 5} {
			runtime.GOMAXPROCS(workers - 1)
			tc.Workers = workers
			if got := train(t, corpus, cfg, tc).Fingerprint(); got != want {
				t.Errorf("%d workers, %d tables, at most %d papers: %s, with one worker %s", workers, tc.Tables, tc.MaxPapers, got,
					want)
			}
		}
		if tc.Seed = 4; train(t, corpus, cfg, tc).Fingerprint() == want {
			t.Error("the seed does not matter")
		}
	}
}

func TestModelsOfDifferentKernelClassesAgree(t *testing.T) {
	corpus := topicCorpus(300)
	var want [][]float32
	for _, class := range []string{vector.Portable, vector.AVX2, vector.AVX512, vector.NEON} {
		undo := vector.Limit(class)
		m := train(t, corpus, smallConfig(), TrainConfig{Seed: 1, Epochs: 8})
		var got [][]float32
		for _, p := range corpus[:50] {
			v, _ := embedText(m, p.Title+" "+p.Text)
			got = append(got, v)
		}
		undo()
		if want == nil {
			want = got
		}
		for i := range got {
			if cosine := vector.Dot(got[i], want[i]); cosine < .9999 {
				t.Fatalf("%s: cosine with the portable vector of paper %d is %v", class, i, cosine)
			}
		}
	}
}

func TestFoldedModelsOfDifferentKernelClassesHaveTheSameCosines(t *testing.T) {
	corpus := topicCorpus(300)
	var want []float32
	for _, class := range []string{vector.Portable, vector.AVX2, vector.AVX512, vector.NEON} {
		undo := vector.Limit(class)
		m := train(t, corpus, smallConfig(), TrainConfig{Seed: 1, Epochs: 8, Tables: 2})
		first, _ := embedText(m, corpus[0].Title+" "+corpus[0].Text)
		var got []float32
		for _, p := range corpus[1:50] {
			v, _ := embedText(m, p.Title+" "+p.Text)
			got = append(got, vector.Dot(first, v))
		}
		undo()
		if want == nil {
			want = got
		}
		for i := range got {
			if math.Abs(float64(got[i]-want[i])) > .005 {
				t.Fatalf("%s: paper %d has cosine %v, with the portable kernels %v", class, i, got[i], want[i])
			}
		}
	}
}

func TestTrainedModelsComeBackFromTheirBytesTheSame(t *testing.T) {
	for tables := range 3 {
		m := train(t, topicCorpus(300), smallConfig(), TrainConfig{Epochs: 2, Tables: tables})
		checkRoundTrip(t, m)
		if m.Bytes() > 1<<20 {
			t.Errorf("%d bytes in memory", m.Bytes())
		}
	}
}

func TestOddCorporaGiveFiniteModels(t *testing.T) {
	long := strings.Repeat("Many words stand in this sentence of a long paper. ", 1000)
	for name, corpus := range map[string]paperList{
		"one paper":          {{"Graphs", "We study graphs. They are large."}},
		"one word":           {{"Graphs", ""}},
		"nothing":            {{"", ""}},
		"stop words":         {{"the", "of"}, {"and", "the"}},
		"two papers":         topicCorpus(2),
		"copies":             slices.Repeat(paperList{{"Graph networks", sampleText}}, 100),
		"one-word papers":    slices.Repeat(paperList{{"alpha", ""}, {"", "beta"}, {"gamma", "delta"}}, 40),
		"no titles":          slices.Repeat(paperList{{"", sampleText}, {"", "Short."}}, 40),
		"no abstracts":       slices.Repeat(paperList{{"On the spectra of large graphs", ""}, {"Boundary layers", ""}}, 40),
		"ten thousand words": slices.Repeat(paperList{{"Long", long}, {"Longer", long + long}}, 3),
		"other scripts": slices.Repeat(paperList{{"机器学习", "我们研究图神经网络。"},
			{"машинное обучение", "Мы изучаем графы."}}, 40),
		"bad bytes": slices.Repeat(paperList{{"\xff\xfe", "\x00a\xffb c. \x01"}}, 10),
	} {
		t.Run(name, func(t *testing.T) {
			m := train(t, corpus, smallConfig(), TrainConfig{Seed: 1, Epochs: 3, Workers: 2})
			again := train(t, corpus, smallConfig(), TrainConfig{Seed: 1, Epochs: 3, Workers: 3})
			if m.Fingerprint() != again.Fingerprint() {
				t.Error("a second training gave another model")
			}
			for _, m := range []*Model{m, train(t, corpus, smallConfig(), TrainConfig{Seed: 1, Epochs: 1, Tables: 2})} {
				for _, p := range corpus {
					v, ok := embedText(m, p.Title+" "+p.Text)
					norm := float64(vector.Dot(v, v))
					if ok && math.Abs(norm-1) > 1e-5 || !ok && norm != 0 || math.IsNaN(norm) {
						t.Fatalf("%.40q: %v, squared norm %v", p.Text, ok, norm)
					}
				}
			}
		})
	}
}

func TestTrainingStopsWhenItsContextDoes(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	steps := 0
	_, err := Train(ctx, topicCorpus(600), smallConfig(), TrainConfig{Epochs: 1_000_000, Progress: func(p Progress) {
		steps = p.Step
		cancel()
	}})
	if !errors.Is(err, context.Canceled) || steps == 0 {
		t.Errorf("got %v after %d steps", err, steps)
	}
	if _, err := Train(ctx, topicCorpus(600), smallConfig(), TrainConfig{}); !errors.Is(err, context.Canceled) {
		t.Errorf("done before it began: got %v", err)
	}
}

func TestProgressEndsWithTheLastStep(t *testing.T) {
	var last Progress
	calls := 0
	train(t, topicCorpus(600), smallConfig(), TrainConfig{Epochs: 5, Progress: func(p Progress) {
		if p.Step <= last.Step || p.Loss < 0 || p.DocumentsPerSecond <= 0 || p.ETA < 0 || p.Elapsed <= 0 {
			t.Errorf("after %+v came %+v", last, p)
		}
		last = p
		calls++
	}})
	if last.Step != last.Steps || last.Epoch != 5 || last.Epochs != 5 || last.Steps != 10 || last.ETA != 0 {
		t.Errorf("ended with %+v", last)
	}
	if calls > 10+int(last.Elapsed/(100*time.Millisecond)) {
		t.Errorf("%d calls in %v", calls, last.Elapsed)
	}
}

func TestProgressCountsTheEpochsOfAllTables(t *testing.T) {
	var last Progress
	train(t, topicCorpus(600), smallConfig(), TrainConfig{Epochs: 5, Tables: 2, Progress: func(p Progress) { last = p }})
	if last.Step != 20 || last.Steps != 20 || last.Epoch != 10 || last.Epochs != 10 || last.ETA != 0 {
		t.Errorf("ended with %+v", last)
	}
}

func TestTrainRefusesWhatItCannotDo(t *testing.T) {
	for name, call := range map[string]func() error{
		"no papers": func() error {
			_, err := Train(context.Background(), paperList{}, smallConfig(), TrainConfig{})
			return err
		},
		"bad config": func() error {
			_, err := Train(context.Background(), topicCorpus(1), Config{}, TrainConfig{})
			return err
		},
		"too many tables": func() error {
			_, err := Train(context.Background(), topicCorpus(1), smallConfig(), TrainConfig{Tables: MaxTables + 1})
			return err
		},
		"negative epochs": func() error {
			_, err := Train(context.Background(), topicCorpus(1), smallConfig(), TrainConfig{Epochs: -1})
			return err
		},
	} {
		if call() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestEpochsFollowTheNumberOfPapers(t *testing.T) {
	for papers, want := range map[int]int{0: 30, 1: 30, 23_333: 30, 35_000: 20, 87_247: 8, 200_000: 6} {
		if got := DefaultEpochs(papers); got != want {
			t.Errorf("%d papers: %d epochs, want %d", papers, got, want)
		}
	}
}

func TestTablesFollowTheNumberOfPapers(t *testing.T) {
	for papers, want := range map[int]int{0: 1, 999: 1, 1000: 3, 50_000: 3, 50_001: 2, 200_000: 2} {
		if got := DefaultTables(papers); got != want {
			t.Errorf("%d papers: %d tables, want %d", papers, got, want)
		}
	}
}

func TestSentencesEndAfterFortyBytes(t *testing.T) {
	first := "A first sentence, e.g. one that goes on and on."
	var got []string
	eachSentence(first+" Short? No! This third one is longer than forty bytes is it?\nEnd of it all.",
		func(s string, whole bool) {
			got = append(got, fmt.Sprint(whole, ":", s))
		})
	want := []string{"true:" + first, "true:Short? No! This third one is longer than forty bytes is it?",
		"false:End of it all."}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestASentenceViewAndTheRestAreTheWholePaper(t *testing.T) {
	e, f, err := readCorpus(context.Background(), topicCorpus(40), smallConfig(), TrainConfig{Workers: 1, MaxPapers: 100})
	if err != nil || f.Papers() != 40 {
		t.Fatal(f.Papers(), err)
	}
	m := viewMaker{recipe: &recipe{sentenceShare: 1}}
	var a, b view
	for i := range e.len() {
		features, s := e.at(i)
		if s.sentences != 5 || s.title != 2 {
			t.Fatalf("paper %d: %d sentences, %d words in the title", i, s.sentences, s.title)
		}
		m.views(&a, &b, features, s, uint64(i))
		whole := map[uint32]int32{}
		for _, f := range features {
			whole[f&^endSentence]++
		}
		for _, v := range []view{a, b} {
			if len(v.features) == 0 {
				t.Errorf("paper %d: an empty view", i)
			}
			for j, f := range v.features {
				whole[f] -= v.counts[j]
			}
		}
		for f, left := range whole {
			if left != 0 {
				t.Fatalf("paper %d: feature %d is in the views %d times too few", i, f, left)
			}
		}
	}
}

func TestAWindowIsOfNeighbouringWordsAndGoesRound(t *testing.T) {
	features := make([]uint32, 50)
	for i := range features {
		features[i] = uint32(i)
	}
	m := viewMaker{recipe: &recipe{cropShare: 1, cropWords: .2, windowShare: 1}}
	var a, b view
	starts := map[uint32]bool{}
	for random := range uint64(400) {
		m.views(&a, &b, features, span{sentences: 3}, random)
		if len(a.features) != 10 || len(b.features) != 40 {
			t.Fatalf("%d words of 50 and %d", len(a.features), len(b.features))
		}
		for i := 1; i < len(a.features); i++ {
			if a.features[i] != (a.features[i-1]+1)%50 {
				t.Fatalf("words that are no neighbours: %v", a.features)
			}
		}
		starts[a.features[0]] = true
	}
	if len(starts) < 45 {
		t.Errorf("windows begin at %d words of 50", len(starts))
	}
	m.views(&a, &b, features, span{title: 5, sentences: 3}, 1)
	if slices.Equal(a.features, slices.Sorted(slices.Values(a.features))) &&
		a.features[len(a.features)-1]-a.features[0] == 9 {
		t.Errorf("a paper with a title has a window: %v", a.features)
	}
}

func TestTheSampleOfALargeCorpusIsEven(t *testing.T) {
	chosen := sample(10_000, 2_500, 1)
	total := 0
	for i := range 10 {
		n := 0
		for _, c := range chosen[i*1000 : (i+1)*1000] {
			if c {
				n++
			}
		}
		if n < 180 || n > 320 {
			t.Errorf("%d of the thousand papers from %d", n, i*1000)
		}
		total += n
	}
	if total != 2_500 {
		t.Errorf("%d papers, want 2500", total)
	}
}

func TestExpIsAccurate(t *testing.T) {
	for x := float32(0); x > -87; x -= .0137 {
		if got, want := float64(exp(x)), math.Exp(float64(x)); math.Abs(got/want-1) > 3e-7 {
			t.Fatalf("exp(%v) = %v, want %v", x, got, want)
		}
	}
	if got := exp(-1000); got <= 0 || got > 1e-37 {
		t.Errorf("exp(-1000) = %v", got)
	}
}

func FuzzReadModel(f *testing.F) {
	for _, dims := range []int{8, 16} {
		cfg := DefaultConfig()
		cfg.Dims, cfg.Buckets = dims, MinBuckets
		var b bytesWriter
		m, err := Train(context.Background(), topicCorpus(20), cfg, TrainConfig{Epochs: 1})
		if err != nil {
			f.Fatal(err)
		}
		if _, err := m.WriteTo(&b); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(b))
		f.Add([]byte(b[:headBytes+tailBytes]))
	}
	terms := analyze(DefaultConfig(), "graph w3x4 title3").Features
	f.Fuzz(func(t *testing.T, b []byte) {
		// A fuzzer does not find checksums, so they are made right.
		m, err := ReadModel(&resealed{b: b}, int64(len(b)))
		if err != nil {
			return
		}
		v := make([]float32, m.Dims())
		m.Embed(v, &terms)
		if norm := vector.Dot(v, v); norm != norm || norm > 1.01 {
			t.Errorf("squared norm %v", norm)
		}
	})
}

// TestASampleIsWeighedByAllPapers: the words of a model that is learnt of a sample weigh what they weigh in a model of
// all papers, and words that came after the counting are known all the same.
func TestASampleIsWeighedByAllPapers(t *testing.T) {
	corpus, cfg := topicCorpus(300), smallConfig()
	count := func(papers paperList) *Frequencies {
		f, analyzer := NewFrequencies(cfg), NewAnalyzer(cfg)
		var a Analysis
		for _, p := range papers {
			analyzer.Analyze(&a, p.Title, p.Text)
			f.Add(&a.Features)
		}
		return f
	}
	whole, err := NewModel(cfg, count(corpus))
	if err != nil {
		t.Fatal(err)
	}
	m := train(t, corpus[:100], cfg, TrainConfig{Seed: 1, Epochs: 1, Frequencies: count(corpus)})
	if m.Papers() != 300 || len(m.entries) != len(whole.entries) {
		t.Fatalf("a model of %d papers with %d words, of all %d", m.Papers(), len(m.entries), len(whole.entries))
	}
	for i := range m.entries {
		if m.entries[i].df != whole.entries[i].df || m.entries[i].weight != whole.entries[i].weight {
			t.Fatalf("word %d: df %d, weight %v; of all papers %d, %v", i, m.entries[i].df, m.entries[i].weight,
				whole.entries[i].df, whole.entries[i].weight)
		}
	}
	later := paperList{{"A quokkazyzzyva", "Quokkazyzzyva words that nobody has counted."}, corpus[0], corpus[1]}
	m = train(t, later, cfg, TrainConfig{Seed: 1, Epochs: 1, Frequencies: count(corpus)})
	var a Analysis
	NewAnalyzer(cfg).Analyze(&a, "quokkazyzzyva")
	for _, id := range a.Features.IDs {
		if _, known := m.known.rank(cfg.bucket(id)); !known {
			t.Errorf("feature %d of a later paper is not known", id)
		}
	}
	other := cfg
	other.Dims = 32
	_, err = Train(context.Background(), corpus, other, TrainConfig{Frequencies: count(corpus)})
	if err == nil {
		t.Error("frequencies of another config are taken")
	}
}
