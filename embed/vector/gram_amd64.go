package vector

func gramIsTiled(dims int) bool { return hasAVX512 && dims%16 == 0 }

func gramOfTile(tile *products, a, b []float32, dims int) {
	_, _ = a[gramTile*dims-1], b[gramTile*dims-1]
	gramTileAVX512(tile, &a[0], &b[0], dims)
}

// gramTileAVX512 computes the products of four rows with four others. dims is a multiple of 16, not 0.
//
//go:noescape
func gramTileAVX512(tile *products, a, b *float32, dims int)
