//go:build !amd64 && !arm64

package vector

func atLeast(masks []uint64, values []uint16, bound uint16) { atLeastPortable(masks, values, bound) }

func greatest(dst, values []uint16) { greatestPortable(dst, values) }

func among(masks []uint64, values, keys []uint16) { amongPortable(masks, values, keys) }

// AmongIsFast reports whether Among compares many values at a time.
func AmongIsFast() bool { return false }
