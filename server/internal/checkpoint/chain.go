package checkpoint

import (
	"errors"
	"fmt"
)

// Chain is a base and the segments behind it, each the one that extends the one before.
type Chain struct {
	Parts []*Reader // the base first, at least one

	// Fault says why parts on disk that are newer than the last one here do not belong to the chain: they are damaged, cut
	// short or of another release. Nil when there are none.
	Fault error
}

// Open opens the newest base and the segments behind it as far as they are whole: their manifests and the sizes of
// their sections are verified here, the content while it is read. ErrNone when there is no part. Any other error means
// that there is no base to begin with.
func (f Folder) Open() (*Chain, error) {
	numbers, err := list(f.Path, prefix)
	if err != nil {
		return nil, err
	}
	if len(numbers) == 0 {
		return nil, fmt.Errorf("%w in %s", ErrNone, f.Path)
	}
	var behind []*Reader // the newest base, and what is newer, newest first; nil for what cannot be read
	var faults []error
	for _, n := range numbers {
		r, err := Open(f.path(n))
		if err != nil {
			faults = append(faults, err)
		} else {
			r.number = n
		}
		behind = append(behind, r)
		if r != nil && r.manifest.extends == 0 {
			return chain(behind, faults), nil
		}
	}
	if len(faults) == 0 {
		faults = append(faults, damagedf("%s has segments without a base", f.Path))
	}
	return nil, errors.Join(faults...)
}

// chain takes the longest run of parts that extend each other, from the base, which is the last of them.
func chain(newestFirst []*Reader, faults []error) *Chain {
	c := &Chain{Parts: []*Reader{newestFirst[len(newestFirst)-1]}}
	for i := len(newestFirst) - 2; i >= 0; i-- {
		last, next := c.Parts[len(c.Parts)-1], newestFirst[i]
		if next == nil {
			break
		}
		if next.number != last.number+1 || next.manifest.extends != last.number ||
			next.manifest.extendsSum != last.manifest.sum {
			faults = append(faults, fmt.Errorf("%s: %w", next.path, damagedf("it does not extend %s", last.path)))
			break
		}
		c.Parts = append(c.Parts, next)
	}
	if len(c.Parts) < len(newestFirst) {
		c.Fault = errors.Join(faults...)
	}
	return c
}

// Close closes all parts.
func (c *Chain) Close() error {
	var errs []error
	for _, r := range c.Parts {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}
