package embed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"
)

// Corpus is what Train learns from. Its methods are called from many goroutines at once, each document at most once.
type Corpus interface {
	Len() int
	Document(i int) (title, abstract string)
}

// TrainConfig says how Train works. Zero fields have the defaults.
type TrainConfig struct {
	// Tables is the number of tables that are learned apart and folded into one, 1 to MaxTables; 0 = by the number of
	// papers: DefaultTables.
	Tables int
	// Epochs is how often each table sees each paper; 0 = by the number of papers: DefaultEpochs.
	Epochs int
	// Seed chooses the order of the papers and the sentences; models of different seeds differ by a little in quality.
	Seed uint64
	// MaxPapers bounds the papers that are learned from, 0 = 200,000; of a larger corpus an even sample is taken. The
	// weights always come from all papers.
	MaxPapers int
	// Frequencies are those of all papers, where the corpus is a sample of them; nil = those of the corpus. They are of
	// the same Config. A bucket that more papers of the corpus have, written since they were counted, counts as there.
	Frequencies *Frequencies
	// Workers is the number of goroutines; 0 = GOMAXPROCS. The model does not depend on it.
	Workers int
	// Progress is called from the goroutine of Train a few times a second, and when it ends; nil = not at all.
	Progress func(Progress)

	recipe *recipe // tests and measurements; nil = the default
}

// DefaultMaxPapers is the number of papers that Train learns from at most unless told otherwise.
const DefaultMaxPapers = 200_000

// Progress says how far a training is. Where tables are folded, the fold follows the last step: a few seconds at most.
type Progress struct {
	Epoch, Epochs      int     // of all tables together; Epoch counts from 1; 0 while the corpus is read
	Step, Steps        int     // batches done, and in all
	Loss               float64 // mean over the batches since the last call
	DocumentsPerSecond float64 // since the first batch
	Elapsed, ETA       time.Duration
}

// DefaultEpochs is the number of epochs for a number of papers: enough to see 700,000 papers in all, but 6 to 30.
func DefaultEpochs(papers int) int {
	return min(max((700_000+papers/2)/max(papers, 1), 6), 30)
}

// MaxTables is the largest TrainConfig.Tables.
const MaxTables = 8

// DefaultTables is the number of tables for a number of papers.
func DefaultTables(papers int) int {
	switch {
	case papers < 1000:
		return 1
	case papers <= 50_000:
		return 3
	}
	return 2
}

// temperature is that of the softmax for a number of papers. The more there are, the more alike are the nearest of
// them, and the lower must it be to tell these apart: .15 was best for 1,400 papers, .12 for 5,000 and .07 for 22,000
// and more.
func temperature(papers int) float64 {
	return min(max(.15*math.Pow(1400/float64(papers), .18), .06), .15)
}

// recipe holds the numbers of the training; see defaultRecipe.
type recipe struct {
	batch         int     // papers of a batch
	temperature   float64 // of the softmax over cosines; 0 = by the number of papers
	rate          float64 // of Adagrad at the first step
	lastRate      float64 // share of the rate that is left at the last step
	sentenceShare float64 // of the other pairs that are a sentence and the rest, for papers with title and abstract
	cropShare     float64 // of the pairs that are some of the words and the rest
	cropWords     float64 // of the words, in such a pair
	windowShare   float64 // of the crops of papers without a title that take neighbouring words
}

var defaultRecipe = recipe{
	batch: 256, rate: .05, lastRate: .05, sentenceShare: .3, cropShare: .4, cropWords: .2, windowShare: .5,
}

