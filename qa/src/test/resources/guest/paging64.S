/*
 * expect: exit=0
 * 4-level paging and 64-bit addresses: canonical form, page sizes, NX, SMEP, SMAP, protection keys,
 * PCID, reserved bits, five levels where offered (Intel SDM vol. 3A 4.5, 4.6, 4.10).
 */
#include "guest.h"
#define PML4 TABLES
#define PDPT (TABLES + 0x1000)
#define PD (TABLES + 0x2000)
#define PT (TABLES + 0x3000)
/* Linear 8 MiB maps to physical 2 MiB through PT. */
#define PAGE 0x800000
#define SET(value) movq $(value), PT; invlpg PAGE
	.macro cr4_set bits
	mov %cr4, %rax
	or $(\bits), %rax
	mov %rax, %cr4
	.endm
	.macro cr4_clear bits
	mov %cr4, %rax
	and $(~(\bits)), %rax
	mov %rax, %cr4
	.endm
	.macro feature leaf, register, bit, missing
	mov $\leaf, %eax
	xor %ecx, %ecx
	cpuid
	bt $\bit, %\register
	jnc \missing
	.endm
start:
	enter_protected
	enter_long
	/* Level 0 keeps to supervisor pages: the map below 2 MiB loses its U bit. */
	andb $~4, PD
	mov $PT, %edi
	xor %eax, %eax
	mov $1024, %ecx
	rep stosl
	movq $(PT + 7), PD + 8 * 4
	movq $0x200007, PT
	mov %cr3, %rax
	mov %rax, %cr3

	movl $0xcafe, 0x200000
	cmpl $0xcafe, PAGE
	CHECK(e)
	cmpq $0x200027, PT
	CHECK(e)
	movl $1, PAGE
	cmpq $0x200067, PT
	CHECK(e)

	/* Canonical form: #GP, through RSP and RBP #SS. */
	mov $0x800000000000, %rbx
	EXPECT(13, 0, mov (%rbx), %eax)
	EXPECT(13, 0, jmp *%rbx)
	mov %rbx, %rbp
	EXPECT(12, 0, mov (%rbp), %eax)
	mov $0x7ffffffffffd, %rbx
	EXPECT(14, 0, mov (%rbx), %al)
	mov $0xffff800000000000, %rbx
	EXPECT(14, 0, mov (%rbx), %eax)
	cmp REC_CR2, %rbx
	CHECK(e)

	/* Rights. */
	mov %cr0, %rax
	or $0x10000, %rax
	mov %rax, %cr0
	SET(0x200005)
	EXPECT(14, 3, movl $1, PAGE)
	SET(0x200007)
	/* NX in a directory entry counts for all below it. */
	mov $0xc0000080, %ecx
	rdmsr
	or $0x800, %eax
	wrmsr
	movb $0xc3, PAGE
	mov $PAGE, %ebx
	call *%rbx
	btsq $63, PD + 8 * 4
	invlpg PAGE
	EXPECT(14, 0x11, jmp *%rbx)
	cmp REC_CR2, %rbx
	CHECK(e)
	btrq $63, PD + 8 * 4
	SET(0x200007)
	/* Reserved: address bits 51 up to the width, and PS in the PML4. */
	movq $0x200007, PT
	btsq $51, PT
	invlpg PAGE
	EXPECT(14, 9, mov PAGE, %eax)
	SET(0x200007)
	orq $0x80, PML4 + 8
	movq $(PDPT + 0x87), PML4 + 8
	mov $0x8000000000, %rbx
	EXPECT(14, 9, mov (%rbx), %eax)
	movq $0, PML4 + 8

	/* 1 GiB pages. */
	feature 0x80000001, edx, 26, no_1g
	movq $0x87, PDPT + 8
	mov $0x40200000, %ebx
	mov 0x200000, %eax
	cmp (%rbx), %eax
	CHECK(e)
	testb $0x20, PDPT + 8
	CHECK(nz)
	movq $0x2087, PDPT + 8
	invlpg (%rbx)
	EXPECT(14, 9, mov (%rbx), %eax)
no_1g:

	/* SMEP: no fetch from user pages at level 0. */
	feature 7, ebx, 7, no_smep
	SET(0x200007)
	cr4_set 1 << 20
	mov $PAGE, %ebx
	EXPECT(14, 0x11, jmp *%rbx)
	cr4_clear 1 << 20
	call *%rbx
