package embed

import (
	"bytes"
	"math"
	"testing"

	"github.com/akin-search/akin/embed/vector"
)

// TestMostAlikeIsTheLargestCosineOfRows compares with the rows that Row gives.
func TestMostAlikeIsTheLargestCosineOfRows(t *testing.T) {
	m := train(t, topicCorpus(200), smallConfig(), TrainConfig{Seed: 1})
	var words []uint32
	m.known.each(func(b uint32) { words = append(words, b) })
	untrained := uint32(0)
	for untrained = range uint32(m.cfg.Buckets) {
		if m.learned(untrained) == noRow {
			break
		}
	}
	asked := append([]uint32{untrained}, words[:5]...)
	others := words[3:min(len(words), 3+2*fetched+7)]
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
		if math.Abs(float64(got[i])-want) > 1e-5 {
			t.Errorf("word %d: %g, want %g", id, got[i], want)
		}
	}
	if n := testing.AllocsPerRun(10, func() { m.MostAlike(got, asked, others) }); n > 0 {
		t.Errorf("%g allocations", n)
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
	var words []uint32
	m.known.each(func(b uint32) { words = append(words, b) })
	before, after := make([]float32, 1), make([]float32, 1)
	m.MostAlike(before, words[:1], words)
	read.MostAlike(after, words[:1], words)
	if before[0] != after[0] || before[0] <= 0 {
		t.Errorf("%g made, %g read", before[0], after[0])
	}
}
