package embed

import (
	"context"
	"sync"
	"sync/atomic"
)

// examples are the papers to learn from, as the features of their words in order. A feature is a uint32: its bucket
// while the corpus is read, and the number of its row afterwards. endSentence marks the last one of a sentence of the
// abstract.
type examples struct {
	chunks []chunk // of chunkPapers papers each
	papers int
}

type chunk struct {
	features []uint32
	spans    []span
}

// span is one paper: features[start:end] of its chunk, of which the first title ones are the title.
type span struct {
	start, end, title uint32
	sentences         uint32
}

const (
	chunkPapers = 256
	endSentence = 1 << 31
)

func (e *examples) len() int { return e.papers }

func (e *examples) at(i int) (features []uint32, s span) {
	c := &e.chunks[i/chunkPapers]
	s = c.spans[i%chunkPapers]
	return c.features[s.start:s.end], s
}

// Sentences end at . ? or ! before a space once they are longer than shortSentence bytes; what remains at the end
// counts as one when it is longer than shortRest bytes.
const (
	shortSentence = 40
	shortRest     = 20
)

// eachSentence calls fn for every sentence of a text; whole is false for a remainder too short to be one.
func eachSentence(text string, fn func(sentence string, whole bool)) {
	start := 0
	for i := 0; i+1 < len(text); i++ {
		if c := text[i]; (c == '.' || c == '?' || c == '!') && text[i+1] <= ' ' && i+1-start > shortSentence {
			fn(text[start:i+1], true)
			start = i + 2
		}
	}
	if start < len(text) {
		fn(text[start:], len(text)-start > shortRest)
	}
}

// readCorpus analyses all papers on all workers. Frequencies are of all of them, examples of at most tc.MaxPapers.
func readCorpus(ctx context.Context, corpus Corpus, cfg Config, tc TrainConfig) (*examples, *Frequencies, error) {
	n := corpus.Len()
	kept := min(n, tc.MaxPapers)
	e := &examples{papers: kept, chunks: make([]chunk, (kept+chunkPapers-1)/chunkPapers)}
	chosen := sample(n, kept, tc.Seed)
	all := make([]*Frequencies, tc.Workers)
	var next atomic.Int64
	var wait sync.WaitGroup
	chunks := (n + chunkPapers - 1) / chunkPapers
	read := make([]chunk, chunks)
	for w := range tc.Workers {
		wait.Go(func() {
			r := newExampleReader(cfg, corpus)
			all[w] = r.frequencies
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= chunks {
					return
				}
				read[i] = r.read(i*chunkPapers, min((i+1)*chunkPapers, n), chosen)
			}
		})
	}
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	for _, f := range all[1:] {
		if err := all[0].Merge(f); err != nil {
			return nil, nil, err
		}
	}
	if kept == n {
		e.chunks = read
	} else {
		e.chunks = repack(read, kept)
	}
	return e, all[0], nil
}

// sample returns nil when all of n papers are kept, and else which.
func sample(n, kept int, seed uint64) []bool {
	if kept == n {
		return nil
	}
	chosen := make([]bool, n)
	// Algorithm S of Knuth, TAOCP volume 2, 3.4.2.
	state := splitmix(seed ^ 0x5a)
	for i, left := 0, kept; left > 0; i++ {
		state = splitmix(state)
		if float64(state>>11)/(1<<53)*float64(n-i) < float64(left) {
			chosen[i] = true
			left--
		}
	}
	return chosen
}

// repack makes full chunks of chunks that lack papers.
func repack(read []chunk, kept int) []chunk {
	chunks := make([]chunk, 0, (kept+chunkPapers-1)/chunkPapers)
	for r := range read {
		for _, s := range read[r].spans {
			if len(chunks) == 0 || len(chunks[len(chunks)-1].spans) == chunkPapers {
				chunks = append(chunks, chunk{})
			}
			c := &chunks[len(chunks)-1]
			shift := uint32(len(c.features)) - s.start
			c.features = append(c.features, read[r].features[s.start:s.end]...)
			c.spans = append(c.spans, span{s.start + shift, s.end + shift, s.title, s.sentences})
		}
		read[r] = chunk{}
	}
	return chunks
}

// exampleReader reads papers for one worker.
type exampleReader struct {
	corpus      Corpus
	analyzer    *Analyzer
	frequencies *Frequencies
	features    []uint32
	terms       Terms
	counter     counter
}

func newExampleReader(cfg Config, corpus Corpus) *exampleReader {
	r := &exampleReader{corpus: corpus, analyzer: NewAnalyzer(cfg), frequencies: NewFrequencies(cfg)}
	mask := uint32(cfg.Buckets - 1)
	r.analyzer.trace = func(feature uint32) { r.features = append(r.features, feature&mask) }
	r.counter.init()
	return r
}

// read returns the papers from up to below to; those not chosen are only counted.
func (r *exampleReader) read(from, to int, chosen []bool) chunk {
	r.features = r.features[:0]
	spans := make([]span, 0, to-from)
	for i := from; i < to; i++ {
		title, abstract := r.corpus.Document(i)
		s := span{start: uint32(len(r.features))}
		r.analyzer.scan(title)
		s.title = uint32(len(r.features)) - s.start
		eachSentence(abstract, func(sentence string, whole bool) {
			before := len(r.features)
			r.analyzer.scan(sentence)
			if whole && len(r.features) > before {
				r.features[len(r.features)-1] |= endSentence
				s.sentences++
			}
		})
		s.end = uint32(len(r.features))
		for _, f := range r.features[s.start:s.end] {
			r.counter.add(f &^ endSentence)
		}
		r.counter.flush(&r.terms)
		r.frequencies.Add(&r.terms)
		if chosen != nil && !chosen[i] {
			r.features = r.features[:s.start]
			continue
		}
		spans = append(spans, s)
	}
	return chunk{features: append([]uint32(nil), r.features...), spans: spans}
}

// number replaces the buckets of the examples by the numbers of their rows.
func (e *examples) number(p *pool, row func(bucket uint32) uint32) {
	p.split(len(e.chunks), 1, func(_, from, to int) {
		for _, c := range e.chunks[from:to] {
			for i, f := range c.features {
				c.features[i] = f&endSentence | row(f&^endSentence)
			}
		}
	})
}