no_smep:

	/* SMAP: no data access either, unless AC; implicit ones always. */
	feature 7, ebx, 20, no_smap
	SET(0x200007)
	cr4_set 1 << 21
	EXPECT(14, 1, mov PAGE, %eax)
	EXPECT(14, 3, mov %eax, PAGE)
	stac
	mov PAGE, %eax
	mov %eax, PAGE
	clac
	EXPECT(14, 1, mov PAGE, %eax)
	SET(0x200003)
	mov PAGE, %eax
	SET(0x200007)
	cr4_clear 1 << 21
no_smap:

	/* Protection keys: access and write disable, for user pages alone. */
	feature 7, ecx, 3, no_pku
	cr4_set 1 << 22
	xor %ecx, %ecx
	xor %edx, %edx
	mov $(1 << 10), %eax
	wrpkru
	rdpkru
	cmp $(1 << 10), %eax
	CHECK(e)
	movq $0x200007, PT
	movb $0x28, PT + 7
	invlpg PAGE
	EXPECT(14, 0x21, mov PAGE, %eax)
	EXPECT(14, 0x23, mov %eax, PAGE)
	xor %ecx, %ecx
	xor %edx, %edx
	mov $(2 << 10), %eax
	wrpkru
	mov PAGE, %eax
	EXPECT(14, 0x23, mov %eax, PAGE)
	/* Without WP the supervisor may write. */
	mov %cr0, %rax
	and $~0x10000, %rax
	mov %rax, %cr0
	mov %eax, PAGE
	mov $1, %ecx
	EXPECT(13, 0, rdpkru)
	xor %ecx, %ecx
	mov $1, %edx
	EXPECT(13, 0, wrpkru)
	cr4_clear 1 << 22
	EXPECT(6, 0, rdpkru)
	mov PAGE, %eax
	mov %cr0, %rax
	or $0x10000, %rax
	mov %rax, %cr0
no_pku:

	/* PCID and INVPCID. */
	feature 1, ecx, 17, no_pcid
	mov $(PML4 + 1), %eax
	mov %rax, %cr3
	mov %cr4, %rax
	bts $17, %rax
	EXPECT(13, 0, mov %rax, %cr4)
	mov $PML4, %eax
	mov %rax, %cr3
	mov %cr4, %rax
	bts $17, %rax
	mov %rax, %cr4
	mov $(PML4 + 5), %eax
	bts $63, %rax
	mov %rax, %cr3
	mov %cr3, %rax
	cmp $(PML4 + 5), %rax
	CHECK(e)
	mov %cr0, %rax
	btr $31, %rax
	EXPECT(13, 0, mov %rax, %cr0)
	feature 7, ebx, 10, no_invpcid
	SET(0x200007)
	movl $0x1234, 0x200000
	movl $0x5678, 0x201000
	mov PAGE, %eax
	movq $0x201007, PT
	movq $5, SCRATCH
	movq $PAGE, SCRATCH + 8
	xor %eax, %eax
	invpcid SCRATCH, %rax
	cmpl $0x5678, PAGE
	CHECK(e)
	mov $1, %eax
	movq $0x200007, PT
	invpcid SCRATCH, %rax
	cmpl $0x1234, PAGE
	CHECK(e)
	mov $4, %eax
	EXPECT(13, 0, invpcid SCRATCH, %rax)
	movq $0x1000, SCRATCH
	mov $1, %eax
	EXPECT(13, 0, invpcid SCRATCH, %rax)
	movq $5, SCRATCH
	mov $0x800000000000, %rbx
	mov %rbx, SCRATCH + 8
	xor %eax, %eax
	EXPECT(13, 0, invpcid SCRATCH, %rax)
	mov $3, %eax
	invpcid SCRATCH, %rax
no_invpcid:
	mov $PML4, %eax
	mov %rax, %cr3
	cr4_clear 1 << 17
	mov %cr3, %rax
	bts $63, %rax
	EXPECT(13, 0, mov %rax, %cr3)
no_pcid:

	/* From level 3. */
	orb $4, PD
	SET(0x200003)
	to_user64
	EXPECT(14, 5, mov PAGE, %eax)
	EXPECT(14, 7, mov %eax, PAGE)
	mov $PAGE, %ebx
	EXPECT(14, 0x15, jmp *%rbx)
	to_kernel
	/* LA57 cannot be switched in 64-bit mode, nor PAE off, nor paging off. */
	mov %cr4, %rax
	btc $12, %rax
	EXPECT(13, 0, mov %rax, %cr4)
	mov %cr4, %rax
	btr $5, %rax
	EXPECT(13, 0, mov %rax, %cr4)
	mov %cr0, %rax
	btr $31, %rax
	EXPECT(13, 0, mov %rax, %cr0)
	PASS
