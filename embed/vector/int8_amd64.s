#include "textflag.h"

// Registers shared by the list kernels:
//	DI dst   SI query   R8 table of blocks (24-byte slice headers)   R9 slots   CX rows left
//	R10 stride   R13 offset of the scales in a block   AX BX DX free
// Four rows go through a loop together: R11 R12 R14 R15.

// ROW takes the slot at off(R9) to its address in row and its scale's address in BX+4*DX.
#define ROW(off, row) \
	MOVL off(R9), AX \
	MOVL AX, DX \
	SHRL $12, AX \
	ANDL $4095, DX \
	LEAQ (AX)(AX*2), AX \
	MOVQ (R8)(AX*8), row \
	LEAQ (row)(R13*1), BX \
	LEAQ (BX)(DX*4), BX \
	IMULQ R10, DX \
	ADDQ DX, row

// DOT4Z adds to Z0-Z3 the products of the rows with the query.
#define DOT4Z(label) \
	VPXORD Z0, Z0, Z0 \
	VPXORD Z1, Z1, Z1 \
	VPXORD Z2, Z2, Z2 \
	VPXORD Z3, Z3, Z3 \
	XORL AX, AX \
label: \
	VMOVDQU64 (SI)(AX*1), Z4 \
	VMOVDQU64 (R11)(AX*1), Z5 \
	VMOVDQU64 (R12)(AX*1), Z6 \
	VMOVDQU64 (R14)(AX*1), Z7 \
	VMOVDQU64 (R15)(AX*1), Z8 \
	VPDPBUSD Z4, Z5, Z0 \
	VPDPBUSD Z4, Z6, Z1 \
	VPDPBUSD Z4, Z7, Z2 \
	VPDPBUSD Z4, Z8, Z3 \
	ADDQ $64, AX \
	CMPQ AX, R10 \
	JLT label \
	VEXTRACTI64X4 $1, Z0, Y5 \
	VEXTRACTI64X4 $1, Z1, Y6 \
	VEXTRACTI64X4 $1, Z2, Y7 \
	VEXTRACTI64X4 $1, Z3, Y8 \
	VPADDD Y5, Y0, Y0 \
	VPADDD Y6, Y1, Y1 \
	VPADDD Y7, Y2, Y2 \
	VPADDD Y8, Y3, Y3

// SEQZ adds to acc the products of a row with the query.
#define SEQZ(row, acc, label) \
	VPXORD acc, acc, acc \
	XORL AX, AX \
label: \
	VMOVDQU64 (SI)(AX*1), Z4 \
	VMOVDQU64 (row)(AX*1), Z5 \
	VPDPBUSD Z4, Z5, acc \
	ADDQ $64, AX \
	CMPQ AX, R10 \
	JLT label

// RUN4Z is DOT4Z for rows that follow each other, read from first to last byte: taken in turns, as DOT4Z does, they keep the
// processor from reading ahead, and a scan of memory takes 1.6 times as long.
#define RUN4Z(label1, label2, label3, label4) \
	SEQZ(R11, Z0, label1) \
	SEQZ(R12, Z1, label2) \
	SEQZ(R14, Z2, label3) \
	SEQZ(R15, Z3, label4) \
	VEXTRACTI64X4 $1, Z0, Y5 \
	VEXTRACTI64X4 $1, Z1, Y6 \
	VEXTRACTI64X4 $1, Z2, Y7 \
	VEXTRACTI64X4 $1, Z3, Y8 \
	VPADDD Y5, Y0, Y0 \
	VPADDD Y6, Y1, Y1 \
	VPADDD Y7, Y2, Y2 \
	VPADDD Y8, Y3, Y3

// DOT1Z leaves in Y0 the products of the row R11 with the query.
#define DOT1Z(label) \
	VPXORD Z0, Z0, Z0 \
	XORL AX, AX \
