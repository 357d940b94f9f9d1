#include "textflag.h"

// PLACE keeps the greater of Z16 and BEST in BEST, and the other one in Z16, which is looked at further.
#define PLACE(BEST) \
	VMAXPS  Z16, BEST, Z17 \
	VMINPS  Z16, BEST, Z16 \
	VMOVAPS Z17, BEST

// func tenthAVX512(dst, columns *float32, n int)
TEXT ·tenthAVX512(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ columns+8(FP), SI
	MOVQ n+16(FP), CX
	LEAQ (CX*4), R8
	VXORPS X0, X0, X0
	VXORPS X1, X1, X1
	VXORPS X2, X2, X2
	VXORPS X3, X3, X3
	VXORPS X4, X4, X4
	VXORPS X5, X5, X5
	VXORPS X6, X6, X6
	VXORPS X7, X7, X7
	VXORPS X8, X8, X8
	VXORPS X9, X9, X9

tenthRow:
	VMOVUPS (SI), Z16
	PLACE(Z0)
	PLACE(Z1)
	PLACE(Z2)
	PLACE(Z3)
	PLACE(Z4)
	PLACE(Z5)
	PLACE(Z6)
	PLACE(Z7)
	PLACE(Z8)
	VMAXPS Z16, Z9, Z9
	ADDQ R8, SI
	DECQ CX
	JNZ  tenthRow
	VMOVUPS Z9, (DI)
	VZEROUPPER
	RET
