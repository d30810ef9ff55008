/*
 * expect: exit=0
 * Privilege levels: call gates, conforming code, far returns, interrupt gates, I/O permission and
 * privileged instructions in 32-bit protected mode (Intel SDM vol. 3A 5.8 to 5.9; vol. 1 19.5).
 */
#include "guest.h"
#define GATE0 FREE
#define CONFORMING (FREE + 8)
#define GATE_NP (FREE + 16)
#define GATE_DATA (FREE + 24)
#define GATE16 (FREE + 32)
#define CODE1 (FREE + 40)
#define GATE_INNER (FREE + 48)
/* 16-bit offsets reach code in the ROM through segments that begin there. */
#define ROM0 (FREE + 56)
#define ROM3 (FREE + 64)
start:
	enter_protected
	gate (GDT + GATE0), CODE32, inner, 0xec, 2
	DESCRIPTOR(CONFORMING, 0xfffff, 0, 0x9e, 0xc0)
	gate (GDT + GATE_NP), CODE32, inner, 0x6c, 0
	gate (GDT + GATE_DATA), DATA32, inner, 0xec, 0
	gate (GDT + GATE16), ROM0, inner16, 0xe4, 3
	DESCRIPTOR(ROM0, 0xffff, 0xf0000, 0x9a, 0x40)
	DESCRIPTOR(ROM3, 0xffff, 0xf0000, 0xfa, 0x40)
	gate (GDT + GATE_INNER), CODE32, inner, 0x8c, 0
	DESCRIPTOR(CODE1, 0xfffff, 0, 0xba, 0xc0)
	IDTGATE(0x41, CODE32, return32, 0x8e)
	IDTGATE(0x42, CODE32, trap_handler, 0xef)

	/* At level 0: far JMP and CALL at the same level. */
	ljmp $CODE32, $1f
1:	lcall $CODE32, $same
	cmp $0x77, %eax
	CHECK(e)
	EXPECT(13, USER32 & ~3, ljmp $USER32, $1b)
	EXPECT(13, CODE1, ljmp $CODE1, $1b)
	EXPECT(13, DATA32, ljmp $DATA32, $1b)
	EXPECT(13, 0, ljmp $0, $1b)
	EXPECT(13, 0x1000, ljmp $0x1000, $1b)
	EXPECT(11, GATE_NP, lcall $GATE_NP, $0)
	EXPECT(13, DATA32, lcall $GATE_DATA, $0)
	/* Through a gate at the same level no stack is switched and no parameter copied. */
	mov %esp, %ebp
	lcall $GATE_INNER, $0
	cmp %esp, %ebp
	CHECK(e)

	to_user32
	mov %cs, %eax
	cmp $USER32, %eax
	CHECK(e)
	/* Privileged instructions. */
	EXPECT(13, 0, hlt)
	EXPECT(13, 0, mov %cr0, %eax)
	EXPECT(13, 0, mov %eax, %cr3)
	EXPECT(13, 0, mov %dr7, %eax)
	EXPECT(13, 0, clts)
	EXPECT(13, 0, lgdt gdtr)
	EXPECT(13, 0, lidt idtr)
	EXPECT(13, 0, lldt %ax)
	EXPECT(13, 0, ltr %ax)
	EXPECT(13, 0, lmsw %ax)
	EXPECT(13, 0, invlpg SCRATCH)
	EXPECT(13, 0, wbinvd)
	EXPECT(13, 0, rdmsr)
	EXPECT(13, 0, wrmsr)
	/* Not privileged without UMIP. */
	sgdt SCRATCH
	sidt SCRATCH
	str %eax
	sldt %eax
	smsw %eax

	/* Data of inner levels is out of reach. */
	mov $DATA32, %eax
	EXPECT(13, DATA32, mov %eax, %ds)
	mov $(DATA32 + 3), %eax
	EXPECT(13, DATA32, mov %eax, %ds)
	EXPECT(13, DATA32, mov %eax, %ss)
	mov $(USERDATA - 3), %eax
	EXPECT(13, USERDATA & ~3, mov %eax, %ss)
	mov %eax, %es

	/* Code: inner level only through gates; conforming code keeps CPL. */
	EXPECT(13, CODE32, ljmp $CODE32, $1b)
	EXPECT(13, CODE32, lcall $CODE32, $1b)
	lcall $CONFORMING, $conforming
	cmp $(CONFORMING + 3), %eax
	CHECK(e)
	EXPECT(13, GATE_INNER, lcall $GATE_INNER, $0)
	EXPECT(13, CODE32, ljmp $GATE0, $0)
	EXPECT(13, DATA32, lcall $GATE_DATA, $0)
	EXPECT(11, GATE_NP, lcall $GATE_NP, $0)

	/* CALL through the gate: stack from the TSS, two parameters copied, and back. */
	mov %esp, %ebp
	push $0x11111111
	push $0x22222222
	lcall $GATE0, $0
	cmp %esp, %ebp
	CHECK(e)
	cmp $0x33333333, %eax
	CHECK(e)
	cmp $CODE32, %ecx
	CHECK(e)
	/* DS, which the callee left with an inner selector, was dropped on return. */
	mov %ds, %eax
	test %eax, %eax
	CHECK(z)
	mov $USERDATA, %eax
	mov %eax, %ds
	/* A 16-bit gate copies words. */
	mov %esp, %ebp
	pushw $1
	pushw $2
	pushw $3
	ljmp $(ROM3 + 3), $(1f - 0xf0000)
