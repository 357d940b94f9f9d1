package vector

// TenthGreatest writes the tenth greatest value of each column of a matrix of n rows of n to dst, or 0 if that is less
// or there is none.
func TenthGreatest(dst, matrix []float32, n int) {
	dst, matrix = dst[:n], matrix[:n*n]
	if n < tenthLanes || !tenthIsFast() {
		tenthPortable(dst, matrix, n)
		return
	}
	for at := 0; at < n; at += tenthLanes {
		column := min(at, n-tenthLanes) // the last ones overlap those before
		tenthOfLanes(dst[column:], matrix[column:], n)
	}
}

// tenthLanes is the number of columns that are looked through together.
const tenthLanes = 16

func tenthPortable(dst, matrix []float32, n int) {
	for column := range dst {
		var best [10]float32 // falling
		for at := column; at < len(matrix); at += n {
			value := matrix[at]
			for i := 0; value > best[9]; i++ {
				if value > best[i] {
					best[i], value = value, best[i]
				}
			}
		}
		dst[column] = best[9]
	}
}
