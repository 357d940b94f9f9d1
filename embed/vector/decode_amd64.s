#include "textflag.h"

// CODES16 writes sixteen dimensions: the coarse bytes at COARSE, the nibbles in Z1.
#define CODES16(COARSE, DST) \
	VPMOVZXBD COARSE, Z2 \
	VPSLLD    $4, Z2, Z2 \
	VPADDD    Z1, Z2, Z2 \
	VPSUBD    Z31, Z2, Z2 \
	VCVTDQ2PS Z2, Z2 \
	VMULPS    Z30, Z2, Z2 \
	VMOVUPS   Z2, DST

// func decodeAVX512(dst *float32, coarse, fine *byte, n int, scale float32)
TEXT ·decodeAVX512(SB), NOSPLIT, $0-36
	MOVQ dst+0(FP), DI
	MOVQ coarse+8(FP), SI
	MOVQ fine+16(FP), DX
	MOVQ n+24(FP), CX
	VBROADCASTSS scale+32(FP), Z30
	MOVL $2056, AX        // codeBias
	VPBROADCASTD AX, Z31
	MOVL $15, AX
	VPBROADCASTD AX, Z29

decode64:
	VPMOVZXBD (DX), Z0
	VPANDD Z29, Z0, Z1
	CODES16((SI), (DI))
	VPSRLD $4, Z0, Z1
	CODES16(32(SI), 128(DI))
	VPMOVZXBD 16(DX), Z0
	VPANDD Z29, Z0, Z1
	CODES16(16(SI), 64(DI))
	VPSRLD $4, Z0, Z1
	CODES16(48(SI), 192(DI))
	ADDQ $64, SI
	ADDQ $32, DX
	ADDQ $256, DI
	SUBQ $64, CX
	JNZ  decode64
	VZEROUPPER
	RET