1:	lcall $GATE16, $0
	ljmp $USER32, $1f
1:	cmp %esp, %ebp
	CHECK(e)
	cmp $6, %eax
	CHECK(e)

	/* INT: the gate's DPL guards it against software. */
	EXPECT(13, (0x41 * 8 + 2), int $0x41)
	EXPECT(13, (0x50 * 8 + 2), int $0x50)
	EXPECT(13, (3 * 8 + 2), int3)
	int $0x42
	cmp $0x42, %eax
	CHECK(e)

	/* Far returns go outward only. */
	push $CODE32
	push $1b
	EXPECT(13, CODE32, lret)
	add $8, %esp
	push $0
	push $1b
	EXPECT(13, 0, lret)
	add $8, %esp

	/* IOPL 3 lets IN, OUT, CLI and STI through. */
	cli
	in $0x80, %al
	to_kernel

	/* Now with IOPL 0 and an I/O map that allows port 0x80 alone. */
	movw $0x68, TSS + 102
	mov $(TSS + 0x68), %edi
	mov $0xff, %al
	mov $0x20, %ecx
	rep stosb
	movb $0xfe, TSS + 0x68 + 0x10
	movb $0x8b, GDT + TSSSEL + 5
	movw $0x88, GDT + TSSSEL
	movb $0x89, GDT + TSSSEL + 5
	mov $TSSSEL, %eax
	ltr %ax
	push $USERDATA
	push $STACK3
	push $2
	push $USER32
	push $low_iopl
	mov $USERDATA, %eax
	mov %eax, %ds
	mov %eax, %es
	iret
low_iopl:
	in $0x80, %al
	EXPECT(13, 0, in $0x81, %al)
	EXPECT(13, 0, in $0x80, %ax)
	EXPECT(13, 0, out %al, $0x7f)
	mov $0x100, %edx
	EXPECT(13, 0, in (%dx), %al)
	mov $0xffff, %edx
	EXPECT(13, 0, in (%dx), %al)
	EXPECT(13, 0, cli)
	EXPECT(13, 0, sti)
	/* POPF changes neither IF nor IOPL, silently. */
	pushf
	orl $0x3200, (%esp)
	popf
	pushf
	pop %eax
	test $0x3200, %eax
	CHECK(z)
	to_kernel

	/* Far return from level 0 to level 1 and the SS checks of it. */
	push $DATA32
	push $STACK3
	push $(CODE1 + 1)
	push $1b
	EXPECT(13, DATA32, lret)
	add $16, %esp
	PASS

same:
	mov $0x77, %eax
	lret
conforming:
	mov %cs, %eax
	lret
inner:
	/* Level 0: [eip, cs, parameters..., esp, ss] */
	mov %cs, %ecx
	mov $DATA32, %eax
	mov %eax, %ds
	mov 4(%esp), %eax
	test $3, %eax
	jz inner_same
	mov 8(%esp), %eax
	add 12(%esp), %eax
	cmp $(STACK0 - 24), %esp
	CHECK(e)
	lret $8
inner_same:
	lret
inner16:
	movzwl 4(%esp), %eax
	add 6(%esp), %ax
	add 8(%esp), %ax
	lretw $6
trap_handler:
	mov $0x42, %eax
	iret
