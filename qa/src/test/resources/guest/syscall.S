/*
 * expect: exit=0
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS and the FS and GS bases (Intel SDM vol. 2B; vol. 3A
 * 5.8.7, 5.8.8).
 */
#include "guest.h"
	.macro wrmsr64 index, value
	mov $\index, %ecx
	movabs $\value, %rax
	mov %rax, %rdx
	shr $32, %rdx
	wrmsr
	.endm
	.macro rdmsr64 index
	mov $\index, %ecx
	rdmsr
	shl $32, %rdx
	or %rdx, %rax
	.endm
/* SYSRET wants at base + 8 the stack, + 16 64-bit code: selectors 28h and 30h from a base of 20h. */
start:
	enter_protected
	enter_long
	/* Without EFER.SCE neither exists. */
	EXPECT(6, 0, syscall)
	EXPECT(6, 0, sysretq)
	mov $0xc0000080, %ecx
	rdmsr
	or $1, %eax
	wrmsr
	wrmsr64 0xc0000081, 0x0020000800000000
	wrmsr64 0xc0000082, entry64
	wrmsr64 0xc0000084, 0x40600
	/* LSTAR must be canonical. */
	mov $0xc0000082, %ecx
	xor %eax, %eax
	mov $0x8000, %edx
	EXPECT(13, 0, wrmsr)

	to_user64
	mov $0x5aa5, %ebx
	stc
	movq $1f, SCRATCH
	syscall
1:	CHECK(c)
	cmp $0x5ab6, %ebx
	CHECK(e)
	/* Selectors and flags as STAR and R11 say. */
	mov %cs, %eax
	cmp $USER64, %eax
	CHECK(e)
	mov %ss, %eax
	cmp $USERDATA, %eax
	CHECK(e)
	cmp $1b, %rcx
	CHECK(e)
	EXPECT(13, 0, sysretq)
	EXPECT(13, 0, sysexit)

	/* To compatibility mode and back. */
	movq $2f, SCRATCH
	movq $1, SCRATCH + 8
	syscall
	MODE32
2:	mov %cs, %eax
	cmp $USER32, %eax
	CHECK(e)
	/* SYSCALL does not exist in compatibility mode on Intel processors. */
	ljmp $USER64, $3f
	MODE64
3:	to_kernel
	mov $STACK0, %esp
	/* A return address that is not canonical: #GP here, at level 0, with the kernel's stack. */
	mov $0x800000000000, %rcx
	EXPECT(13, 0, sysretq)
	cmpq $CODE64, REC_CS
	CHECK(e)

	/* SYSENTER: no CS, no call. */
	EXPECT(13, 0, sysenter)
	EXPECT(13, 0, sysexit)
	/* Code 08h is 64-bit in IA-32e mode whatever its descriptor says. */
	wrmsr64 0x174, 0x08
	wrmsr64 0x175, 0x6c00
	wrmsr64 0x176, enter64
	mov $0x175, %ecx
	xor %eax, %eax
	mov $0x8000, %edx
	EXPECT(13, 0, wrmsr)
	to_user64
	mov $STACK3, %ecx
	mov $4f, %edx
	sysenter
	FAIL
4:	cmp $0x99, %eax
	CHECK(e)
	mov %cs, %eax
	cmp $(0x08 + 32 + 3), %eax
	CHECK(e)
	mov %ss, %eax
	cmp $(0x08 + 40 + 3), %eax
	CHECK(e)
	cmp $STACK3, %rsp
	CHECK(e)
	to_kernel
	mov $STACK0, %esp
	xor %eax, %eax
	mov %eax, %ss

	/* FS and GS bases by MSR, by SWAPGS, by FSGSBASE, by selector. */
	wrmsr64 0xc0000100, 0x8000
	wrmsr64 0xc0000101, 0xffffffffffff9000
	wrmsr64 0xc0000102, 0x8100
	movl $0x11, 0x8000
	movl $0x22, 0x8100
	cmpl $0x11, %fs:0
	CHECK(e)
	swapgs
	cmpl $0x22, %gs:0
	CHECK(e)
	rdmsr64 0xc0000102
	cmp $0xffffffffffff9000, %rax
	CHECK(e)
	swapgs
	cmpl $0x11, %gs:0xf000
	CHECK(e)
	mov $0xc0000100, %ecx
	xor %eax, %eax
	mov $0x8000, %edx
	EXPECT(13, 0, wrmsr)
	/* A return to level 3 drops inner selectors, but no base: neither of a null selector nor this. */
	wrmsr64 0xc0000100, 0x8000
	mov $DATA32, %eax
	mov %eax, %gs
	wrmsr64 0xc0000101, 0x8000
	to_user64
	mov %gs, %eax
	test %eax, %eax
	CHECK(z)
	cmpl $0x11, %fs:0
	CHECK(e)
	cmpl $0x11, %gs:0
	CHECK(e)
	to_kernel
	mov $STACK0, %esp
	/* Loading a selector replaces the base, a null one clears it. */
	mov $DATA32, %eax
	mov %eax, %fs
	rdmsr64 0xc0000100
	test %rax, %rax
	CHECK(z)

	mov $7, %eax
	xor %ecx, %ecx
	cpuid
	test $1, %bl
	jz no_fsgsbase
	EXPECT(6, 0, rdfsbase %rax)
	mov %cr4, %rax
	or $0x10000, %rax
	mov %rax, %cr4
	mov $0x123456789abc, %rax
	wrfsbase %rax
	wrgsbase %eax
	rdfsbase %rbx
	cmp %rax, %rbx
	CHECK(e)
	rdgsbase %rbx
	cmp $0x56789abc, %rbx
	CHECK(e)
	rdfsbase %ebx
	cmp $0x56789abc, %rbx
	CHECK(e)
	mov $0x800000000000, %rax
	EXPECT(13, 0, wrfsbase %rax)
no_fsgsbase:
	PASS

entry64:
	/* Level 0, interrupts and direction as FMASK says, RCX and R11 saved, RSP the user's. */
	mov %cs, %eax
	cmp $CODE32, %eax
	CHECK(e)
	mov %ss, %eax
	cmp $DATA32, %eax
	CHECK(e)
	cmp SCRATCH, %rcx
	CHECK(e)
	cmp $STACK3, %rsp
	CHECK(e)
	add $0x11, %ebx
	cmpq $0, SCRATCH + 8
	jne 1f
	test $1, %r11
	CHECK(nz)
	sysretq
1:	sysretl
enter64:
	cmp $0x6c00, %rsp
	CHECK(e)
	mov %cs, %eax
	cmp $CODE32, %eax
	CHECK(e)
	pushfq
	pop %rax
	test $0x200, %eax
	CHECK(z)
	mov $0x99, %eax
	rex.w sysexit
