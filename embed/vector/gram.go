package vector

// gramTile is the number of rows on each side of a tile of products that are computed together.
const gramTile = 4

// products are those of four rows with four others.
type products [gramTile][gramTile]float32

// Gram writes the products of n rows with one another to dst, row by row: dst[i*n+j] is Dot of rows i and j but for
// rounding, and equals dst[j*n+i]. The rows, of dims elements each, lie one behind the other.
func Gram(dst, rows []float32, n, dims int) {
	dst, rows = dst[:n*n], rows[:n*dims]
	if n < gramTile || dims < 1 || !gramIsTiled(dims) {
		gramPortable(dst, rows, n, dims)
		return
	}
	var tile products
	for at := 0; at < n; at += gramTile {
		i := min(at, n-gramTile) // the last tiles overlap those before
		for beside := 0; beside <= at; beside += gramTile {
			j := min(beside, n-gramTile)
			gramOfTile(&tile, rows[i*dims:], rows[j*dims:], dims)
			for k := range gramTile {
				*(*[gramTile]float32)(dst[(i+k)*n+j:]) = tile[k]
				*(*[gramTile]float32)(dst[(j+k)*n+i:]) = [...]float32{tile[0][k], tile[1][k], tile[2][k], tile[3][k]}
			}
		}
	}
}

// gramPortable is Gram by one product after the other.
func gramPortable(dst, rows []float32, n, dims int) {
	for i := range n {
		for j := range i + 1 {
			product := Dot(rows[i*dims:(i+1)*dims], rows[j*dims:(j+1)*dims])
			dst[i*n+j], dst[j*n+i] = product, product
		}
	}
}