label: \
	VMOVDQU64 (SI)(AX*1), Z4 \
	VMOVDQU64 (R11)(AX*1), Z5 \
	VPDPBUSD Z4, Z5, Z0 \
	ADDQ $64, AX \
	CMPQ AX, R10 \
	JLT label \
	VEXTRACTI64X4 $1, Z0, Y5 \
	VPADDD Y5, Y0, Y0

// DOT4Y and DOT1Y are the same for AVX2: rows zero-extended, the query sign-extended to 16 bits.
#define STEPY(row, acc) \
	VPMOVZXBW (row)(AX*1), Y5 \
	VPMADDWD Y4, Y5, Y5 \
	VPADDD Y5, acc, acc

#define DOT4Y(label) \
	VPXOR Y0, Y0, Y0 \
	VPXOR Y1, Y1, Y1 \
	VPXOR Y2, Y2, Y2 \
	VPXOR Y3, Y3, Y3 \
	XORL AX, AX \
label: \
	VPMOVSXBW (SI)(AX*1), Y4 \
	STEPY(R11, Y0) \
	STEPY(R12, Y1) \
	STEPY(R14, Y2) \
	STEPY(R15, Y3) \
	ADDQ $16, AX \
	CMPQ AX, R10 \
	JLT label

#define DOT1Y(label) \
	VPXOR Y0, Y0, Y0 \
	XORL AX, AX \
label: \
	VPMOVSXBW (SI)(AX*1), Y4 \
	STEPY(R11, Y0) \
	ADDQ $16, AX \
	CMPQ AX, R10 \
	JLT label

// SUM4 turns the sums of Y0-Y3 into four scores: scales in X10, bias in X12, the query's scale in X13.
#define SUM4 \
	VPHADDD Y1, Y0, Y0 \
	VPHADDD Y3, Y2, Y2 \
	VPHADDD Y2, Y0, Y0 \
	VEXTRACTI128 $1, Y0, X5 \
	VPADDD X5, X0, X0 \
	VPSUBD X12, X0, X0 \
	VCVTDQ2PS X0, X0 \
	VMULPS X10, X0, X0 \
	VMULPS X13, X0, X0 \
	VMOVUPS X0, (DI)

// SUM1 turns the sums of Y0 into one score.
#define SUM1 \
	VEXTRACTI128 $1, Y0, X5 \
	VPADDD X5, X0, X0 \
	VPHADDD X0, X0, X0 \
	VPHADDD X0, X0, X0 \
	VPSUBD X12, X0, X0 \
	VCVTDQ2PS X0, X0 \
	VMULSS X10, X0, X0 \
	VMULSS X13, X0, X0 \
	VMOVSS X0, (DI)

#define LIST4 \
	ROW(0, R11) \
	VMOVSS (BX), X10 \
	ROW(4, R12) \
	VINSERTPS $0x10, (BX), X10, X10 \
	ROW(8, R14) \
	VINSERTPS $0x20, (BX), X10, X10 \
	ROW(12, R15) \
	VINSERTPS $0x30, (BX), X10, X10

// ASK asks for all rows of a list and their scales, R9 the slots and CX their number, and leaves both as they were. The
// second-level cache takes many more requests at once than the first, which rows that are read without it wait for.
#define ASK(label1, label2) \
	MOVQ R9, R14 \
	MOVQ CX, R15 \
label1: \
	ROW(0, R11) \
	PREFETCHT1 (BX) \
	MOVQ R10, AX \
label2: \
	PREFETCHT1 (R11) \
	ADDQ $64, R11 \
	SUBQ $64, AX \
	JG label2 \
	ADDQ $4, R9 \
	DECQ R15 \
	JNZ label1 \
	MOVQ R14, R9

