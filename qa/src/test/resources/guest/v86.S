/*
 * expect: exit=0
 * Virtual-8086 mode, with and without the virtual-mode extensions (Intel SDM vol. 3A 20.2 to 20.4).
 */
#include "guest.h"
#define VM (1 << 17)
#define VIF (1 << 19)
#define VIP (1 << 20)
	.macro to_v86 flags, target
	movl $STACK0, TSS + 4
	pushl $0
	pushl $0
	pushl $0
	pushl $0
	pushl $0
	pushl $0x7800
	pushl $(\flags)
	pushl $0xf000
	pushl $(\target - 0xf0000)
	iret
	.endm
	.macro v86_kernel
	movl $kernel\@, RESUME0
	int $0x40
	MODE32
kernel\@:
	.endm
start:
	enter_protected
	/* I/O map and redirection bitmap: port 0x80 is free; INT 22h goes through the gate. */
	movw $(0x68 + 32), TSS + 102
	mov $(TSS + 0x68), %edi
	xor %eax, %eax
	mov $8, %ecx
	rep stosl
	movb $0x04, TSS + 0x68 + 4
	dec %eax
	mov $9, %ecx
	rep stosl
	movb $0xfe, TSS + 0x68 + 32 + 0x10
	DESCRIPTOR(FREE, 0x100, TSS, 0x89, 0)
	mov $FREE, %eax
	ltr %ax
	/* Every interrupt pushes a 9-slot frame; INT 40h leaves by dropping it all. */
	IDTGATE(0x40, CODE32, back, 0xee)
	IDTGATE(0x22, CODE32, gate22, 0xee)
	IDTGATE(0x23, CODE32, gate22, 0x8e)
	movw $(int21 - 0xf0000), 0x21 * 4
	movw $0xf000, 0x21 * 4 + 2

	/* IOPL 0, no VME: everything sensitive is #GP(0). */
	to_v86 (VM + 2), low
	MODE16
low:
	mov %cs, %ax
	cmp $0xf000, %ax
	CHECK(e)
	smsw %ax
	test $1, %al
	CHECK(nz)
	EXPECT(13, 0, cli)
	EXPECT(13, 0, sti)
	EXPECT(13, 0, pushf)
	EXPECT(13, 0, popf)
	EXPECT(13, 0, iretw)
	EXPECT(13, 0, int $0x21)
	EXPECT(13, 0, int $0x40)
	EXPECT(13, 0, mov %cr0, %eax)
	EXPECT(13, 0, hlt)
	EXPECT(6, 0, lldt %ax)
	EXPECT(6, 0, verr %ax)
	EXPECT(6, 0, .byte 0x63, 0xc0)
	/* The frame had VM set, the selectors and the stack. */
	testl $VM, REC_FLAGS
	CHECK(nz)
	cmpl $0xf000, REC_CS
	CHECK(e)
	cmpl $0x7800, REC_SP
	CHECK(e)
	/* INT3 does not look at IOPL, but at the gate. */
	EXPECT(13, (3 * 8 + 2), int3)
	/* Segments as in real mode, 64 KiB. */
	movl $0x11223344, SCRATCH
	mov $(SCRATCH / 16), %ax
	mov %ax, %fs
	cmpl $0x11223344, %fs:0
	CHECK(e)
	mov $0xffff, %bx
	EXPECT(13, 0, mov (%bx), %ax)
	mov $0x10000, %ebx
	EXPECT(13, 0, mov (%ebx), %al)
	/* The map decides on ports. */
	in $0x80, %al
	EXPECT(13, 0, in $0x81, %al)
	/* Far transfers. */
	lcall $0xf000, $(v86_far - 0xf0000)
	cmp $0x55, %ax
	CHECK(e)
	/* Leaving needs IOPL 3 for INT, so use an undefined instruction that goes to level 0. */
	movl $0, RESUME
	movl $kernel1, RESUME0
	ud2
	MODE32
kernel1:

	/* IOPL 3: the program's own flag instructions work; INT goes through the gate. */
	to_v86 (VM + 0x3002), high
	MODE16
