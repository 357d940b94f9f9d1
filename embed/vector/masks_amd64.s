#include "textflag.h"

// BELOW makes bytes of 32 values: all ones where a value is below the bound, of which Y15 holds one less. PACKSS works
// within halves, so that the quarters lie crosswise until VPERMQ.
#define BELOW(low, high) \
	VPSUBUSW Y15, low, low \
	VPSUBUSW Y15, high, high \
	VPCMPEQW Y14, low, low \
	VPCMPEQW Y14, high, high \
	VPACKSSWB high, low, low \
	VPERMQ $0xd8, low, low

// func atLeastAVX2(masks *uint64, values *uint16, n int, bound uint16)
TEXT ·atLeastAVX2(SB), NOSPLIT, $0-26
	MOVQ masks+0(FP), DI
	MOVQ values+8(FP), SI
	MOVQ n+16(FP), CX
	MOVWLZX bound+24(FP), AX
	DECL AX
	VMOVD AX, X15
	VPBROADCASTW X15, Y15
	VPXOR Y14, Y14, Y14

word:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VMOVDQU 64(SI), Y2
	VMOVDQU 96(SI), Y3
	BELOW(Y0, Y1)
	BELOW(Y2, Y3)
	VPMOVMSKB Y0, AX
	VPMOVMSKB Y2, BX
	SHLQ $32, BX
	ORQ BX, AX
	NOTQ AX
	MOVQ AX, (DI)
	ADDQ $8, DI
	ADDQ $128, SI
	DECQ CX
	JNZ  word
	VZEROUPPER
	RET
