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

// func greatestAVX2(dst, values *uint16, n int)
TEXT ·greatestAVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ values+8(FP), SI
	MOVQ n+16(FP), CX
	VPCMPEQD X15, X15, X15

word:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VPMAXUW 64(SI), Y0, Y0
	VPMAXUW 96(SI), Y1, Y1
	VPMAXUW Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPMAXUW X1, X0, X0
	VPXOR X15, X0, X0 // the greatest is the least of the complements
	VPHMINPOSUW X0, X0
	VPXOR X15, X0, X0
	VPEXTRW $0, X0, (DI)
	ADDQ $2, DI
	ADDQ $128, SI
	DECQ CX
	JNZ  word
	VZEROUPPER
	RET

// func amongAVX512(masks *uint64, values *uint16, n int, keys *uint16, m int)
TEXT ·amongAVX512(SB), NOSPLIT, $0-40
	MOVQ masks+0(FP), DI
	MOVQ values+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ keys+24(FP), R8
	MOVQ m+32(FP), R9

block:
	MOVQ $-1, AX // which of 64 values there are: the others are not read
	CMPQ CX, $64
	JGE  load
	MOVQ $1, AX
	SHLQ CX, AX
	DECQ AX

load:
	KMOVD AX, K1
	SHRQ $32, AX
	KMOVD AX, K2
	VMOVDQU16.Z (SI), K1, Z0
	VMOVDQU16.Z 64(SI), K2, Z1
	KXORD K3, K3, K3
	KXORD K4, K4, K4
	XORL AX, AX

key:
	VPBROADCASTW (R8)(AX*2), Z2
	VPCMPEQW Z2, Z0, K5
	VPCMPEQW Z2, Z1, K6
	KORD K5, K3, K3
	KORD K6, K4, K4
	INCQ AX
	CMPQ AX, R9
	JLT  key
	KANDD K1, K3, K3
	KANDD K2, K4, K4
	KMOVD K3, AX
	KMOVD K4, BX
	SHLQ $32, BX
	ORQ  BX, AX
	MOVQ AX, (DI)
	ADDQ $8, DI
	ADDQ $128, SI
	SUBQ $64, CX
	JGT  block
	VZEROUPPER
	RET