// Train learns a model from the papers of a corpus. The same corpus, configs and kernel class (vector.Class) give the
// same model, bit for bit, for any number of workers. It holds 4 bytes for each word, and for each bucket of the
// corpus a float32 row of every table. It returns the context's error when that is done first; an empty corpus is an
// error.
func Train(ctx context.Context, corpus Corpus, cfg Config, tc TrainConfig) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if tc.Epochs < 0 || tc.MaxPapers < 0 || tc.Workers < 0 {
		return nil, fmt.Errorf("embed: %d epochs, at most %d papers, %d workers: none may be negative", tc.Epochs,
			tc.MaxPapers, tc.Workers)
	}
	if tc.Tables < 0 || tc.Tables > MaxTables {
		return nil, fmt.Errorf("embed: %d tables: want 1 to %d, or 0 for the default", tc.Tables, MaxTables)
	}
	if corpus.Len() == 0 {
		return nil, errors.New("embed: no papers to learn from")
	}
	if tc.Frequencies != nil && tc.Frequencies.cfg != cfg {
		return nil, fmt.Errorf("embed: a model of config %+v needs frequencies of that config, not of %+v", cfg,
			tc.Frequencies.cfg)
	}
	if tc.MaxPapers == 0 {
		tc.MaxPapers = DefaultMaxPapers
	}
	if tc.Workers == 0 {
		tc.Workers = runtime.GOMAXPROCS(0)
	}
	if tc.recipe == nil {
		tc.recipe = &defaultRecipe
	}
	start := time.Now()
	examples, f, err := readCorpus(ctx, corpus, cfg, tc)
	if err != nil {
		return nil, err
	}
	if tc.Frequencies != nil {
		f.raise(tc.Frequencies)
	}
	if tc.Epochs == 0 {
		tc.Epochs = DefaultEpochs(examples.len())
	}
	if tc.Tables == 0 {
		tc.Tables = DefaultTables(examples.len())
	}
	t := newTrainer(cfg, tc, examples, newModel(cfg, f))
	defer t.pool.close()
	tables := make([][]float32, tc.Tables)
	report := newReporter(t, start)
	for i := range tables {
		t.begin(i)
		if err := t.run(ctx, report); err != nil {
			return nil, err
		}
		tables[i] = t.rows
	}
	if len(tables) == 1 {
		return t.finish(), nil
	}
	return t.fold(ctx, tables)
}

// run does all epochs of one table.
func (t *trainer) run(ctx context.Context, report *reporter) error {
	batches := t.examples.len() / t.batch
	steps := batches * t.tc.Epochs
	for epoch := range t.tc.Epochs {
		t.shuffle(epoch)
		for s := range batches {
			if err := ctx.Err(); err != nil {
				return err
			}
			done := epoch*batches + s
			rate := t.recipe.rate * (1 - (1-t.recipe.lastRate)*float64(done)/float64(steps))
			report.step(t.step(epoch, t.order[s*t.batch:(s+1)*t.batch], float32(rate)))
		}
	}
	return nil
}

// reporter calls Progress now and then.
type reporter struct {
	fn           func(Progress)
	start, began time.Time // of the training, of the first batch
	last         time.Time // of the last call
	batch, epoch int       // papers of a batch, batches of an epoch
	done         int       // batches
	p            Progress
	loss         float64 // sum since the last call
	losses       int
}

func newReporter(t *trainer, start time.Time) *reporter {
	steps := t.examples.len() / t.batch
	return &reporter{fn: t.tc.Progress, start: start, began: time.Now(), batch: t.batch, epoch: steps,
		p: Progress{Epochs: t.tc.Epochs * t.tc.Tables, Steps: steps * t.tc.Epochs * t.tc.Tables}}
}

// step notes the loss of one more batch.
func (r *reporter) step(loss float64) {
	if r.done++; r.fn == nil {
		return
	}
	step := r.done
	r.loss += loss
	r.losses++
	now := time.Now()
	if step < r.p.Steps && now.Sub(r.last) < 200*time.Millisecond {
		return
	}
	r.last = now
	r.p.Epoch, r.p.Step = (step-1)/r.epoch+1, step
	r.p.Loss = r.loss / float64(r.losses)
	r.loss, r.losses = 0, 0
	r.p.Elapsed = now.Sub(r.start)
	spent := now.Sub(r.began)
	r.p.DocumentsPerSecond = float64(step*r.batch) / max(spent.Seconds(), 1e-9)
	r.p.ETA = time.Duration(float64(spent) * float64(r.p.Steps-step) / float64(step))
	r.fn(r.p)
}
