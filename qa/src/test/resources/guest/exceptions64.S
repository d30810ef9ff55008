/*
 * expect: exit=0
 * Events in 64-bit mode: frames, stack alignment, IST, RSP0, gates, INT3, INTO's absence, double
 * fault, IRETQ's checks, and order of exceptions (Intel SDM vol. 3A 6.14, 6.15).
 */
#include "guest.h"
#define IDT64(n) (IDT + 16 * (n))
start:
	enter_protected
	enter_long

	/* The frame: five quadwords, on an aligned stack, RF set for a fault. */
	mov $(STACK0 - 3), %esp
	EXPECT(6, 0, ud2)
	cmp $(STACK0 - 3), %rsp
	CHECK(e)
	cmpq $(STACK0 - 16 - 40), REC_FRAME
	CHECK(e)
	cmpq $(STACK0 - 3), REC_SP
	CHECK(e)
	cmpq $CODE64, REC_CS
	CHECK(e)
	testl $0x10000, REC_FLAGS
	CHECK(nz)
	mov $STACK0, %esp

	/* INT3 and INT n are traps: the address is that of the next instruction, RF clear. */
	movq $1f, RESUME
	int3
1:	cmpq $1b, REC_IP
	CHECK(e)
	testl $0x10000, REC_FLAGS
	CHECK(z)
	EXPECT(6, 0, .byte 0xce)
	xor %ecx, %ecx
	EXPECT(0, 0, div %ecx)

	/* Vectors without a gate: #GP with the IDT bit; not present: #NP. */
	EXPECT(13, (0x50 * 8 + 2), int $0x50)
	movw $CODE64, IDT64(0x50) + 2
	movb $0x0e, IDT64(0x50) + 5
	EXPECT(11, (0x50 * 8 + 2), int $0x50)
	/* A 16-bit gate, a call gate or a task gate is no gate here. */
	movb $0x86, IDT64(0x50) + 5
	EXPECT(13, (0x50 * 8 + 2), int $0x50)
	movb $0x85, IDT64(0x50) + 5
	EXPECT(13, (0x50 * 8 + 2), int $0x50)
	/* Its code segment must be 64-bit code. */
	movb $0x8e, IDT64(0x50) + 5
	movw $CODE32, IDT64(0x50) + 2
	EXPECT(13, CODE32, int $0x50)
	movw $0, IDT64(0x50) + 2
	EXPECT(13, 0, int $0x50)
	movw $CODE64, IDT64(0x50) + 2
	/* Its offset must be canonical. */
	movl $0x8000, IDT64(0x50) + 8
	EXPECT(13, 0, int $0x50)

	/* IST: the stack is switched at the same level too. */
	movq $0x9000, TSS + 36
	movb $1, IDT64(6) + 4
	EXPECT(6, 0, ud2)
	cmpq $(0x9000 - 40), REC_FRAME
	CHECK(e)
	/* A stack that is not canonical: #SS, here a double fault as #UD is benign: #SS(0) itself. */
	mov $0x800000000000, %rax
	mov %rax, TSS + 36
	EXPECT(12, 1, ud2)
	movb $0, IDT64(6) + 4

	/* #GP that cannot be delivered is a double fault. */
	movb $0x0e, IDT64(13) + 5
	mov $0x800000000000, %rbx
	EXPECT(8, 0, mov (%rbx), %al)
	movb $0x8e, IDT64(13) + 5
	/* #UD that cannot be delivered is the second exception. */
	movb $0x0e, IDT64(6) + 5
	EXPECT(11, (6 * 8 + 2 + 1), ud2)
	movb $0x8e, IDT64(6) + 5
	/* A page fault while a page fault is delivered: double; on a benign one: page fault. */
	movq $0x50001000, TSS + 36
	movb $1, IDT64(14) + 4
	mov $0x50000000, %ebx
	EXPECT(8, 0, mov (%rbx), %al)
	cmpq $(0x50001000 - 8), REC_CR2
	CHECK(e)
	movb $0, IDT64(14) + 4
	movb $1, IDT64(3) + 4
	EXPECT(14, 2, int3)
	movb $0, IDT64(3) + 4

	/* From level 3: RSP0, SS null, and back with SS and RSP restored. */
	movq $0x6000, TSS + 4
	pushq $USERDATA
	pushq $STACK3
	pushq $0x3202
	pushq $USER64
	pushq $user
	iretq