high:
	sti
	pushf
	pop %ax
	test $0x200, %ax
	CHECK(nz)
	cli
	pushf
	andw $~0x3000, (%esp)
	popf
	pushf
	pop %ax
	and $0x3000, %ax
	cmp $0x3000, %ax
	CHECK(e)
	mov %ds, %ax
	int $0x22
	cmp $0x22, %ax
	CHECK(e)
	/* A gate of level 0 is refused. */
	EXPECT(13, (0x23 * 8 + 2), int $0x23)
	/* IRET inside the mode: IOPL and VM stay. */
	mov %sp, %bp
	pushw $0
	pushw $0xf000
	pushw $(1f - 0xf0000)
	iretw
1:	pushf
	pop %ax
	and $0x3000, %ax
	cmp $0x3000, %ax
	CHECK(e)
	cmp %sp, %bp
	CHECK(e)
	v86_kernel

	/* VME, IOPL 0: VIF stands in for IF. */
	mov %cr4, %eax
	or $1, %eax
	mov %eax, %cr4
	to_v86 (VM + 2), vme
	MODE16
vme:
	pushf
	pop %ax
	test $0x200, %ax
	CHECK(z)
	and $0x3000, %ax
	cmp $0x3000, %ax
	CHECK(e)
	sti
	pushf
	pop %ax
	test $0x200, %ax
	CHECK(nz)
	cli
	pushf
	pop %ax
	test $0x200, %ax
	CHECK(z)
	/* INT 21h goes to the program's own vector: the image shows IOPL 3 and VIF as IF. */
	sti
	movw $0, REC_COUNT
	int $0x21
	cmpw $1, REC_COUNT
	CHECK(e)
	mov REC_SP, %ax
	and $0x3200, %ax
	cmp $0x3200, %ax
	CHECK(e)
	/* The IRET of the handler set VIF again. */
	pushf
	pop %ax
	test $0x200, %ax
	CHECK(nz)
	/* Vector 22h is marked: #GP(0) at IOPL 0. */
	EXPECT(13, 0, int $0x22)
	testl $VIF, REC_FLAGS
	CHECK(nz)
	EXPECT(13, 0, pushfl)
	EXPECT(13, 0, iretl)
	/* TF in the image is refused. */
	pushw $0x0102
	EXPECT(13, 0, popfw)
	pop %ax
	cli
	movl $0, RESUME
	movl $kernel2, RESUME0
	ud2
	MODE32
kernel2:

	/* VIP with STI: #GP. */
	to_v86 (VM + VIP + 2), vip
	MODE16
vip:
	EXPECT(13, 0, sti)
	pushw $0x0202
	EXPECT(13, 0, popfw)
	pop %ax
	movl $0, RESUME
	movl $kernel3, RESUME0
	ud2
	MODE32
kernel3:

	/* PVI at level 3 of protected mode. */
	mov %cr4, %eax
	or $2, %eax
	mov %eax, %cr4
	mov $USERDATA, %eax
	mov %eax, %ds
	mov %eax, %es
	push $USERDATA
	push $STACK3
	push $2
	push $USER32
	push $pvi
	iret
pvi:
	sti
	EXPECT(6, 0, ud2)
	testl $VIF, REC_FLAGS
	CHECK(nz)
	testl $0x200, REC_FLAGS
	CHECK(z)
	cli
	EXPECT(6, 0, ud2)
	testl $VIF, REC_FLAGS
	CHECK(z)
	to_kernel
	PASS

	MODE16
v86_far:
	mov $0x55, %ax
	lret
int21:
	push %bp
	mov %sp, %bp
	mov 6(%bp), %ax
	mov %ax, REC_SP
	incw REC_COUNT
	pop %bp
	iretw
	MODE32
gate22:
	/* Data segments are null here, those of the program are on the stack. */
	mov %ds, %eax
	test %eax, %eax
	CHECK(z)
	mov %gs, %eax
	test %eax, %eax
	CHECK(z)
	mov $0x22, %eax
	iret
back:
	mov $DATA32, %eax
	mov %eax, %ds
	mov %eax, %es
	mov $STACK0, %esp
	jmp *RESUME0
