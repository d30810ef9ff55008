/*
 * What every guest test begins with. A test is a 64 KiB ROM at 0xf0000 (and below 4 GiB), entered at
 * the reset vector, with 16 MiB of RAM. It ends by writing 0 (passed) or the line of the check that
 * failed to port 0xf4; an exception that nobody expected gives 0x8000 + vector, its address in EBX.
 *
 * The first comment of a test says what must hold at the end: "expect: exit=0 rbx=0x2a ...".
 */
#define GDT 0x1000
#define IDT 0x2000
#define TSS 0x3000
#define RECORD 0x4000
#define REC_VECTOR 0x4000
#define REC_ERROR 0x4008
#define REC_IP 0x4010
#define REC_CS 0x4018
#define REC_FLAGS 0x4020
#define REC_FRAME 0x4028
#define REC_CR2 0x4030
#define REC_COUNT 0x4038
#define RESUME 0x4040
#define REC_DR6 0x4048
#define REC_SP 0x4050
#define REC_SS 0x4058
#define RESUME0 0x4060
#define STACK0 0x7000
#define STACK3 0x7800
#define SCRATCH 0x8000
#define TABLES 0x10000

#define CODE32 0x08
#define DATA32 0x10
#define CODE64 0x18
#define USER32 0x23
#define USERDATA 0x2b
#define USER64 0x33
#define TSSSEL 0x38
#define CODE16 0x48
#define DATA16 0x50
/* From here on descriptors belong to the test. */
#define FREE 0x58

#define MODE16 .code16; .set mode, 16
#define MODE32 .code32; .set mode, 32
#define MODE64 .code64; .set mode, 64

/* Fails unless the condition holds. */
#define CHECK(cc) check __LINE__, cc
/* Runs one instruction (or a few, with ;) that must raise an exception, and compares error code. */
#define EXPECT(vector, error, ...) expect __LINE__, (vector), (error), STRING(__VA_ARGS__)
#define STRING(...) #__VA_ARGS__
#define FAIL fail __LINE__
#define PASS xor %eax, %eax; REPORT; hlt
/* With DEBUG_PORT the result goes to port 0xe9 too, low byte first. */
#ifdef DEBUG_PORT
#define REPORT out %eax, $0xf4; out %al, $0xe9; mov %ah, %al; out %al, $0xe9; mov %ebx, %eax; out %al, $0xe9; shr $8, %eax; out %al, $0xe9; shr $8, %eax; out %al, $0xe9; shr $8, %eax; out %al, $0xe9
#else
#define REPORT out %eax, $0xf4
#endif
/* Writes a descriptor: selector, then limit 15:0, base, access byte, flags and limit 19:16. */
#define DESCRIPTOR(sel, limit, base, access, flags) descriptor (sel), (limit), (base), (access), (flags)
#define GATE(sel, target, offset, access, count) gate (GDT + (sel)), target, offset, access, count
#define IDTGATE(n, target, offset, access) gate (IDT + 8 * (n)), target, offset, access, 0

	.set mode, 16

	.macro fail line
	mov $\line, %eax
	.if mode == 16
	jmp fail16
	.elseif mode == 32
	jmp fail32
	.else
	jmp fail64
	.endif
	.endm

	.macro check line, cc
	j\cc passed\@
	fail \line
passed\@:
	.endm

	.macro expect line, vector, error, instruction
	.if mode == 64
	movq $resume\@, RESUME
	.elseif mode == 16
	movl $(resume\@ - 0xf0000), %ss:RESUME
	.else
	movl $resume\@, %ss:RESUME
	.endif
	\instruction
	fail \line
resume\@:
	.if mode == 64
	cmpq $\vector, REC_VECTOR
	check \line, e
	cmpq $\error, REC_ERROR
	check \line, e
	.else
	cmpl $\vector, %ss:REC_VECTOR
	check \line, e
	cmpl $\error, %ss:REC_ERROR
	check \line, e
	.endif
	.endm

	.macro descriptor sel, limit, base, access, flags
	movw $((\limit) & 0xffff), GDT + \sel
	movl $(((\base) & 0xffffff) | ((\access) << 24)), GDT + \sel + 2
	movb $((((\limit) >> 16) & 0xf) | (\flags)), GDT + \sel + 6
	movb $(((\base) >> 24) & 0xff), GDT + \sel + 7
	.endm

	/* A 32-bit (or 16-bit) gate; the offset is split at run time, as it is a symbol's. */
	.macro gate at, target, offset, access, count
	push %eax
	mov $\offset, %eax
	movw %ax, \at
	movw $\target, \at + 2
	movb $\count, \at + 4
	movb $\access, \at + 5
	shr $16, %eax
	movw %ax, \at + 6
	pop %eax
	.endm

	.section .reset, "ax"
	.code16
	ljmp $0xf000, $(start - 0xf0000)
	.byte 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0

	.text
	.code16
