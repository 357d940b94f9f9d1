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

// parseBytes reads a size as the runtime reads GOMEMLIMIT: digits, then B, KiB, MiB, GiB, TiB, or nothing for bytes.
func parseBytes(s string) (int64, error) {
	digits, shift := strings.TrimSuffix(s, "B"), 0
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if before, ok := strings.CutSuffix(s, unit); ok {
			digits, shift = before, 10*(i+1)
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n == 0 || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is no size", s)
	}
	return int64(n) << shift, nil
}
