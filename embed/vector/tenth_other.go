//go:build !amd64

package vector

func tenthIsFast() bool { return false }

func tenthOfLanes(_, _ []float32, _ int) { panic("vector: no lanes here") }
