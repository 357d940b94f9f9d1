package embed

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/embed/vector"
)

// TestMostAlikeIsTheLargestCosineOfRows compares with the rows that Row gives, before and after words are compared.
func TestMostAlikeIsTheLargestCosineOfRows(t *testing.T) {
	m := train(t, topicCorpus(200), smallConfig(), TrainConfig{Seed: 1})
	words := knownWords(m)
	untrained := uint32(0)
	for untrained = range uint32(m.cfg.Buckets) {
		if m.learned(untrained) == noRow {
			break
		}
	}
	asked := append([]uint32{untrained}, words[:5]...)
	others := words[3:min(len(words), 3+2*fetched+7)]
	for len(others) > 0 {
		checkMostAlike(t, m, asked, others)
		others = others[(len(others)+1)/2:]
	}
	if err := m.CompareWords(t.Context()); err != nil {
		t.Fatal(err)
	}
	for others = words[3:min(len(words), 3+2*fetched+7)]; len(others) > 0; others = others[(len(others)+1)/2:] {
		checkMostAlike(t, m, asked, others)
	}
}

func checkMostAlike(t *testing.T, m *Model, asked, others []uint32) {
	t.Helper()
	got := make([]float32, len(asked))
	m.MostAlike(got, asked, others)
	a, b := make([]float32, m.Dims()), make([]float32, m.Dims())
	for i, id := range asked {
		want := 0.
		for _, other := range others {
			if m.learned(id) == noRow || m.learned(other) == noRow || id == other {
				continue
			}
			m.Row(a, id)
			m.Row(b, other)
			if length := lengthOf(a) * lengthOf(b); length > 0 {
				want = max(want, float64(vector.Dot(a, b))/length)
			}
		}
		if want < LeastAlike {
			want = 0
		}
		if math.Abs(float64(got[i])-want) > 1e-5 {
			t.Errorf("word %d among %d: %g, want %g", id, len(others), got[i], want)
		}
	}
	if n := testing.AllocsPerRun(10, func() { m.MostAlike(got, asked, others) }); n > 0 {
		t.Errorf("%g allocations", n)
	}
}

// knownWords are the words that a model has rows of.
func knownWords(m *Model) (words []uint32) {
	m.known.each(func(b uint32) { words = append(words, b) })
	return words
}

// TestListsOfWordsGiveWhatRowsGive: the same bits, for words in any order, absent ones, and features of one bucket.
func TestListsOfWordsGiveWhatRowsGive(t *testing.T) {
	m := train(t, topicCorpus(200), smallConfig(), TrainConfig{Seed: 1})
	words := knownWords(m)
	r := rand.New(rand.NewPCG(5, 6))
	type question struct {
		words, others []uint32
		want          []float32
	}
	var questions []question
	found := 0
	for range 300 {
		q := question{want: make([]float32, 12)}
		for range 12 {
			q.words = append(q.words, words[r.IntN(len(words))]+uint32(m.cfg.Buckets*r.IntN(3)))
		}
		for range r.IntN(100) {
			q.others = append(q.others, words[r.IntN(len(words))]+uint32(m.cfg.Buckets*r.IntN(3)))
		}
		m.MostAlike(q.want, q.words, q.others)
		for _, cosine := range q.want {
			if cosine > 0 {
				found++
			}
		}
		questions = append(questions, q)
	}
	if found < 100 || m.Compared() {
		t.Fatalf("%d words are alike, compared before they were: %v", found, m.Compared())
	}
	before := m.Bytes()
	if err := m.CompareWords(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l := m.lists.Load(); !m.Compared() || len(l.begins) == 0 || m.Bytes() <= before {
		t.Fatal("there are no lists")
	}
	got := make([]float32, 12)
	for _, q := range questions {
		if m.MostAlike(got, q.words, q.others); !slices.Equal(got, q.want) {
			t.Fatalf("%v among %v: %v by lists, %v by rows", q.words, q.others, got, q.want)
		}
	}
}

// TestWordsOfOneRowAreNotListed: where all are alike, lists would take more memory than rows.
func TestWordsOfOneRowAreNotListed(t *testing.T) {
	m := train(t, topicCorpus(200), smallConfig(), TrainConfig{Seed: 1})
	for row := range m.scales {
		copy(m.rowCodes(uint32(row)), m.rowCodes(0))
	}
	m.measureRows()
	words := knownWords(m)
	before, after := make([]float32, 1), make([]float32, 1)
	m.MostAlike(before, words[:1], words)
	if err := m.CompareWords(t.Context()); err != nil || !m.Compared() {
		t.Fatal(err, m.Compared())
	}
	if m.MostAlike(after, words[:1], words); before[0] != 1 || after[0] != 1 || len(m.lists.Load().lists) > 0 {
		t.Errorf("%g before, %g after", before[0], after[0])
	}
}

func TestComparingWordsEndsWithItsContext(t *testing.T) {
	m := train(t, topicCorpus(200), smallConfig(), TrainConfig{Seed: 1})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.CompareWords(ctx); !errors.Is(err, context.Canceled) || m.Compared() {
		t.Errorf("got %v, compared %v", err, m.Compared())
	}
	untrained := smallModel(t, DefaultConfig())
	if err := untrained.CompareWords(ctx); err != nil || !untrained.Compared() {
		t.Errorf("a model without rows: got %v, compared %v", err, untrained.Compared())
	}
}

// TestMostAlikeOfAModelThatIsRead: lengths of rows are not in the file.
func TestMostAlikeOfAModelThatIsRead(t *testing.T) {
	m := train(t, topicCorpus(200), smallConfig(), TrainConfig{Seed: 1})
	var file bytes.Buffer
	n, err := m.WriteTo(&file)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadModel(&file, n)
	if err != nil {
		t.Fatal(err)
	}
	words := knownWords(m)
	before, after := make([]float32, 1), make([]float32, 1)
	m.MostAlike(before, words[:1], words)
	read.MostAlike(after, words[:1], words)
	if before[0] != after[0] || before[0] <= 0 {
		t.Errorf("%g made, %g read", before[0], after[0])
	}
}
