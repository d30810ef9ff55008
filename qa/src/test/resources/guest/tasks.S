/*
 * expect: exit=0
 * Task switches by JMP, CALL, IRET and task gates, 32- and 16-bit TSS (Intel SDM vol. 3A 7).
 */
#include "guest.h"
#define TSS_B FREE
#define TSS_C (FREE + 8)
#define TASKGATE (FREE + 16)
#define TSS_16 (FREE + 24)
#define ROM16 (FREE + 32)
#define TSS_NP (FREE + 40)
#define TSS_SHORT (FREE + 48)
#define B 0x9000
#define C 0x9100
#define T16 0x9200
	.macro task at, entry, stack
	mov $\at, %edi
	xor %eax, %eax
	mov $26, %ecx
	rep stosl
	movl $\entry, \at + 32
	movl $0x2, \at + 36
	movl $\stack, \at + 56
	movl $DATA32, \at + 72
	movl $CODE32, \at + 76
	movl $DATA32, \at + 80
	movl $DATA32, \at + 84
	movl $\stack, \at + 4
	movl $DATA32, \at + 8
	movw $0x68, \at + 102
	.endm
start:
	enter_protected
	DESCRIPTOR(TSS_B, 0x67, B, 0x89, 0)
	DESCRIPTOR(TSS_C, 0x67, C, 0x89, 0)
	DESCRIPTOR(TSS_16, 0x2b, T16, 0x81, 0)
	DESCRIPTOR(ROM16, 0xffff, 0xf0000, 0x9a, 0x40)
	DESCRIPTOR(TSS_NP, 0x67, C, 0x09, 0)
	DESCRIPTOR(TSS_SHORT, 0x66, C, 0x89, 0)
	movl $(TSS_B << 16), GDT + TASKGATE
	movl $0x8500, GDT + TASKGATE + 4
	task B, task_b, 0xa000
	task C, task_c, 0xa400

	/* Errors leave the task as it is. */
	EXPECT(13, TSSSEL, ljmp $TSSSEL, $0)
	EXPECT(11, TSS_NP, ljmp $TSS_NP, $0)
	EXPECT(10, TSS_SHORT, ljmp $TSS_SHORT, $0)
	EXPECT(13, (TSS_B + 4), lcall $(TSS_B + 4), $0)
	str %eax
	cmp $TSSSEL, %eax
	CHECK(e)

	/* CALL: linked back, both busy, NT in the new task, CR0.TS set. */
	clts
	mov $0x1234567, %ebx
	mov $0x7654321, %esi
	stc
	lcall $TSS_B, $0
	CHECK(c)
	cmp $0x1234567, %ebx
	CHECK(e)
	cmp $0x7654321, %esi
	CHECK(e)
	mov %cr0, %eax
	test $8, %al
	CHECK(nz)
	str %eax
	cmp $TSSSEL, %eax
	CHECK(e)
	cmpb $0x89, GDT + TSS_B + 5
	CHECK(e)
	cmpb $0x8b, GDT + TSSSEL + 5
	CHECK(e)
	pushf
	testl $0x4000, (%esp)
	CHECK(z)
	popf
	/* The saved image of B: after its IRET, NT clear. */
	cmpl $task_b_again, B + 32
	CHECK(e)
	testl $0x4000, B + 36
	CHECK(z)
	/* Through the task gate B goes on where it was. */
	lcall $TASKGATE, $0
	cmpl $2, SCRATCH
	CHECK(e)

	/* JMP to C, which jumps back: no link, no NT, old one available. */
	ljmp $TSS_C, $0
	cmpl $0xc0, SCRATCH
	CHECK(e)
	cmpb $0x89, GDT + TSS_C + 5
	CHECK(e)
	cmpb $0x8b, GDT + TSSSEL + 5
	CHECK(e)

	/* An interrupt through a task gate, and an exception with an error code. */
	movl $(TSS_B << 16), IDT + 8 * 0x44
	movl $0x8500, IDT + 8 * 0x44 + 4
	task B, task_int, 0xa000
	int $0x44
	cmpl $0x44, SCRATCH
	CHECK(e)
	movl IDT + 8 * 13, %esi
	movl IDT + 8 * 13 + 4, %edi
	movl $(TSS_B << 16), IDT + 8 * 13
	movl $0x8500, IDT + 8 * 13 + 4
	task B, task_gp, 0xa000
	mov $0x1000, %eax
	movl $1f, SCRATCH + 8
	mov %eax, %fs
	FAIL
