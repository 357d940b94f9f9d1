package embed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/akin-search/akin/embed/vector"
)

// smallCorpus are texts whose model the golden values below are of.
var smallCorpus = []string{
	"Graph neural networks for protein design",
	"A study of supersonic boundary layers on flat plates",
	"Protein folding with deep networks",
	"naïve Bayes, 机器学习 and don't",
}

func smallModel(t testing.TB, cfg Config) *Model {
	t.Helper()
	f := NewFrequencies(cfg)
	for _, text := range smallCorpus {
		f.Add(&analyze(cfg, text).Features)
	}
	m, err := NewModel(cfg, f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func embedText(m *Model, text string) ([]float32, bool) {
	v := make([]float32, m.Dims())
	ok := m.Embed(v, &analyze(m.Config(), text).Features)
	return v, ok
}

func TestTheUntrainedModelIsTheSameOnEveryMachineAndInEveryRelease(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Dims, cfg.Buckets, cfg.Seed, cfg.Rarity = 16, 1<<18, 1, 1
	m := smallModel(t, cfg)
	words := analyze(cfg, smallCorpus[0]).Words
	if got, want := fmt.Sprint(words.IDs), goldenIDs; got != want {
		t.Errorf("features: got %s, want %s", got, want)
	}
	if m.Fingerprint() != goldenFingerprint {
		t.Errorf("fingerprint: got %s, want %s", m.Fingerprint(), goldenFingerprint)
	}
	v, ok := embedText(m, smallCorpus[0])
	if !ok {
		t.Fatal("no vector")
	}
	for i, x := range v {
		if math.Abs(float64(x-goldenVector[i])) > 1e-6 {
			t.Fatalf("vector: got %#v, want %#v", v, goldenVector)
		}
	}
}

func TestVectorsHaveNormOneOrAreZero(t *testing.T) {
	m := smallModel(t, DefaultConfig())
	v, ok := embedText(m, "graph networks")
	if norm := vector.Dot(v, v); !ok || math.Abs(float64(norm)-1) > 1e-5 {
		t.Errorf("known words: got %v and squared norm %v", ok, norm)
	}
	for _, text := range []string{"", "the of", "zebra xylophone"} {
		if v, ok := embedText(m, text); ok || vector.Dot(v, v) != 0 {
			t.Errorf("%q: got %v and %v, want false and zeros", text, ok, v)
		}
	}
	with, _ := embedText(m, "graph networks zebra")
	if !slices.Equal(with, v) {
		t.Error("an unknown word changed the vector")
	}
}

func TestAVectorIsTheWeightedSumOfItsRows(t *testing.T) {
	m := smallModel(t, DefaultConfig())
	terms := analyze(m.Config(), "graph graph networks").Words
	sum, row := make([]float32, m.Dims()), make([]float32, m.Dims())
	for i, id := range terms.IDs {
		m.Row(row, id)
		vector.Axpy(sum, float32(math.Log1p(float64(terms.Counts[i]))*m.Weight(id)), row)
	}
	v, _ := embedText(m, "graph graph networks")
	norm := math.Sqrt(float64(vector.Dot(sum, sum)))
	if cosine := float64(vector.Dot(sum, v)) / norm; math.Abs(cosine-1) > 1e-6 {
		t.Errorf("cosine with the sum of the rows: %v", cosine)
	}
	if m.Weight(analyze(m.Config(), "zebra").Words.IDs[0]) != 0 {
		t.Error("an unknown word has a weight")
	}
}

func TestFrequenciesMergeToTheSameModel(t *testing.T) {
	cfg := DefaultConfig()
	all, left, right := NewFrequencies(cfg), NewFrequencies(cfg), NewFrequencies(cfg)
	for i, text := range smallCorpus {
		terms := &analyze(cfg, text).Features
		all.Add(terms)
		if i%2 == 0 {
			left.Add(terms)
		} else {
			right.Add(terms)
		}
	}
	if err := left.Merge(right); err != nil {
		t.Fatal(err)
	}
	a, _ := NewModel(cfg, all)
	b, _ := NewModel(cfg, left)
	if a.Fingerprint() != b.Fingerprint() || left.Papers() != len(smallCorpus) {
		t.Errorf("merged: %s over %d papers, in one go: %s", b.Fingerprint(), left.Papers(), a.Fingerprint())
	}
	other := cfg
	other.Seed++
	if left.Merge(NewFrequencies(other)) == nil {
		t.Error("frequencies of another config merged")
	}
	if _, err := NewModel(other, all); err == nil {
		t.Error("a model took the frequencies of another config")
	}
}

func TestAModelComesBackFromItsBytesTheSame(t *testing.T) {
	m := smallModel(t, DefaultConfig())
	checkRoundTrip(t, m)
}

func checkRoundTrip(t *testing.T, m *Model) {
	t.Helper()
	var b bytes.Buffer
	n, err := m.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d of %d bytes: %v", n, b.Len(), err)
	}
	again, err := ReadModel(bytes.NewReader(b.Bytes()), n)
	if err != nil {
		t.Fatal(err)
	}
	if again.Fingerprint() != m.Fingerprint() || again.Config() != m.Config() || again.Papers() != m.Papers() ||
		again.Trained() != m.Trained() {
		t.Errorf("got %+v %s, want %+v %s", again.Config(), again.Fingerprint(), m.Config(), m.Fingerprint())
	}
	for _, text := range append(smallCorpus, sampleText) {
		x, okX := embedText(m, text)
		y, okY := embedText(again, text)
		if okX != okY || !slices.Equal(x, y) {
			t.Errorf("%q: the vector changed on the way to the file and back", text)
		}
	}
	if sum := again.digest(); fmt.Sprintf("%x", sum) != m.Fingerprint() {
		t.Error("the fingerprint is not that of what was read")
	}
}

func TestDamagedModelsAreRefused(t *testing.T) {
	var b bytes.Buffer
	if _, err := smallModel(t, DefaultConfig()).WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	good := b.Bytes()
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 1 << (i % 8)
		if _, err := ReadModel(bytes.NewReader(bad), int64(len(bad))); !errors.Is(err, ErrBadModel) &&
			!errors.Is(err, ErrNewerModel) && !errors.Is(err, ErrOldModel) {
			t.Fatalf("byte %d changed: got %v", i, err)
		}
		if _, err := ReadModel(bytes.NewReader(good[:i]), int64(i)); !errors.Is(err, ErrBadModel) {
			t.Fatalf("cut to %d bytes: got %v", i, err)
		}
		if _, err := ReadModel(bytes.NewReader(good[:i]), int64(len(good))); !errors.Is(err, ErrBadModel) {
			t.Fatalf("cut to %d bytes unannounced: got %v", i, err)
		}
	}
	failure := errors.New("disk on fire")
	_, err := ReadModel(io.MultiReader(bytes.NewReader(good[:50]), failing{failure}), int64(len(good)))
	if !errors.Is(err, failure) {
		t.Errorf("a failing reader: got %v", err)
	}
	newer := slices.Clone(good)
	newer[8] = modelVersion + 1
	if _, err := ReadModel(bytes.NewReader(newer), int64(len(newer))); !errors.Is(err, ErrNewerModel) {
		t.Errorf("a newer format: got %v", err)
	}
	for _, c := range []struct {
		at    int
		value byte
		want  error
	}{{8, 1, ErrOldModel}, {76, Scheme - 1, ErrOldModel}, {76, Scheme + 1, ErrNewerModel}} {
		other := slices.Clone(good)
		other[c.at] = c.value
		if _, err := ReadModel(&resealed{b: other}, int64(len(other))); !errors.Is(err, c.want) {
			t.Errorf("byte %d is %d: got %v, want %v", c.at, c.value, err, c.want)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestAFailedWriteIsReported(t *testing.T) {
	failure := errors.New("disk full")
	if _, err := smallModel(t, DefaultConfig()).WriteTo(failing{failure}); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
}

func TestAModelOfNoPapersTakesAllWordsAlike(t *testing.T) {
	cfg := DefaultConfig()
	m, err := NewModel(cfg, NewFrequencies(cfg))
	if err != nil {
		t.Fatal(err)
	}
	v, ok := embedText(m, "graph networks")
	near, _ := embedText(m, "networks of graphs")
	if !ok || vector.Dot(v, near) < .999 || m.Weight(7) != 1 || m.TermWeight(7, 1) != float64(tfWeight(1)) {
		t.Errorf("got %v, cosine %v, weight %v", ok, vector.Dot(v, near), m.Weight(7))
	}
	checkRoundTrip(t, m)
}

func TestConfigsOutOfRangeAreNamed(t *testing.T) {
	bad := Config{Dims: 4, Buckets: 1000, Positions: 0, Words: Range{2, 1}, Chars: Range{1, 99}, Rarity: math.NaN()}
	err := bad.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"4 dims", "1000 buckets", "0 positions", "word n-grams", "character n-grams", "rarity"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %q", err, want)
		}
	}
	none := DefaultConfig()
	none.Words = Range{}
	if none.Validate() == nil || DefaultConfig().Validate() != nil {
		t.Error("no n-grams were accepted, or the default was refused")
	}
}

func TestEmbedDoesNotAllocate(t *testing.T) {
	m := smallModel(t, DefaultConfig())
	terms := analyze(m.Config(), sampleText+smallCorpus[0]).Features
	dst := make([]float32, m.Dims())
	if n := testing.AllocsPerRun(100, func() { m.Embed(dst, &terms) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

const (
	goldenIDs         = "[110475 242421 380346 605878 630049]"
	goldenFingerprint = "d39eb5ea2df7273d6cde3818a0a844d5"
)

var goldenVector = [16]float32{-0.70588785, -0.15777798, 0.15777798, 0, -0.4318329, 0, 0, -0.27405494, 0, 0.15777798,
	0.27405494, 0, -0.041501038, 0, 0.27405494, -0.11627695}