user:
	cli
	EXPECT(6, 0, ud2)
	cmpq $(0x6000 - 40), REC_FRAME
	CHECK(e)
	cmpq $USERDATA, REC_SS
	CHECK(e)
	cmpq $STACK3, REC_SP
	CHECK(e)
	mov %ss, %eax
	cmp $USERDATA, %eax
	CHECK(e)
	EXPECT(13, 0, hlt)
	EXPECT(13, 0, swapgs)
	EXPECT(13, 0, mov %cr8, %rax)
	/* A gate of level 0. */
	movb $0x8e, IDT64(0x50) + 5
	EXPECT(13, (0x50 * 8 + 2), int $0x50)
	EXPECT(13, (3 * 8 + 2), int3)
	to_kernel

	/* SS is null with RPL 0 after the change of level. */
	mov %ss, %eax
	test %eax, %eax
	CHECK(z)
	mov $STACK0, %esp

	/* IRETQ to the same level pops SS and RSP as well. */
	pushq $0
	pushq $0x6800
	pushq $2
	pushq $CODE64
	pushq $1f
	iretq
1:	cmp $0x6800, %rsp
	CHECK(e)
	mov $STACK0, %esp
	/* To compatibility mode: a null SS is refused there. */
	pushq $0
	pushq $STACK0
	pushq $2
	pushq $CODE32
	pushq $1f
	EXPECT(13, 0, iretq)
1:
	/* A target that is not canonical. */
	mov $STACK0, %esp
	pushq $0
	pushq $STACK0
	pushq $2
	pushq $CODE64
	mov $0x800000000000, %rax
	push %rax
	EXPECT(13, 0, iretq)
	/* NT is #GP in IA-32e mode. */
	mov $STACK0, %esp
	pushq $0x4002
	popfq
	EXPECT(13, 0, iretq)
	pushq $2
	popfq

	/* Compatibility mode, and an exception from there through a 64-bit gate. */
	pushq $DATA32
	pushq $STACK0
	pushq $2
	pushq $CODE32
	pushq $compat
	iretq
	MODE32
compat:
	mov $DATA32, %eax
	mov %eax, %ds
	mov %eax, %es
	EXPECT(6, 0, ud2)
	/* The same opcode is LES here. */
	movl $0x12345678, SCRATCH
	movw $DATA32, SCRATCH + 4
	les SCRATCH, %ecx
	cmp $0x12345678, %ecx
	CHECK(e)
	/* A TSS is no target in IA-32e mode. */
	EXPECT(13, TSSSEL, ljmp $TSSSEL, $0)
	ljmp $CODE64, $1f
	MODE64
1:
	/* Far transfers in 64-bit mode: by memory only. */
	EXPECT(6, 0, .byte 0xea)
	EXPECT(6, 0, .byte 0x9a)
	movl $1f, SCRATCH
	movw $CODE32, SCRATCH + 4
	ljmp *SCRATCH
	MODE32
1:	mov %cs, %eax
	cmp $CODE32, %eax
	CHECK(e)
	ljmp $CODE64, $1f
	MODE64
1:	movabs $1f, %rax
	mov %rax, SCRATCH
	movw $CODE64, SCRATCH + 8
	rex.w lcall *SCRATCH
	jmp 2f
1:	lretq
2:
	/* LDS, LES, PUSH CS, POP SS, INTO, BOUND, AAA do not exist. */
	EXPECT(6, 0, .byte 0x0e)
	EXPECT(6, 0, .byte 0x17)
	EXPECT(6, 0, .byte 0x37)
	EXPECT(6, 0, .byte 0xd6)
	EXPECT(6, 0, .byte 0x82, 0xc0, 0)
	/* LOCK where it is not allowed. */
	EXPECT(6, 0, .byte 0xf0, 0x90)
	EXPECT(6, 0, .byte 0xf0, 0x01, 0xc0)
	/* Sixteen bytes. */
	EXPECT(13, 0, .byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90)
	PASS
