package embed

import (
	"errors"
	"fmt"
	"math/bits"
)

// FeatureBits is the number of bits of a feature: the buckets of Terms.IDs lie in [0, 1<<FeatureBits).
const FeatureBits = 20

const featureMask = 1<<FeatureBits - 1

// Limits of a Config.
const (
	MinDims      = 8
	MaxDims      = 4096
	MinBuckets   = 1 << 10
	MaxBuckets   = 1 << FeatureBits
	MaxPositions = 64
	maxWordGram  = 4
	maxCharGram  = 16
)

// Range is a range of n-gram lengths, both ends included. The zero Range means none.
type Range struct{ Min, Max int }

func (r Range) none() bool { return r == Range{} }

func (r Range) validate(name string, most int) error {
	if r.none() || 1 <= r.Min && r.Min <= r.Max && r.Max <= most {
		return nil
	}
	return fmt.Errorf("%s n-grams of %d to %d: want 1 <= Min <= Max <= %d, or zeros for none", name, r.Min, r.Max, most)
}

// Config says what a vector is made of. It is part of the model and of its fingerprint: vectors of models with
// different configs do not compare. The zero value of a field is not a default; start from DefaultConfig.
type Config struct {
	// Dims is the number of dimensions of a vector, MinDims to MaxDims.
	Dims int
	// Buckets is the number of rows of the table, a power of two from MinBuckets to MaxBuckets. A feature's row is its
	// low bits. Rows of buckets that no paper has fall to nothing: they cost no memory and no space in the file.
	Buckets int
	// Positions is the number of non-zero entries of an untrained row, 1 to MaxPositions.
	Positions int
	// Words are the lengths of the word n-grams that become features, up to 4 words.
	Words Range
	// Chars are the lengths, in characters, of the n-grams within words that become features, up to 16 characters. A word
	// is taken with a space before and behind it, before stemming.
	Chars Range
	// Rarity is the power of a feature's idf in its weight, from 0 (all alike) to 4; 1 is that of BM25. A vector is a sum,
	// in which the rarest words of a text drown the rest at 1.
	Rarity float64
	// Seed chooses the positions and signs of untrained rows. It does not change which feature a word is.
	Seed uint64
}

// DefaultConfig is the config the server uses: the measurements behind it are in server/docs/decisions.md.
func DefaultConfig() Config {
	return Config{Dims: 256, Buckets: 1 << 18, Positions: 4, Words: Range{1, 1}, Rarity: .8, Seed: 1}
}

// Validate returns an error that names every field out of its range.
func (c Config) Validate() error {
	var errs []error
	if c.Dims < MinDims || c.Dims > MaxDims {
		errs = append(errs, fmt.Errorf("%d dims: want %d to %d", c.Dims, MinDims, MaxDims))
	}
	if c.Buckets < MinBuckets || c.Buckets > MaxBuckets || bits.OnesCount(uint(c.Buckets)) != 1 {
		errs = append(errs, fmt.Errorf("%d buckets: want a power of two from %d to %d", c.Buckets, MinBuckets, MaxBuckets))
	}
	if c.Positions < 1 || c.Positions > MaxPositions {
		errs = append(errs, fmt.Errorf("%d positions: want 1 to %d", c.Positions, MaxPositions))
	}
	errs = append(errs, c.Words.validate("word", maxWordGram), c.Chars.validate("character", maxCharGram))
	if !(c.Rarity >= 0 && c.Rarity <= 4) {
		errs = append(errs, fmt.Errorf("rarity %v: want 0 to 4", c.Rarity))
	}
	if c.Words.none() && c.Chars.none() {
		errs = append(errs, errors.New("neither word nor character n-grams: want at least one of them"))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("embed: bad config: %w", err)
	}
	return nil
}

// unigrams says whether the features are the words themselves.
func (c Config) unigrams() bool { return c.Words == Range{1, 1} && c.Chars.none() }

func (c Config) bucket(id uint32) uint32 { return id & uint32(c.Buckets-1) }