fail16:
	REPORT
	hlt
	.code32
fail32:
	REPORT
	hlt
	.code64
fail64:
	REPORT
	hlt

	/* Exception stubs, 16 bytes each: vector, and an error code of 0 where there is none. */
	.macro stubs handler
	.set n, 0
	.rept 32
	.balign 16
	.if (n == 8) || (n >= 10 && n <= 14) || (n == 17)
	.else
	push $0
	.endif
	push $n
	jmp \handler
	.set n, n + 1
	.endr
	.endm

	.code32
	.balign 16
stubs32:
	stubs handler32
	.code64
	.balign 16
stubs64:
	stubs handler64

	/* Records the exception and goes to RESUME at the level and with the stack of the program. */
	.code32
handler32:
	push %eax
	mov 4(%esp), %eax
	mov %eax, %ss:REC_VECTOR
	mov 8(%esp), %eax
	mov %eax, %ss:REC_ERROR
	mov 12(%esp), %eax
	mov %eax, %ss:REC_IP
	mov 16(%esp), %eax
	mov %eax, %ss:REC_CS
	mov 20(%esp), %eax
	mov %eax, %ss:REC_FLAGS
	mov 24(%esp), %eax
	mov %eax, %ss:REC_SP
	mov 28(%esp), %eax
	mov %eax, %ss:REC_SS
	lea 12(%esp), %eax
	mov %eax, %ss:REC_FRAME
	mov %cr2, %eax
	mov %eax, %ss:REC_CR2
	mov %dr6, %eax
	mov %eax, %ss:REC_DR6
	incl %ss:REC_COUNT
	mov %ss:RESUME, %eax
	test %eax, %eax
	jz unexpected32
	mov %eax, 12(%esp)
	movl $0, %ss:RESUME
	/* A single step ends with the exception. */
	cmpl $1, 4(%esp)
	jne 1f
	andl $~0x100, 20(%esp)
1:
	pop %eax
	add $8, %esp
	iret
unexpected32:
	mov %ss:REC_VECTOR, %eax
	/* UD2 without a RESUME is the way out of virtual-8086 mode. */
	cmp $6, %eax
	jne 1f
	cmpl $0, %ss:RESUME0
	je 1f
	mov $DATA32, %eax
	mov %eax, %ds
	mov %eax, %es
	mov $STACK0, %esp
	mov RESUME0, %eax
	movl $0, RESUME0
	jmp *%eax
1:
	or $0x8000, %eax
	mov %ss:REC_IP, %ebx
	mov %ss:REC_ERROR, %ecx
	jmp fail32

	/* INT 40h: back to level 0, at RESUME0. */
return32:
	mov $DATA32, %eax
	mov %eax, %ds
	mov %eax, %es
	add $20, %esp
	jmp *RESUME0

	.code64
handler64:
	push %rax
	mov 8(%rsp), %rax
	mov %rax, REC_VECTOR
	mov 16(%rsp), %rax
	mov %rax, REC_ERROR
	mov 24(%rsp), %rax
	mov %rax, REC_IP
	mov 32(%rsp), %rax
	mov %rax, REC_CS
	mov 40(%rsp), %rax
	mov %rax, REC_FLAGS
	mov 48(%rsp), %rax
	mov %rax, REC_SP
	mov 56(%rsp), %rax
	mov %rax, REC_SS
	lea 24(%rsp), %rax
	mov %rax, REC_FRAME
	mov %cr2, %rax
	mov %rax, REC_CR2
	mov %dr6, %rax
	mov %rax, REC_DR6
	incl REC_COUNT
	mov RESUME, %rax
	test %rax, %rax
	jz unexpected64
	mov %rax, 24(%rsp)
	movq $0, RESUME
	pop %rax
	add $16, %rsp
	iretq
unexpected64:
	mov REC_VECTOR, %rax
	or $0x8000, %eax
	mov REC_IP, %rbx
	mov REC_ERROR, %rcx
	jmp fail64
return64:
	add $40, %rsp
	jmp *RESUME0

	.balign 8
gdt_image:
	.quad 0
	.quad 0x00cf9a000000ffff
	.quad 0x00cf92000000ffff
	.quad 0x00af9a000000ffff
	.quad 0x00cffa000000ffff
	.quad 0x00cff2000000ffff
	.quad 0x00affa000000ffff
	.quad 0x0000890030000067
	.quad 0
	.quad 0x00009a0f0000ffff
	.quad 0x000092000000ffff
gdt_end:
	.balign 4
gdtr:
	.word 0xfff
	.long GDT
idtr:
	.word 0xfff
	.long IDT
