#include "textflag.h"

// Go's assembler does not know these.

// SDOT adds to each 32-bit lane of d the products of four signed bytes of n and m.
#define SDOT(m, n, d) WORD $(0x4e809400 | m<<16 | n<<5 | d)

// CMHS makes the 16-bit lanes of d all ones where n is at least m, unsigned, and else 0.
#define CMHS(m, n, d) WORD $(0x6e603c00 | m<<16 | n<<5 | d)

// UMAX leaves the greater of n and m in the 16-bit lanes of d, unsigned, and UMAXV the greatest lane of n in d.
#define UMAX(m, n, d) WORD $(0x6e606400 | m<<16 | n<<5 | d)
#define UMAXV(n, d) WORD $(0x6e70a800 | n<<5 | d)

// SUM leaves the sum of the lanes of a vector in a register.
#define SUM(v, r) \
	VADDV v.S4, v \
	VMOV v.S[0], r

// func prefetch(p unsafe.Pointer, lines int)
TEXT ·prefetch(SB), NOSPLIT, $0-16
	MOVD p+0(FP), R0
	MOVD lines+8(FP), R1
	CBZ  R1, fetched

line:
	PRFM (R0), PLDL1KEEP
	ADD  $64, R0
	SUBS $1, R1
	BNE  line

fetched:
	RET

// func dotHiNEON(row *byte, q *int8, n int) int32
TEXT ·dotHiNEON(SB), NOSPLIT, $0-28
	MOVD row+0(FP), R0
	MOVD q+8(FP), R1
	MOVD n+16(FP), R2
	MOVD $128, R3
	VDUP R3, V31.B16
	VEOR V16.B16, V16.B16, V16.B16
	VEOR V17.B16, V17.B16, V17.B16
	VEOR V18.B16, V18.B16, V18.B16
	VEOR V19.B16, V19.B16, V19.B16

dims:
	VLD1.P 64(R0), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1.P 64(R1), [V4.B16, V5.B16, V6.B16, V7.B16]
	VEOR V31.B16, V0.B16, V0.B16 // the bias taken off: signed
	VEOR V31.B16, V1.B16, V1.B16
	VEOR V31.B16, V2.B16, V2.B16
	VEOR V31.B16, V3.B16, V3.B16
	SDOT(4, 0, 16)
	SDOT(5, 1, 17)
	SDOT(6, 2, 18)
	SDOT(7, 3, 19)
	SUBS $64, R2
	BNE  dims
	VADD V17.S4, V16.S4, V16.S4
	VADD V19.S4, V18.S4, V18.S4
	VADD V18.S4, V16.S4, V16.S4
	SUM(V16, R0)
	MOVW R0, ret+24(FP)
	RET

// func dotFineNEON(coarse, fine *byte, hi, lo *int8, n int) (x, y int32)
TEXT ·dotFineNEON(SB), NOSPLIT, $0-48
	MOVD coarse+0(FP), R0
	MOVD fine+8(FP), R1
	MOVD hi+16(FP), R2
	MOVD lo+24(FP), R3
	MOVD n+32(FP), R4
	MOVD $128, R5
	VDUP R5, V31.B16
	MOVD $15, R5
	VDUP R5, V30.B16
	MOVD $8, R5
	VDUP R5, V29.B16
	VEOR V16.B16, V16.B16, V16.B16 // coarse by hi
	VEOR V17.B16, V17.B16, V17.B16 // fine by hi
	VEOR V18.B16, V18.B16, V18.B16 // coarse by lo
	VEOR V19.B16, V19.B16, V19.B16 // fine by lo

