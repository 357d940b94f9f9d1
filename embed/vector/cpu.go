package vector

import "golang.org/x/sys/cpu"

// What the kernels may use. Set at initialisation; only Limit changes them later.
var (
	hasAVX2   = haveAVX2   // AVX2 and FMA
	hasAVX512 = haveAVX512 // AVX-512 F, BW, DQ, VL; implies hasAVX2
	hasVNNI   = haveVNNI   // AVX-512 VNNI; implies hasAVX512

	hasDotProd = haveDotProd // NEON with the dot products of ARMv8.2
)

// What the machine has. The fields of cpu.X86 are all false off amd64, those of cpu.ARM64 off arm64.
var (
	haveAVX2   = cpu.X86.HasAVX2 && cpu.X86.HasFMA
	haveAVX512 = haveAVX2 && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL
	haveVNNI   = haveAVX512 && cpu.X86.HasAVX512VNNI

	haveDotProd = cpu.ARM64.HasASIMDDP
)

// The names of the kernel classes, slowest first.
const (
	Portable = "portable"
	AVX2     = "avx2"
	AVX512   = "avx512"
	NEON     = "neon"
)

// Class names the kernels in use: Portable, AVX2, AVX512 or NEON.
func Class() string {
	switch {
	case hasAVX512:
		return AVX512
	case hasAVX2:
		return AVX2
	case hasDotProd:
		return NEON
	}
	return Portable
}

// Limit switches to the kernels of the named class, or to the best the machine has below it, and returns a function
// that undoes it. It exists for tests and measurements: no kernel may run while it or the returned function does. An
// unknown name means Portable.
func Limit(class string) (undo func()) {
	avx2, avx512, vnni, neon := hasAVX2, hasAVX512, hasVNNI, hasDotProd
	hasAVX512 = class == AVX512 && haveAVX512
	hasVNNI = hasAVX512 && haveVNNI
	hasAVX2 = (class == AVX512 || class == AVX2) && haveAVX2
	hasDotProd = class == NEON && haveDotProd
	return func() { hasAVX2, hasAVX512, hasVNNI, hasDotProd = avx2, avx512, vnni, neon }
}
