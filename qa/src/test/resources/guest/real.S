/*
 * expect: exit=0
 * Real mode, "unreal" mode and the way between them (Intel SDM vol. 3A 20.1, 9.9).
 */
#include "guest.h"
start:
	MODE16
	cli
	mov %cs, %ax
	cmp $0xf000, %ax
	CHECK(e)
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	mov $0x7000, %sp

	/* Segments are 16 times the selector, and wrap the offset's carry into linear addresses. */
	movl $0xa1b2c3d4, SCRATCH
	mov $(SCRATCH / 16), %ax
	mov %ax, %fs
	mov %fs:0, %eax
	cmp $0xa1b2c3d4, %eax
	CHECK(e)

	/* Interrupts: IP, CS, FLAGS on the stack; IF and TF clear; IRET restores. */
	movw $(handler_int - 0xf0000), 0x21 * 4
	movw $0xf000, 0x21 * 4 + 2
	movw $0, REC_COUNT
	stc
	pushf
	pop %bx
	int $0x21
	CHECK(c)
	cmpw $1, REC_COUNT
	CHECK(e)
	cmp $0x7000, %sp
	CHECK(e)

	/* A word at offset ffff is beyond the limit: #GP without error code. */
	movw $(handler_fault - 0xf0000), 13 * 4
	movw $0xf000, 13 * 4 + 2
	movw $(after1 - 0xf0000), RESUME
	mov $0xffff, %bx
	mov (%bx), %al
	mov (%bx), %ax
	FAIL
after1:
	cmpw $13, REC_VECTOR
	CHECK(e)
	cmp $0x7000, %sp
	CHECK(e)
	/* The same through SS is #SS. */
	movw $(handler_stack - 0xf0000), 12 * 4
	movw $0xf000, 12 * 4 + 2
	movw $(after2 - 0xf0000), RESUME
	mov %ss:(%bx), %ax
	FAIL
after2:
	cmpw $12, REC_VECTOR
	CHECK(e)
	/* SP wraps. */
	xor %sp, %sp
	push %ax
	cmp $0xfffe, %sp
	CHECK(e)
	pop %ax
	test %sp, %sp
	CHECK(z)
	mov $0x7000, %sp

	/* #DE and #UD; LLDT and the like do not exist here. */
	movw $(handler_de - 0xf0000), 0
	movw $0xf000, 2
	movw $(after3 - 0xf0000), RESUME
	xor %cx, %cx
	div %cx
	FAIL
after3:
	cmpw $0, REC_VECTOR
	CHECK(e)
	movw $(handler_ud - 0xf0000), 6 * 4
	movw $0xf000, 6 * 4 + 2
	movw $(after4 - 0xf0000), RESUME
	lldt %ax
	FAIL
after4:
	cmpw $6, REC_VECTOR
	CHECK(e)
	movw $(after5 - 0xf0000), RESUME
	movw $0, REC_VECTOR
	str %ax
	FAIL
after5:
	cmpw $6, REC_VECTOR
	CHECK(e)

	/* Far CALL and RET with parameters. */
	pushw $0x1234
	mov %sp, %bp
	lcall $0xf000, $(far_routine - 0xf0000)
	add $2, %bp
	cmp %bp, %sp
	CHECK(e)
	cmp $0x1234, %ax
	CHECK(e)
	/* Indirect far JMP. */
	movw $(far_target - 0xf0000), SCRATCH
	movw $0xf000, SCRATCH + 2
	ljmp *SCRATCH
	FAIL
far_target:
	/* The interrupt table's limit counts. */
	lidt %cs:short_idt - 0xf0000
	movw $(after6 - 0xf0000), RESUME
	int $0x21
	FAIL
after6:
	cmpw $13, REC_VECTOR
	CHECK(e)
	lidt %cs:idtr_real - 0xf0000

	/* Unreal mode: a 4 GiB limit loaded in protected mode stays for real mode. */
	mov $0xf000, %ax
	mov %ax, %ds
	xor %ax, %ax
	mov %ax, %es
	mov $(gdt_image - 0xf0000), %si
	mov $GDT, %di
	mov $(gdt_end - gdt_image), %cx
	cld
	rep movsb
	data32 lgdt gdtr - 0xf0000
	mov %ax, %ds
	mov %cr0, %eax
	or $1, %eax
	mov %eax, %cr0
	jmp 1f
1:	mov $DATA32, %bx
	mov %bx, %gs
	and $0xfe, %al
	mov %eax, %cr0
	jmp 1f
1:	xor %bx, %bx
	mov %bx, %gs
	mov $0x100000, %ebx
	movl $0x5a5a1234, %gs:(%ebx)
	mov %gs:(%ebx), %ecx
	cmp $0x5a5a1234, %ecx
	CHECK(e)
	/* DS still has its 64 KiB. */
	movw $(after7 - 0xf0000), RESUME
	movw $0, REC_VECTOR
	mov (%ebx), %ecx
	FAIL
after7:
	cmpw $13, REC_VECTOR
	CHECK(e)
	/* A write through CS is allowed in real mode: it is data here. */
	mov $0x600, %di
	mov $(low_code - 0xf0000), %si
	mov $(low_end - low_code), %cx
	mov $0xf000, %ax
	mov %ax, %ds
	xor %ax, %ax
	mov %ax, %es
	rep movsb
	mov %ax, %ds
	ljmp $0, $0x600
low_code:
	movl $0x0badcafe, %cs:SCRATCH
	ljmp $0xf000, $(high_code - 0xf0000)
low_end:
high_code:
	cmpl $0x0badcafe, SCRATCH
	CHECK(e)
	PASS

handler_int:
	/* The image of the flags has CF and the caller's IF; the live ones neither IF nor TF. */
	push %bp
	mov %sp, %bp
	incw REC_COUNT
	mov 6(%bp), %ax
	cmp %bx, %ax
	CHECK(e)
	cmpw $0xf000, 4(%bp)
	CHECK(e)
	clc
	pop %bp
	iret
handler_fault:
	movw $13, REC_VECTOR
	jmp resume_real
handler_stack:
	movw $12, REC_VECTOR
	jmp resume_real
handler_de:
	movw $0, REC_VECTOR
	jmp resume_real
handler_ud:
	movw $6, REC_VECTOR
resume_real:
	push %bp
	mov %sp, %bp
	push %ax
	mov RESUME, %ax
	mov %ax, 2(%bp)
	pop %ax
	pop %bp
	iret
far_routine:
	push %bp
	mov %sp, %bp
	mov 6(%bp), %ax
	pop %bp
	lret $2
short_idt:
	.word 0x21 * 4 + 2
	.long 0