idtr_real:
	.word 0x3ff
	.long 0

	/* From real mode to 32-bit protected mode with flat segments, a TSS and handlers. */
	.macro enter_protected
	MODE16
	cli
	cld
	mov $0xf000, %ax
	mov %ax, %ds
	xor %ax, %ax
	mov %ax, %es
	/* Zero what the tests use, then the GDT. */
	xor %edi, %edi
	mov $(0x10000 / 4 - 1), %ecx
	xor %eax, %eax
	addr32 rep stosl
	mov $(gdt_image - 0xf0000), %esi
	mov $GDT, %edi
	mov $((gdt_end - gdt_image) / 4), %ecx
	addr32 rep movsl
	data32 lgdt gdtr - 0xf0000
	data32 lidt idtr - 0xf0000
	mov %cr0, %eax
	or $1, %eax
	mov %eax, %cr0
	data32 ljmp $CODE32, $protected\@
	MODE32
protected\@:
	mov $DATA32, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %fs
	mov %eax, %gs
	mov %eax, %ss
	mov $STACK0, %esp
	/* 32 interrupt gates, then INT 40h for every level. */
	mov $IDT, %edi
	mov $stubs32, %eax
	mov $32, %ecx
gates\@:
	mov %ax, (%edi)
	movw $CODE32, 2(%edi)
	movw $0x8e00, 4(%edi)
	mov %eax, %edx
	shr $16, %edx
	mov %dx, 6(%edi)
	add $16, %eax
	add $8, %edi
	loop gates\@
	IDTGATE(0x40, CODE32, return32, 0xee)
	movl $STACK0, TSS + 4
	movl $DATA32, TSS + 8
	movw $0x68, TSS + 102
	mov $TSSSEL, %eax
	ltr %ax
	.endm

	/* Identity map of 1 GiB by 2 MiB pages, for all levels and for writing; PML4 at TABLES. */
	.macro identity64
	mov $TABLES, %edi
	xor %eax, %eax
	mov $(3 * 1024), %ecx
	rep stosl
	movl $(TABLES + 0x1000 + 7), TABLES
	movl $(TABLES + 0x2000 + 7), TABLES + 0x1000
	mov $(TABLES + 0x2000), %edi
	mov $0x87, %eax
	mov $512, %ecx
map\@:
	mov %eax, (%edi)
	movl $0, 4(%edi)
	add $0x200000, %eax
	add $8, %edi
	loop map\@
	.endm

	/* From 32-bit protected mode to 64-bit mode. */
	.macro enter_long
	MODE32
	identity64
	mov %cr4, %eax
	or $0x20, %eax
	mov %eax, %cr4
	mov $TABLES, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	rdmsr
	or $0x900, %eax
	wrmsr
	mov %cr0, %eax
	or $0x80000001, %eax
	mov %eax, %cr0
	ljmp $CODE64, $long\@
	MODE64
long\@:
	mov $STACK0, %esp
	/* 64-bit gates. */
	mov $IDT, %edi
	mov $stubs64, %eax
	mov $32, %ecx
gates\@:
	mov %ax, (%rdi)
	movw $CODE64, 2(%rdi)
	movw $0x8e00, 4(%rdi)
	mov %eax, %edx
	shr $16, %edx
	mov %edx, 6(%rdi)
	movl $0, 10(%rdi)
	movw $0, 14(%rdi)
	add $16, %eax
	add $16, %rdi
	loop gates\@
	mov $return64, %eax
	mov %ax, IDT + 16 * 0x40
	movw $CODE64, IDT + 16 * 0x40 + 2
	movw $0xee00, IDT + 16 * 0x40 + 4
	shr $16, %eax
	mov %eax, IDT + 16 * 0x40 + 6
	movl $0, IDT + 16 * 0x40 + 10
	/* The TSS becomes a 64-bit one. */
	mov $TSS, %edi
	xor %eax, %eax
	mov $26, %ecx
	rep stosl
	movl $STACK0, TSS + 4
	movw $0x68, TSS + 102
	movb $0x89, GDT + TSSSEL + 5
	movl $0, GDT + TSSSEL + 8
	mov $TSSSEL, %eax
	ltr %ax
	xor %eax, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	.endm

	/* To level 3 with IOPL 3 and interrupts off; 32-bit code. */
	.macro to_user32
	movl $STACK0, TSS + 4
	mov $USERDATA, %eax
	mov %eax, %ds
	mov %eax, %es
	push $USERDATA
	push $STACK3
	push $0x3002
	push $USER32
	push $user\@
	iret
user\@:
	.endm

	/* Back to level 0. */
	.macro to_kernel
	.if mode == 64
	movq $kernel\@, RESUME0
	.else
	movl $kernel\@, %ss:RESUME0
	.endif
	int $0x40
kernel\@:
	.endm

	.macro to_user64
	movq $STACK0, TSS + 4
	pushq $USERDATA
	pushq $STACK3
	pushq $0x3002
	pushq $USER64
	pushq $user\@
	iretq
user\@:
	.endm