1:	cmpl $0x1000, SCRATCH
	CHECK(e)
	movl IDT + 8 * 14, %eax
	movl $stubs32 + 13 * 16, %eax
	mov %ax, IDT + 8 * 13
	movw $CODE32, IDT + 8 * 13 + 2
	movw $0x8e00, IDT + 8 * 13 + 4
	shr $16, %eax
	mov %ax, IDT + 8 * 13 + 6

	/* IRET with NT and a bad link. */
	movw $CODE32, TSS
	pushf
	orl $0x4000, (%esp)
	popf
	movl $TSSSEL, %eax
	EXPECT(10, CODE32, iret)
	pushf
	andl $~0x4000, (%esp)
	popf
	movw $TSS_C, TSS
	pushf
	orl $0x4000, (%esp)
	popf
	EXPECT(10, TSS_C, iret)
	pushf
	andl $~0x4000, (%esp)
	popf

	/* A fault while the new task is loaded belongs to it: bad SS is #TS there. */
	task B, task_b, 0xa000
	movl $0x1000, B + 80
	movl IDT + 8 * 10, %esi
	movl IDT + 8 * 10 + 4, %edi
	movl $(TSS_C << 16), IDT + 8 * 10
	movl $0x8500, IDT + 8 * 10 + 4
	task C, task_ts, 0xa400
	lcall $TSS_B, $0
	cmpl $0x1000, SCRATCH
	CHECK(e)
	cmpl $TSS_B, SCRATCH + 4
	CHECK(e)
	mov %esi, IDT + 8 * 10
	mov %edi, IDT + 8 * 10 + 4

	/* A 16-bit task and back. */
	movb $0x89, GDT + TSS_B + 5
	movb $0x89, GDT + TSS_C + 5
	mov $T16, %edi
	xor %eax, %eax
	mov $11, %ecx
	rep stosl
	movw $(task_16 - 0xf0000), T16 + 14
	movw $2, T16 + 16
	movw $0xa800, T16 + 26
	movw $0x1616, T16 + 18
	movw $DATA32, T16 + 34
	movw $ROM16, T16 + 36
	movw $DATA32, T16 + 38
	movw $DATA32, T16 + 40
	mov $0x5a5aa5a5, %ebx
	lcall $TSS_16, $0
	cmp $0x5a5aa5a5, %ebx
	CHECK(e)
	cmpl $0x1616, SCRATCH
	CHECK(e)
	cmpw $0xbeef, T16 + 18
	CHECK(e)

	/* The T bit traps before the first instruction of the new task. */
	task C, task_c_trap, 0xa400
	movw $1, C + 100
	movl $task_c_trapped, RESUME
	xor %eax, %eax
	mov %eax, %dr6
	ljmp $TSS_C, $0
	PASS

task_b:
	pushf
	testl $0x4000, (%esp)
	CHECK(nz)
	popf
	cmpw $TSSSEL, B
	CHECK(e)
	cmpb $0x8b, GDT + TSS_B + 5
	CHECK(e)
	str %eax
	cmp $TSS_B, %eax
	CHECK(e)
	mov $0xbad, %ebx
	movl $1, SCRATCH
	iret
task_b_again:
	incl SCRATCH
	iret
	FAIL
task_c:
	pushf
	testl $0x4000, (%esp)
	CHECK(z)
	popf
	movl $0xc0, SCRATCH
	cmpb $0x89, GDT + TSSSEL + 5
	CHECK(e)
	ljmp $TSSSEL, $0
	FAIL
task_int:
	movl $0x44, SCRATCH
	iret
	FAIL
task_gp:
	pop SCRATCH
	mov SCRATCH + 8, %eax
	mov %eax, TSS + 32
	iret
	FAIL
task_ts:
	pop SCRATCH
	movzwl C, %eax
	mov %eax, SCRATCH + 4
	/* Back to the first task by hand. */
	movb $0x89, GDT + TSSSEL + 5
	ljmp $TSSSEL, $0
	FAIL
task_16:
	movzwl %ax, %eax
	mov %eax, SCRATCH
	mov $0xbeef, %ax
	iret
	FAIL
task_c_trap:
	FAIL
task_c_trapped:
	cmpl $1, REC_VECTOR
	CHECK(e)
	cmpl $task_c_trap, REC_IP
	CHECK(e)
	testl $0x8000, REC_DR6
	CHECK(nz)
	movb $0x89, GDT + TSSSEL + 5
	ljmp $TSSSEL, $0
	FAIL
