/*
 * expect: exit=0
 * Control registers, MSRs, CPUID and extended state: what may be written, and what faults (Intel SDM
 * vol. 3A 2.5, 4.1, 11.11, 11.12; vol. 1 13).
 */
#include "guest.h"
	.macro wrmsr32 index, high, low
	mov $\index, %ecx
	mov $\high, %edx
	mov $\low, %eax
	wrmsr
	.endm
start:
	enter_protected
	/* CR0: PG without PE cannot be; nor NW without CD; ET stays. */
	mov %cr0, %eax
	mov %eax, %ebx
	and $~1, %eax
	or $0x80000000, %eax
	EXPECT(13, 0, mov %eax, %cr0)
	mov %ebx, %eax
	and $~0x60000000, %eax
	mov %eax, %cr0
	or $0x20000000, %eax
	EXPECT(13, 0, mov %eax, %cr0)
	mov %ebx, %eax
	and $~0x10, %eax
	mov %eax, %cr0
	mov %cr0, %eax
	test $0x10, %al
	CHECK(nz)
	/* LMSW sets PE but does not clear it. */
	mov $0xfffa, %eax
	lmsw %ax
	smsw %eax
	and $0xf, %eax
	cmp $0xb, %eax
	CHECK(e)
	clts
	smsw %eax
	test $8, %al
	CHECK(z)
	/* CR1, CR5, DR8 and so on do not exist. */
	EXPECT(6, 0, .byte 0x0f, 0x20, 0xc8)
	EXPECT(6, 0, .byte 0x0f, 0x22, 0xe8)
	/* CR4: undefined bits. */
	mov %cr4, %eax
	or $0x80000000, %eax
	EXPECT(13, 0, mov %eax, %cr4)
	/* ModRM.mod does not count for MOV CR. */
	.byte 0x0f, 0x20, 0x00
	mov %cr0, %ecx
	cmp %eax, %ecx
	CHECK(e)

	/* EFER: undefined bits; LME cannot be changed while paging. PG with LME needs PAE. */
	mov $0xc0000080, %ecx
	rdmsr
	mov %eax, %ebx
	or $0x80000000, %eax
	EXPECT(13, 0, wrmsr)
	mov %ebx, %eax
	or $0x100, %eax
	wrmsr
	mov %cr0, %eax
	or $0x80000000, %eax
	EXPECT(13, 0, mov %eax, %cr0)
	mov $0xc0000080, %ecx
	mov %ebx, %eax
	xor %edx, %edx
	wrmsr

	/* Unknown registers. */
	mov $0x12345, %ecx
	EXPECT(13, 0, rdmsr)
	EXPECT(13, 0, wrmsr)
	/* PAT: types 2 and 3 are reserved. */
	mov $0x277, %ecx
	rdmsr
	cmp $0x00070406, %eax
	CHECK(e)
	mov $0x00070402, %eax
	EXPECT(13, 0, wrmsr)
	mov $0x00070401, %eax
	wrmsr
	rdmsr
	cmp $0x00070401, %eax
	CHECK(e)
	/* MTRRs. */
	mov $0xfe, %ecx
	rdmsr
	test $0x500, %eax
	CHECK(nz)
	EXPECT(13, 0, wrmsr)
	wrmsr32 0x200, 0, 0x80000006
	rdmsr
	cmp $0x80000006, %eax
	CHECK(e)
	mov $0x80000002, %eax
	EXPECT(13, 0, wrmsr)
	mov $0x2ff, %ecx
	mov $0xc06, %eax
	xor %edx, %edx
	wrmsr
	mov $0x1c06, %eax
	EXPECT(13, 0, wrmsr)
	/* SYSENTER registers, and a time-stamp counter that moves. */
	wrmsr32 0x174, 0, 0x1234
	rdmsr
	cmp $0x1234, %eax
	CHECK(e)
	rdtsc
	mov %eax, %ebx
	mov %edx, %esi
1:	rdtsc
	sub %ebx, %eax
	sbb %esi, %edx
	CHECK(nc)
	or %edx, %eax
	jz 1b
	/* TSD: from level 0 only. */
	mov %cr4, %eax
	or $4, %eax
	mov %eax, %cr4
	rdtsc
	to_user32
	EXPECT(13, 0, rdtsc)
	EXPECT(13, 0, rdpmc)
	to_kernel
	mov %cr4, %eax
	and $~4, %eax
	mov %eax, %cr4

	/* UMIP. */
	mov $7, %eax
	xor %ecx, %ecx
	cpuid
	test $4, %cl
	jz no_umip
	mov %cr4, %eax
	or $0x800, %eax
	mov %eax, %cr4
	sgdt SCRATCH
	cmpw $0xfff, SCRATCH
	CHECK(e)
	cmpl $GDT, SCRATCH + 2
	CHECK(e)
	to_user32
	EXPECT(13, 0, sgdt SCRATCH)
	EXPECT(13, 0, sidt SCRATCH)
	EXPECT(13, 0, sldt %eax)
	EXPECT(13, 0, str %eax)
	EXPECT(13, 0, smsw %eax)
	to_kernel
