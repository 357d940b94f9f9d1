//go:build !windows

package coder

import (
	"fmt"
	"math"
)

// Check implements index.Searcher: every row has norm 1 or is zero, and the graph holds exactly the slots that are not
// zero, each with its own row. It does not demand that the library reaches them all, because it does not.
func (x *Index) Check() error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.fault != nil {
		return x.fault
	}
	zeros := 0
	for slot := range uint32(x.rows.n) {
		row := x.rows.row(slot)
		if err := checkVector(row, x.dims); err != nil {
			return fmt.Errorf("index/coder: slot %d: %w", slot, err)
		}
		held, inGraph := x.graph.Lookup(slot)
		if isZero(row) {
			zeros++
			if inGraph {
				return fmt.Errorf("index/coder: the zero vector in slot %d is in the graph", slot)
			}
			continue
		}
		if norm := math.Sqrt(float64(dot(row, row))); math.Abs(norm-1) > 1e-4 {
			return fmt.Errorf("index/coder: slot %d has norm %g", slot, norm)
		}
		if !inGraph || &held[0] != &row[0] {
			return fmt.Errorf("index/coder: slot %d is not in the graph with its own row", slot)
		}
	}
	if zeros != x.zeros || x.graph.Len() != x.rows.n-zeros {
		return fmt.Errorf("index/coder: %d slots, %d zero (counted %d), %d in the graph",
			x.rows.n, x.zeros, zeros, x.graph.Len())
	}
	return nil
}