// func coarseVNNI(dst *float32, hi *int8, blocks *[]byte, slots *uint32, n, stride int, bias int32, scale float32)
TEXT ·coarseVNNI(SB), NOSPLIT, $0-56
	MOVQ dst+0(FP), DI
	MOVQ hi+8(FP), SI
	MOVQ blocks+16(FP), R8
	MOVQ slots+24(FP), R9
	MOVQ n+32(FP), CX
	MOVQ stride+40(FP), R10
	MOVL bias+48(FP), AX
	VMOVD AX, X12
	VPBROADCASTD X12, X12
	VBROADCASTSS scale+52(FP), X13
	MOVQ R10, R13
	SHLQ $12, R13
	ASK(ask, ask_lines)
	SUBQ $4, CX
	JLT  tail

four:
	LIST4
	DOT4Z(four_dims)
	SUM4
	ADDQ $16, DI
	ADDQ $16, R9
	SUBQ $4, CX
	JGE  four

tail:
	ADDQ $4, CX
	JZ   done

one:
	ROW(0, R11)
	VMOVSS (BX), X10
	DOT1Z(one_dims)
	SUM1
	ADDQ $4, DI
	ADDQ $4, R9
	DECQ CX
	JNZ  one

done:
	VZEROUPPER
	RET

// func coarseAVX2(dst *float32, hi *int8, blocks *[]byte, slots *uint32, n, stride int, bias int32, scale float32)
TEXT ·coarseAVX2(SB), NOSPLIT, $0-56
	MOVQ dst+0(FP), DI
	MOVQ hi+8(FP), SI
	MOVQ blocks+16(FP), R8
	MOVQ slots+24(FP), R9
	MOVQ n+32(FP), CX
	MOVQ stride+40(FP), R10
	MOVL bias+48(FP), AX
	VMOVD AX, X12
	VPBROADCASTD X12, X12
	VBROADCASTSS scale+52(FP), X13
	MOVQ R10, R13
	SHLQ $12, R13
	ASK(ask, ask_lines)
	SUBQ $4, CX
	JLT  tail

four:
	LIST4
	DOT4Y(four_dims)
	SUM4
	ADDQ $16, DI
	ADDQ $16, R9
	SUBQ $4, CX
	JGE  four

tail:
	ADDQ $4, CX
	JZ   done

one:
	ROW(0, R11)
	VMOVSS (BX), X10
	DOT1Y(one_dims)
	SUM1
	ADDQ $4, DI
	ADDQ $4, R9
	DECQ CX
	JNZ  one

done:
	VZEROUPPER
	RET

#define RUN4 \
	LEAQ (R11)(R10*1), R12 \
	LEAQ (R12)(R10*1), R14 \
	LEAQ (R14)(R10*1), R15 \
	VMOVUPS (R9), X10

// func coarseRunVNNI(dst *float32, hi *int8, rows, scales *byte, n, stride int, bias int32, scale float32)
TEXT ·coarseRunVNNI(SB), NOSPLIT, $0-56
	MOVQ dst+0(FP), DI
	MOVQ hi+8(FP), SI
	MOVQ rows+16(FP), R11
	MOVQ scales+24(FP), R9
	MOVQ n+32(FP), CX
	MOVQ stride+40(FP), R10
	MOVL bias+48(FP), AX
	VMOVD AX, X12
	VPBROADCASTD X12, X12
	VBROADCASTSS scale+52(FP), X13
	SUBQ $4, CX
	JLT  tail

four:
	RUN4
	RUN4Z(first, second, third, fourth)
	SUM4
	LEAQ (R15)(R10*1), R11
	ADDQ $16, DI
	ADDQ $16, R9
	SUBQ $4, CX
	JGE  four

tail:
	ADDQ $4, CX
	JZ   done

one:
	VMOVSS (R9), X10
	DOT1Z(one_dims)
	SUM1
	ADDQ R10, R11
	ADDQ $4, DI
	ADDQ $4, R9
	DECQ CX
	JNZ  one

done:
	VZEROUPPER
	RET

