//go:build !amd64 && !arm64

package vector

func atLeast(masks []uint64, values []uint16, bound uint16) { atLeastPortable(masks, values, bound) }
