/*
 * expect: exit=0
 * Double faults and error codes in 32-bit protected mode: benign, contributory and page-fault classes,
 * a double fault through a task gate, and stacks that cannot take a frame (Intel SDM vol. 3A 6.13,
 * 6.15).
 */
#include "guest.h"
#define TSS_DF FREE
#define T 0x9000
start:
	enter_protected

	/* A benign exception that cannot be delivered: the second one is. */
	movb $0x0e, IDT + 8 * 6 + 5
	EXPECT(11, (6 * 8 + 3), ud2)
	movb $0x8e, IDT + 8 * 6 + 5
	/* Contributory after contributory: double. */
	movb $0x0e, IDT + 8 * 13 + 5
	mov $0x1000, %eax
	EXPECT(8, 0, mov %eax, %es)
	xor %ecx, %ecx
	movb $0x0e, IDT + 5
	EXPECT(8, 0, div %ecx)
	movb $0x8e, IDT + 5
	movb $0x8e, IDT + 8 * 13 + 5
	/* Software interrupts are benign, and their errors have no EXT. */
	movb $0x0e, IDT + 8 * 3 + 5
	EXPECT(11, (3 * 8 + 2), int3)
	movb $0x8e, IDT + 8 * 3 + 5
	EXPECT(13, (0x60 * 8 + 2), int $0x60)

	/* A gate to data, to nothing, to inner code from outer code. */
	movw $DATA32, IDT + 8 * 6 + 2
	EXPECT(13, (DATA32 + 1), ud2)
	movw $0, IDT + 8 * 6 + 2
	EXPECT(13, 1, ud2)
	movw $0x1000, IDT + 8 * 6 + 2
	EXPECT(13, 0x1001, ud2)
	movw $USER32, IDT + 8 * 6 + 2
	EXPECT(13, (USER32 - 3 + 1), ud2)
	movw $CODE32, IDT + 8 * 6 + 2

	/* A bad stack for level 0: #TS with EXT, whose own delivery meets the same stack: double, by a
	   task gate with a stack of its own. */
	DESCRIPTOR(TSS_DF, 0x67, T, 0x89, 0)
	mov $T, %edi
	xor %eax, %eax
	mov $26, %ecx
	rep stosl
	movl $on_double, T + 32
	movl $2, T + 36
	movl $0xa000, T + 56
	movl $DATA32, T + 72
	movl $CODE32, T + 76
	movl $DATA32, T + 80
	movl $DATA32, T + 84
	movl $(TSS_DF << 16), IDT + 8 * 8
	movl $0x8500, IDT + 8 * 8 + 4
	to_user32
	movl $USERDATA, TSS + 8
	ud2
	FAIL
on_double:
	cmpl $0, (%esp)
	CHECK(e)
	cmpw $TSSSEL, T
	CHECK(e)
	/* The image of the program, as the fault found it. */
	cmpl $USER32, TSS + 76
	CHECK(e)
	PASS
