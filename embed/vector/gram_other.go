//go:build !amd64

package vector

func gramIsTiled(int) bool { return false }

func gramOfTile(*products, []float32, []float32, int) { panic("vector: no tiles here") }