no_umip:

	/* FXSAVE and FXRSTOR. */
	mov %cr4, %eax
	or $0x600, %eax
	mov %eax, %cr4
	mov %cr0, %eax
	and $~6, %eax
	mov %eax, %cr0
	fninit
	fld1
	movl $0x1f80, SCRATCH
	ldmxcsr SCRATCH
	pcmpeqd %xmm3, %xmm3
	fxsave SCRATCH
	cmpw $0x37f, SCRATCH
	CHECK(e)
	cmpb $0x80, SCRATCH + 4
	CHECK(e)
	cmpl $0x1f80, SCRATCH + 24
	CHECK(e)
	cmpl $0x80000000, SCRATCH + 36
	CHECK(e)
	cmpl $-1, SCRATCH + 160 + 48
	CHECK(e)
	EXPECT(13, 0, fxsave SCRATCH + 8)
	pxor %xmm3, %xmm3
	fninit
	fxrstor SCRATCH
	fnstsw %ax
	and $0x3800, %ax
	cmp $0x3800, %ax
	CHECK(e)
	movd %xmm3, %eax
	cmp $-1, %eax
	CHECK(e)
	movl $0x80001f80, SCRATCH + 24
	EXPECT(13, 0, fxrstor SCRATCH)
	movl $0x1f80, SCRATCH + 24
	mov %cr0, %eax
	or $8, %eax
	mov %eax, %cr0
	EXPECT(7, 0, fxsave SCRATCH)
	clts

	/* XSAVE. */
	mov $1, %eax
	cpuid
	bt $26, %ecx
	jnc no_xsave
	bt $27, %ecx
	CHECK(nc)
	EXPECT(6, 0, xgetbv)
	mov %cr4, %eax
	or $0x40000, %eax
	mov %eax, %cr4
	mov $1, %eax
	cpuid
	bt $27, %ecx
	CHECK(c)
	xor %ecx, %ecx
	xgetbv
	cmp $1, %eax
	CHECK(e)
	mov $2, %eax
	EXPECT(13, 0, xsetbv)
	mov $3, %eax
	xor %edx, %edx
	xsetbv
	mov $1, %edx
	EXPECT(13, 0, xsetbv)
	mov $0xd, %eax
	xor %ecx, %ecx
	cpuid
	cmp $576, %ebx
	CHECK(e)
	mov $(SCRATCH + 0x400), %edi
	xor %eax, %eax
	mov $256, %ecx
	rep stosl
	pcmpeqd %xmm2, %xmm2
	mov $-1, %eax
	mov $-1, %edx
	xsave SCRATCH + 0x400
	mov SCRATCH + 0x600, %eax
	and $3, %eax
	cmp $3, %eax
	CHECK(e)
	cmpl $-1, SCRATCH + 0x400 + 160 + 32
	CHECK(e)
	EXPECT(13, 0, xsave SCRATCH + 0x420)
	/* A component whose bit is clear is initialised. */
	movl $1, SCRATCH + 0x600
	mov $3, %eax
	xor %edx, %edx
	xrstor SCRATCH + 0x400
	movd %xmm2, %eax
	test %eax, %eax
	CHECK(z)
	/* Reserved header bits, and bits beyond XCR0. */
	movl $1, SCRATCH + 0x610
	mov $3, %eax
	EXPECT(13, 0, xrstor SCRATCH + 0x400)
	movl $0, SCRATCH + 0x610
	movl $0x100, SCRATCH + 0x600
	EXPECT(13, 0, xrstor SCRATCH + 0x400)
	movl $3, SCRATCH + 0x600
	xrstor SCRATCH + 0x400
	movd %xmm2, %eax
	cmp $-1, %eax
	CHECK(e)
no_xsave:

	/* CPUID: beyond the highest leaf, and the vendor. */
	xor %eax, %eax
	cpuid
	cmp $0xd, %eax
	CHECK(ae)
	mov $0x80000000, %eax
	cpuid
	cmp $0x80000008, %eax
	CHECK(ae)
	PASS
