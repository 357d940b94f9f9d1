package embed

import "fmt"

// Frequencies count the papers that each bucket occurs in. They are for one goroutine at a time; several may count
// apart and merge, in any order, to the same result.
type Frequencies struct {
	cfg    Config
	papers uint32
	df     []uint32 // by bucket
	seen   []uint32 // by bucket: the paper, from 1, that was last counted in it
}

// NewFrequencies makes empty frequencies for models of the config. A config that does not validate makes it panic.
func NewFrequencies(cfg Config) *Frequencies {
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	return &Frequencies{cfg: cfg, df: make([]uint32, cfg.Buckets), seen: make([]uint32, cfg.Buckets)}
}

// Add counts one paper: the Features of its whole text. A paper without features counts too.
func (f *Frequencies) Add(t *Terms) {
	f.papers++
	for _, id := range t.IDs {
		b := f.cfg.bucket(id)
		if f.seen[b] != f.papers { // two features of a paper may share a bucket
			f.seen[b] = f.papers
			f.df[b]++
		}
	}
}

// Merge adds the counts of other frequencies of the same config.
func (f *Frequencies) Merge(other *Frequencies) error {
	if f.cfg != other.cfg {
		return fmt.Errorf("embed: frequencies of config %+v do not merge with those of %+v", other.cfg, f.cfg)
	}
	f.papers += other.papers
	for b, n := range other.df {
		f.df[b] += n
	}
	return nil
}

// raise takes counts of more papers where they are the larger.
func (f *Frequencies) raise(whole *Frequencies) {
	f.papers = max(f.papers, whole.papers)
	for b, n := range whole.df {
		f.df[b] = max(f.df[b], n)
	}
}

// Papers returns the number of papers counted.
func (f *Frequencies) Papers() int { return int(f.papers) }

// Counts returns the papers that each bucket occurs in, by bucket, as FrequenciesOf takes them. The caller may read
// them until the next Add or Merge.
func (f *Frequencies) Counts() []uint32 { return f.df }

// FrequenciesOf makes frequencies of the Counts of others. More papers may be added; the counts become its own.
func FrequenciesOf(cfg Config, papers int, counts []uint32) (*Frequencies, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if len(counts) != cfg.Buckets || papers < 0 {
		return nil, fmt.Errorf("embed: counts of %d buckets of %d papers, for a config with %d", len(counts), papers,
			cfg.Buckets)
	}
	return &Frequencies{cfg: cfg, papers: uint32(papers), df: counts, seen: make([]uint32, cfg.Buckets)}, nil
}