// func coarseRunAVX2(dst *float32, hi *int8, rows, scales *byte, n, stride int, bias int32, scale float32)
TEXT ·coarseRunAVX2(SB), NOSPLIT, $0-56
	MOVQ dst+0(FP), DI
	MOVQ hi+8(FP), SI
	MOVQ rows+16(FP), R11
	MOVQ scales+24(FP), R9
	MOVQ n+32(FP), CX
	MOVQ stride+40(FP), R10
	MOVL bias+48(FP), AX
	VMOVD AX, X12
	VPBROADCASTD X12, X12
	VBROADCASTSS scale+52(FP), X13
	SUBQ $4, CX
	JLT  tail

four:
	RUN4
	DOT4Y(four_dims)
	SUM4
	LEAQ (R15)(R10*1), R11
	ADDQ $16, DI
	ADDQ $16, R9
	SUBQ $4, CX
	JGE  four

tail:
	ADDQ $4, CX
	JZ   done

one:
	VMOVSS (R9), X10
	DOT1Y(one_dims)
	SUM1
	ADDQ R10, R11
	ADDQ $4, DI
	ADDQ $4, R9
	DECQ CX
	JNZ  one

done:
	VZEROUPPER
	RET

// FINEROW takes the slot at (R9) to its coarse row R11, its fine row R12 and its scale X10. R15 is the fine table, R14 the
// query's low plane.
#define FINEROW \
	MOVL (R9), AX \
	MOVL AX, DX \
	SHRL $12, AX \
	ANDL $4095, DX \
	LEAQ (AX)(AX*2), AX \
	MOVQ (R8)(AX*8), R11 \
	MOVQ (R15)(AX*8), R12 \
	LEAQ (R11)(R13*1), BX \
	VMOVSS (BX)(DX*4), X10 \
	IMULQ R10, DX \
	ADDQ DX, R11 \
	SHRQ $1, DX \
	ADDQ DX, R12

// SUMFINE turns the sums of Y0 (high plane of the query) and Y1 (low plane) into one score; X15 holds 256.
#define SUMFINE \
	VPHADDD Y1, Y0, Y0 \
	VPHADDD Y0, Y0, Y0 \
	VEXTRACTI128 $1, Y0, X5 \
	VPADDD X5, X0, X0 \
	VPSRLQ $32, X0, X1 \
	VPSUBD X12, X0, X0 \
	VPSUBD X13, X1, X1 \
	VCVTDQ2PS X0, X0 \
	VCVTDQ2PS X1, X1 \
	VMULSS X15, X0, X0 \
	VADDSS X1, X0, X0 \
	VMULSS X10, X0, X0 \
	VMULSS X14, X0, X0 \
	VMOVSS X0, (DI)

// func fineVNNI(dst *float32, hi, lo *int8, coarseBlocks, fineBlocks *[]byte, slots *uint32, n, stride int, biasHi, biasLo int32, step float32)
TEXT ·fineVNNI(SB), NOSPLIT, $0-76
	MOVQ dst+0(FP), DI
	MOVQ hi+8(FP), SI
	MOVQ lo+16(FP), R14
	MOVQ coarseBlocks+24(FP), R8
	MOVQ fineBlocks+32(FP), R15
	MOVQ slots+40(FP), R9
	MOVQ n+48(FP), CX
	MOVQ stride+56(FP), R10
	MOVL biasHi+64(FP), AX
	VMOVD AX, X12
	MOVL biasLo+68(FP), AX
	VMOVD AX, X13
	VMOVSS step+72(FP), X14
	MOVL $0x43800000, AX
	VMOVD AX, X15
	MOVQ R10, R13
	SHLQ $12, R13
	MOVL $0x0f0f0f0f, AX
	VPBROADCASTD AX, Z11

row:
	FINEROW
	VPXORD Z0, Z0, Z0
	VPXORD Z1, Z1, Z1
	VPXORD Z2, Z2, Z2
	VPXORD Z3, Z3, Z3
	XORL AX, AX
	MOVQ R12, BX

