package main

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// limitMemory sets the collector. What the environment says in GOGC and GOMEMLIMIT goes before.
func limitMemory(limit string) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if limit == "" {
		return nil
	}
	bytes, err := parseBytes(limit)
	if err != nil {
		return fmt.Errorf("--memory-limit %q: give a size such as 800MiB or 2GiB", limit)
	}
	debug.SetMemoryLimit(bytes)
	return nil
}

// parseBytes reads a size with a unit of KiB, MiB, GiB or TiB.
func parseBytes(s string) (int64, error) {
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		digits, ok := strings.CutSuffix(s, unit)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		shift := 10 * (i + 1)
		if err != nil || n <= 0 || n > math.MaxInt64>>shift {
			return 0, fmt.Errorf("%q is no size", s)
		}
		return n << shift, nil
	}
	return 0, fmt.Errorf("%q has no unit", s)
}
