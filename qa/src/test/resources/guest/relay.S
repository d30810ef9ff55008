/*
 * expect: exit=0 rbx=0x658c802acd53a815
 * Two thousand rounds of what keeps all kinds of state busy: general registers and flags, x87, SSE, strings, the stack, model-
 * specific registers, an exception and a visit to level 3 in each. Everything goes into one number at the end, so that an engine
 * that another one's state was moved to must have got all of it. No instruction here depends on the processor's model.
 */
#include "guest.h"
#define ROUNDS 2000
#define KERNEL_GS_BASE 0xc0000102
start:
	enter_protected
	enter_long
	mov %cr4, %rax
	or $0x600, %eax
	mov %rax, %cr4
	fninit
	fldz
	pxor %xmm0, %xmm0
	mov $KERNEL_GS_BASE, %ecx
	xor %eax, %eax
	xor %edx, %edx
	wrmsr
	mov $0x9e3779b97f4a7c15, %r14
	mov $1, %rbx
	mov $ROUNDS, %r15
round:
	/* General registers and a flag that lives from one instruction to the next. */
	imul %r14, %rbx
	rol $7, %rbx
	adc %r15, %rbx
	mov %rbx, %rbp
	/* SSE and x87: sums of what went by. */
	movq %rbx, %xmm1
	paddq %xmm1, %xmm0
	mov %r15, SCRATCH
	fildll SCRATCH
	faddp
	/* The stack and a string. */
	push %rbx
	push %r15
	pop %r8
	pop %r9
	mov %r9, SCRATCH + 0x100
	mov $(SCRATCH + 0x100), %esi
	mov $(SCRATCH + 0x101), %edi
	mov $63, %ecx
	rep movsb
	add SCRATCH + 0x118, %rbx
	/* A register that only SWAPGS and WRMSR reach. */
	mov $KERNEL_GS_BASE, %ecx
	rdmsr
	add %r8d, %eax
	wrmsr
	/* An exception, and level 3. */
	EXPECT(6, 0, ud2)
	to_user64
	add $3, %rbx
	to_kernel
	dec %r15
	jnz round

	movq %xmm0, %rax
	xor %rax, %rbx
	fistpll SCRATCH
	add SCRATCH, %rbx
	mov $KERNEL_GS_BASE, %ecx
	rdmsr
	xor %rax, %rbx
	PASS
