package main

import "testing"

func TestGarbageIsAShareOfWhatIsAliveUpToABound(t *testing.T) {
	for alive, want := range map[uint64]int{0: 50, 100 << 20: 50, 384 << 20: 50, 768 << 20: 25, 19200 << 20: 1, 1 << 40: 1} {
		if got := garbagePercent(alive); got != want {
			t.Errorf("%d MiB alive: %d %%, want %d", alive>>20, got, want)
		}
	}
}