dims:
	VLD1.P 64(R0), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1.P 32(R1), [V4.B16, V5.B16]
	VLD1.P 64(R2), [V20.B16, V21.B16, V22.B16, V23.B16]
	VLD1.P 64(R3), [V24.B16, V25.B16, V26.B16, V27.B16]
	VEOR V31.B16, V0.B16, V0.B16
	VEOR V31.B16, V1.B16, V1.B16
	VEOR V31.B16, V2.B16, V2.B16
	VEOR V31.B16, V3.B16, V3.B16
	VUSHR $4, V4.B16, V6.B16 // dimensions 32 to 63
	VUSHR $4, V5.B16, V7.B16
	VAND V30.B16, V4.B16, V4.B16 // dimensions 0 to 31
	VAND V30.B16, V5.B16, V5.B16
	VSUB V29.B16, V4.B16, V4.B16
	VSUB V29.B16, V5.B16, V5.B16
	VSUB V29.B16, V6.B16, V6.B16
	VSUB V29.B16, V7.B16, V7.B16
	SDOT(20, 0, 16)
	SDOT(20, 4, 17)
	SDOT(24, 0, 18)
	SDOT(24, 4, 19)
	SDOT(21, 1, 16)
	SDOT(21, 5, 17)
	SDOT(25, 1, 18)
	SDOT(25, 5, 19)
	SDOT(22, 2, 16)
	SDOT(22, 6, 17)
	SDOT(26, 2, 18)
	SDOT(26, 6, 19)
	SDOT(23, 3, 16)
	SDOT(23, 7, 17)
	SDOT(27, 3, 18)
	SDOT(27, 7, 19)
	SUBS $64, R4
	BNE  dims
	VSHL $4, V16.S4, V16.S4 // a code is 16 times its coarse part and its fine one
	VSHL $4, V18.S4, V18.S4
	VADD V17.S4, V16.S4, V16.S4
	VADD V19.S4, V18.S4, V18.S4
	SUM(V16, R0)
	SUM(V18, R1)
	MOVW R0, x+40(FP)
	MOVW R1, y+44(FP)
	RET

// func dotInt8NEON(a, b *int8, n int) int32
TEXT ·dotInt8NEON(SB), NOSPLIT, $0-28
	MOVD a+0(FP), R0
	MOVD b+8(FP), R1
	MOVD n+16(FP), R2
	VEOR V16.B16, V16.B16, V16.B16

codes:
	VLD1.P 16(R0), [V0.B16]
	VLD1.P 16(R1), [V1.B16]
	SDOT(1, 0, 16)
	SUBS $16, R2
	BNE  codes
	SUM(V16, R0)
	MOVW R0, ret+24(FP)
	RET

// BITS leaves bytes of 16 values in low: the bit of each place where a value reaches the bound in V31, and else 0.
#define BITS(nlow, nhigh, low, high) \
	CMHS(31, nlow, nlow) \
	CMHS(31, nhigh, nhigh) \
	VUZP1 high.B16, low.B16, low.B16 \
	VAND V30.B16, low.B16, low.B16

// func atLeastNEON(masks *uint64, values *uint16, n int, bound uint16)
TEXT ·atLeastNEON(SB), NOSPLIT, $0-26
	MOVD  masks+0(FP), R0
	MOVD  values+8(FP), R1
	MOVD  n+16(FP), R2
	MOVHU bound+24(FP), R3
	VDUP  R3, V31.H8
	MOVD  $0x8040201008040201, R3
	VDUP  R3, V30.D2

word:
	VLD1.P 64(R1), [V0.H8, V1.H8, V2.H8, V3.H8]
	VLD1.P 64(R1), [V4.H8, V5.H8, V6.H8, V7.H8]
	BITS(0, 1, V0, V1)
	BITS(2, 3, V2, V3)
	BITS(4, 5, V4, V5)
	BITS(6, 7, V6, V7)
	VADDP V2.B16, V0.B16, V0.B16 // neighbours added up three times: eight bits a byte
	VADDP V6.B16, V4.B16, V4.B16
	VADDP V4.B16, V0.B16, V0.B16
	VADDP V0.B16, V0.B16, V0.B16
	VMOV V0.D[0], R3
	MOVD.P R3, 8(R0)
	SUBS $1, R2
	BNE  word
	RET

// func greatestNEON(dst, values *uint16, n int)
TEXT ·greatestNEON(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD values+8(FP), R1
	MOVD n+16(FP), R2

word:
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1.P 64(R1), [V4.B16, V5.B16, V6.B16, V7.B16]
	UMAX(1, 0, 0)
	UMAX(3, 2, 2)
	UMAX(5, 4, 4)
	UMAX(7, 6, 6)
	UMAX(2, 0, 0)
	UMAX(6, 4, 4)
	UMAX(4, 0, 0)
	UMAXV(0, 0)
	VMOV V0.H[0], R3
	MOVH R3, (R0)
	ADD  $2, R0
	SUBS $1, R2
	BNE  word
	RET
