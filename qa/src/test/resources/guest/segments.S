/*
 * expect: exit=0
 * Data segment loads and limits in 32-bit protected mode (Intel SDM vol. 3A 5.2 to 5.6).
 */
#include "guest.h"
start:
	enter_protected

	/* Null selectors load, and fault on use. */
	xor %eax, %eax
	mov %eax, %ds
	EXPECT(13, 0, mov (%ebx), %al)
	mov $3, %eax
	mov %eax, %fs
	EXPECT(13, 0, mov %fs:0, %al)
	mov $DATA32, %eax
	mov %eax, %ds
	EXPECT(13, 0, xor %eax, %eax; mov %eax, %ss)

	/* Beyond the table, and in an LDT that is not there. */
	mov $0x1000, %eax
	EXPECT(13, 0x1000, mov %eax, %es)
	mov $0x0c, %eax
	EXPECT(13, 0x0c, mov %eax, %es)

	/* Not present: #NP for data, #SS for the stack. */
	DESCRIPTOR(FREE, 0xfffff, 0, 0x12, 0xc0)
	mov $FREE, %eax
	EXPECT(11, FREE, mov %eax, %es)
	EXPECT(12, FREE, mov %eax, %ss)

	/* Execute-only code is no data; readable code is, but cannot be written. */
	DESCRIPTOR(FREE, 0xfffff, 0, 0x98, 0xc0)
	EXPECT(13, FREE, mov %eax, %es)
	DESCRIPTOR(FREE, 0xfffff, 0, 0x9a, 0xc0)
	mov %eax, %es
	mov %es:SCRATCH, %ecx
	EXPECT(13, 0, mov %ecx, %es:SCRATCH)
	EXPECT(13, FREE, mov %eax, %ss)
	/* The accessed bit was set. */
	testb $1, GDT + FREE + 5
	CHECK(nz)

	/* Read-only data. */
	DESCRIPTOR(FREE, 0xfffff, 0, 0x90, 0xc0)
	mov %eax, %es
	mov %es:SCRATCH, %ecx
	EXPECT(13, 0, movb $1, %es:SCRATCH)
	EXPECT(13, FREE, mov %eax, %ss)

	/* System descriptors are no data. */
	DESCRIPTOR(FREE, 0x67, SCRATCH, 0x89, 0)
	EXPECT(13, FREE, mov %eax, %es)

	/* A byte limit: the last byte is in, one more is out, also for wide accesses. */
	movl $0x11223344, SCRATCH + 0x0c
	DESCRIPTOR(FREE, 0xf, SCRATCH, 0x92, 0x40)
	mov %eax, %es
	mov %es:0xc, %ecx
	cmp $0x11223344, %ecx
	CHECK(e)
	mov %es:0xf, %cl
	EXPECT(13, 0, mov %es:0xd, %ecx)
	EXPECT(13, 0, mov %es:0x10, %cl)
	EXPECT(13, 0, mov %es:0xfffffffd, %ecx)

	/* Expand-down, 32-bit: offsets above the limit, up to 4 GiB. */
	DESCRIPTOR(FREE, 0xfff, SCRATCH - 0x1000, 0x96, 0x40)
	mov %eax, %es
	mov %es:0x100c, %ecx
	cmp $0x11223344, %ecx
	CHECK(e)
	EXPECT(13, 0, mov %es:0xfff, %ecx)
	EXPECT(13, 0, mov %es:0xffc, %ecx)
	/* 16-bit: up to 64 KiB. */
	DESCRIPTOR(FREE, 0xfff, SCRATCH - 0x1000, 0x96, 0)
	mov %eax, %es
	mov %es:0x100c, %ecx
	EXPECT(13, 0, mov %es:0xfffd, %ecx)
	EXPECT(13, 0, mov %es:0x10000, %cl)

	/* Page granularity. */
	DESCRIPTOR(FREE, 0, SCRATCH, 0x92, 0xc0)
	mov %eax, %es
	mov %es:0xffc, %ecx
	EXPECT(13, 0, mov %es:0xffd, %ecx)

	/* Through SS and EBP the fault is #SS. */
	DESCRIPTOR(FREE, 0xfffff, 0, 0x92, 0x40)
	mov %eax, %ss
	mov $0x100000, %ebp
	EXPECT(12, 0, mov (%ebp), %ecx)
	EXPECT(12, 0, mov -1(%ebp), %ecx)
	mov $DATA32, %ecx
	mov %ecx, %ss

	/* RPL and DPL: the weaker of CPL and RPL counts. */
	DESCRIPTOR(FREE, 0xfffff, 0, 0x92, 0xc0)
	mov $(FREE + 1), %eax
	EXPECT(13, FREE, mov %eax, %es)
	EXPECT(13, FREE, mov %eax, %ss)
	DESCRIPTOR(FREE, 0xfffff, 0, 0xb2, 0xc0)
	mov %eax, %es
	mov %es, %ecx
	cmp $(FREE + 1), %ecx
	CHECK(e)
	EXPECT(13, FREE, mov %eax, %ss)
	/* Conforming code can be read from any level. */
	DESCRIPTOR(FREE, 0xfffff, 0, 0x9e, 0xc0)
	mov $(FREE + 3), %eax
	mov %eax, %es
	mov %es:SCRATCH, %ecx

	/* MOV to CS does not exist. */
	EXPECT(6, 0, .byte 0x8e, 0xc8)

	/* LDS and friends load pointer and selector, or nothing. */
	movl $0x12345678, SCRATCH
	movw $DATA32, SCRATCH + 4
	les SCRATCH, %edx
	cmp $0x12345678, %edx
	CHECK(e)
	mov %es, %ecx
	cmp $DATA32, %ecx
	CHECK(e)
	movw $0x1000, SCRATCH + 4
	movl $1, SCRATCH
	EXPECT(13, 0x1000, les SCRATCH, %edx)
	cmp $0x12345678, %edx
	CHECK(e)

	/* POP of a bad selector leaves the stack pointer. */
	pushl $0x1000
	mov %esp, %ebp
	EXPECT(13, 0x1000, pop %es)
	cmp %esp, %ebp
	CHECK(e)
	pop %eax

	/* LDT: a descriptor in it, and the checks of LLDT. */
	DESCRIPTOR(FREE, 0x0f, SCRATCH + 0x100, 0x82, 0)
	movl $0x0000ffff, SCRATCH + 0x108
	movl $0x00cf9200, SCRATCH + 0x10c
	mov $FREE, %eax
	lldt %ax
	sldt %ecx
	cmp $FREE, %ecx
	CHECK(e)
	mov $0x0c, %eax
	mov %eax, %es
	mov %es:SCRATCH, %ecx
	testb $1, SCRATCH + 0x10d
	CHECK(nz)
	mov $0x14, %eax
	EXPECT(13, 0x14, mov %eax, %es)
	mov $DATA32, %eax
	EXPECT(13, DATA32, lldt %ax)
	mov $0x0c, %eax
	EXPECT(13, 0x0c, lldt %ax)
	movb $0x02, GDT + FREE + 5
	mov $FREE, %eax
	EXPECT(11, FREE, lldt %ax)
	xor %eax, %eax
	lldt %ax
	mov $0x0c, %eax
	EXPECT(13, 0x0c, mov %eax, %es)
	mov $TSSSEL, %eax
	EXPECT(13, TSSSEL, ltr %ax)

	/* LAR, LSL, VERR, VERW, ARPL. */
	DESCRIPTOR(FREE, 0x12345, 0x00abcdef, 0x92, 0xc0)
	mov $FREE, %eax
	lar %eax, %ecx
	CHECK(z)
	and $0x00f0ff00, %ecx
	cmp $0x00c09200, %ecx
	CHECK(e)
	lsl %eax, %ecx
	CHECK(z)
	cmp $0x12345fff, %ecx
	CHECK(e)
	verr %ax
	CHECK(z)
	verw %ax
	CHECK(z)
	mov $(FREE + 3), %eax
	lar %eax, %edx
	CHECK(nz)
	verr %ax
	CHECK(nz)
	mov $CODE32, %eax
	verw %ax
	CHECK(nz)
	verr %ax
	CHECK(z)
	xor %eax, %eax
	lar %eax, %edx
	CHECK(nz)
	mov $TSSSEL, %eax
	lsl %eax, %edx
	CHECK(z)
	cmp $0x67, %edx
	CHECK(e)
	verr %ax
	CHECK(nz)
	mov $8, %eax
	mov $3, %ecx
	arpl %cx, %ax
	CHECK(z)
	cmp $0xb, %eax
	CHECK(e)
	arpl %cx, %ax
	CHECK(nz)
	PASS
