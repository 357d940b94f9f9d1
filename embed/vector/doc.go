// Package vector holds the kernels that the embeddings and the indexes spend their time in: float32 dot products,
// scaled additions and small matrix products for package embed, and int8 codes with their dot products for the
// indexes.
//
// Each kernel exists as portable Go, which is the definition, and as amd64 assembly; those of integers as arm64
// assembly too. The class of kernels is chosen once, when the package is initialised, from what the processor and the
// operating system offer:
//
//	portable  plain Go, every machine
//	avx2      AVX2 and FMA
//	avx512    AVX-512 F, BW, DQ and VL, with VNNI where there is one
//	neon      NEON with the dot products of ARMv8.2, for integers alone
//
// The integer kernels give the same sums in every class. The float32 kernels differ in the last bits, because they add
// in a different order and fuse multiplications: results are bit-identical within a class, whatever the alignment of
// the slices, and close across classes. Class says which one is in use.
//
// Slices given to one call must have the lengths that its comment demands and must not overlap unless it says so. All
// functions are safe for concurrent use on distinct destinations; Limit is not.
package vector
