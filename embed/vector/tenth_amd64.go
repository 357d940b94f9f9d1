package vector

func tenthIsFast() bool { return hasAVX512 }

func tenthOfLanes(dst, columns []float32, n int) {
	_, _ = dst[tenthLanes-1], columns[n*(n-1)+tenthLanes-1]
	tenthAVX512(&dst[0], &columns[0], n)
}

// tenthAVX512 looks through sixteen columns of a matrix of n rows of n, not 0.
//
//go:noescape
func tenthAVX512(dst, columns *float32, n int)