dims:
	VMOVDQU64 (R11)(AX*1), Z4
	VMOVDQU (BX), Y5
	VPSRLW $4, Y5, Y6
	VINSERTI64X4 $1, Y6, Z5, Z5
	VPANDD Z11, Z5, Z5
	VMOVDQU64 (SI)(AX*1), Z7
	VMOVDQU64 (R14)(AX*1), Z8
	VPDPBUSD Z7, Z4, Z0
	VPDPBUSD Z8, Z4, Z1
	VPDPBUSD Z7, Z5, Z2
	VPDPBUSD Z8, Z5, Z3
	ADDQ $32, BX
	ADDQ $64, AX
	CMPQ AX, R10
	JLT  dims
	VPSLLD $4, Z0, Z0
	VPSLLD $4, Z1, Z1
	VPADDD Z2, Z0, Z0
	VPADDD Z3, Z1, Z1
	VEXTRACTI64X4 $1, Z0, Y5
	VEXTRACTI64X4 $1, Z1, Y6
	VPADDD Y5, Y0, Y0
	VPADDD Y6, Y1, Y1
	SUMFINE
	ADDQ $4, DI
	ADDQ $4, R9
	DECQ CX
	JNZ  row
	VZEROUPPER
	RET

// STEPFINE adds 16 dimensions: coarse bytes at off(R11)(AX*1), nibbles in Y6 as words.
#define STEPFINE(off) \
	VPMOVZXBW off(R11)(AX*1), Y4 \
	VPSLLW $4, Y4, Y4 \
	VPADDW Y6, Y4, Y4 \
	VPMOVSXBW off(SI)(AX*1), Y7 \
	VPMOVSXBW off(R14)(AX*1), Y8 \
	VPMADDWD Y7, Y4, Y7 \
	VPMADDWD Y8, Y4, Y8 \
	VPADDD Y7, Y0, Y0 \
	VPADDD Y8, Y1, Y1

// func fineAVX2(dst *float32, hi, lo *int8, coarseBlocks, fineBlocks *[]byte, slots *uint32, n, stride int, biasHi, biasLo int32, step float32)
TEXT ·fineAVX2(SB), NOSPLIT, $0-76
	MOVQ dst+0(FP), DI
	MOVQ hi+8(FP), SI
	MOVQ lo+16(FP), R14
	MOVQ coarseBlocks+24(FP), R8
	MOVQ fineBlocks+32(FP), R15
	MOVQ slots+40(FP), R9
	MOVQ n+48(FP), CX
	MOVQ stride+56(FP), R10
	MOVL biasHi+64(FP), AX
	VMOVD AX, X12
	MOVL biasLo+68(FP), AX
	VMOVD AX, X13
	VMOVSS step+72(FP), X14
	MOVL $0x43800000, AX
	VMOVD AX, X15
	MOVQ R10, R13
	SHLQ $12, R13
	MOVL $0x000f000f, AX
	VMOVD AX, X11
	VPBROADCASTD X11, Y11

row:
	FINEROW
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	XORL AX, AX
	MOVQ R12, BX

dims:
	VPMOVZXBW (BX), Y5
	VPAND Y11, Y5, Y6
	STEPFINE(0)
	VPSRLW $4, Y5, Y6
	STEPFINE(32)
	VPMOVZXBW 16(BX), Y5
	VPAND Y11, Y5, Y6
	STEPFINE(16)
	VPSRLW $4, Y5, Y6
	STEPFINE(48)
	ADDQ $32, BX
	ADDQ $64, AX
	CMPQ AX, R10
	JLT  dims
	SUMFINE
	ADDQ $4, DI
	ADDQ $4, R9
	DECQ CX
	JNZ  row
	VZEROUPPER
	RET

// func prefetch(p unsafe.Pointer, lines int)
TEXT ·prefetch(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), AX
	MOVQ lines+8(FP), CX

line:
	PREFETCHT0 (AX)
	ADDQ $64, AX
	DECQ CX
	JG   line
	RET
