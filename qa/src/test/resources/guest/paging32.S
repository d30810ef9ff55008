/*
 * expect: exit=0
 * 32-bit and PAE paging: rights, WP, accessed and dirty bits, PSE, global pages, NX, error codes and
 * reserved bits (Intel SDM vol. 3A 4.3, 4.4, 4.6, 4.7).
 */
#include "guest.h"
#define PD TABLES
#define PT (TABLES + 0x1000)
/* The page that is played with: linear 0x400000, physical 0x200000. */
#define PAGE 0x400000
#define PTE PT
	/* A new entry, and the old translation dropped. */
#define SET(value) movl $(value), PTE; invlpg PAGE
start:
	enter_protected
	mov $PD, %edi
	xor %eax, %eax
	mov $2048, %ecx
	rep stosl
	/* The first 4 MiB by one large page for every level, then the page under test. */
	mov %cr4, %eax
	or $0x10, %eax
	mov %eax, %cr4
	movl $0x87, PD
	movl $(PT + 7), PD + 4
	movl $0x200007, PTE
	movl $0xcafe, 0x200000
	mov $PD, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	jmp 1f
1:
	/* Accessed by a read, dirty by a write, both levels. */
	cmpl $0x200007, PTE
	CHECK(e)
	cmpl $0xcafe, PAGE
	CHECK(e)
	cmpl $0x200027, PTE
	CHECK(e)
	cmpl $(PT + 0x27), PD + 4
	CHECK(e)
	movl $0xbeef, PAGE
	cmpl $0x200067, PTE
	CHECK(e)
	cmpl $0xbeef, 0x200000
	CHECK(e)
	/* The large page got A and D. */
	movl $0, SCRATCH
	mov PD, %eax
	and $0x60, %eax
	cmp $0x60, %eax
	CHECK(e)

	/* Not present: read, write, and nothing marked. */
	SET(0x200006)
	EXPECT(14, 0, mov PAGE + 4, %eax)
	cmpl $(PAGE + 4), REC_CR2
	CHECK(e)
	EXPECT(14, 2, incl PAGE + 8)
	cmpl $(PAGE + 8), REC_CR2
	CHECK(e)
	cmpl $0x200006, PTE
	CHECK(e)
	/* A write over the end of a page faults with the second page's address, nothing written. */
	movl $0, PTE + 4
	SET(0x200007)
	movl $0x11111111, PAGE + 0xffc
	EXPECT(14, 2, movl $0x22222222, PAGE + 0xffe)
	cmpl $(PAGE + 0x1000), REC_CR2
	CHECK(e)
	cmpl $0x11111111, PAGE + 0xffc
	CHECK(e)

	/* Read-only pages: the supervisor writes unless WP. */
	SET(0x200005)
	movl $1, PAGE
	mov %cr0, %eax
	or $0x10000, %eax
	mov %eax, %cr0
	EXPECT(14, 3, movl $1, PAGE)
	mov PAGE, %eax
	/* The directory's right counts as well. */
	SET(0x200007)
	movl $(PT + 5), PD + 4
	invlpg PAGE
	EXPECT(14, 3, movl $1, PAGE)
	movl $(PT + 7), PD + 4
	mov %cr0, %eax
	and $~0x10000, %eax
	mov %eax, %cr0

	/* From level 3. */
	SET(0x200003)
	to_user32
	EXPECT(14, 5, mov PAGE, %eax)
	EXPECT(14, 7, mov %eax, PAGE)
	mov $PAGE, %eax
	EXPECT(14, 5, jmp *%eax)
	cmpl $PAGE, REC_IP
	CHECK(e)
	to_kernel
	SET(0x200005)
	to_user32
	mov PAGE, %eax
	EXPECT(14, 7, mov %eax, PAGE)
	/* Implicit supervisor accesses: descriptors lie in a supervisor page. */
	to_kernel
	SET(0x200003)
	movl $0x0000ffff, 0x200100
	movl $0x00cff200, 0x200104
	DESCRIPTOR(FREE, 0xffff, PAGE, 0x82, 0)
	mov $FREE, %eax
	lldt %ax
	to_user32
	mov $0x107, %eax
	mov %eax, %fs
	mov %fs:SCRATCH, %eax
	to_kernel

	/* A global page survives a load of CR3, another does not. */
	mov %cr4, %eax
	or $0x80, %eax
	mov %eax, %cr4
	SET(0x200103)
	movl $0x203003, PTE + 4
	invlpg PAGE + 0x1000
	movl $0x1111, 0x200000
	movl $0x3333, 0x203000
	mov PAGE, %eax
	mov PAGE + 0x1000, %eax
	movl $0x201103, PTE
	movl $0x202003, PTE + 4
	movl $0x2222, 0x201000
	movl $0x4444, 0x202000
	mov %cr3, %eax
	mov %eax, %cr3
	cmpl $0x4444, PAGE + 0x1000
	CHECK(e)
	/* Without the CR4.PGE bit all are gone. */
	mov %cr4, %eax
	and $~0x80, %eax
	mov %eax, %cr4
	cmpl $0x2222, PAGE
	CHECK(e)

	/* PSE: bit 21 of a large page is reserved. */
	movl $0x00200083, PD + 8
	EXPECT(14, 9, mov 0x800000, %eax)
	EXPECT(14, 11, mov %eax, 0x800000)
	movl $0x00000083, PD + 8
	mov 0x800000, %eax

	/* PAE: off and on again with other tables. */
	mov %cr0, %eax
	and $0x7fffffff, %eax
	mov %eax, %cr0
	mov %cr4, %eax
	or $0x20, %eax
	mov %eax, %cr4
	mov $TABLES, %edi
	xor %eax, %eax
	mov $4096, %ecx
	rep stosl
	/* PDPT at TABLES, PD at + 0x1000, PT at + 0x2000. */
	movl $(TABLES + 0x1001), TABLES
	movl $0x87, TABLES + 0x1000
	movl $0x00200087, TABLES + 0x1008
	movl $(TABLES + 0x2007), TABLES + 0x1010
	movl $0x200007, TABLES + 0x2000
	mov $TABLES, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	jmp 1f
1:	cmpl $0x2222, 0x201000
	CHECK(e)
	movl $0x77, PAGE
	cmpl $0x200067, TABLES + 0x2000
	CHECK(e)
	/* NX needs EFER.NXE; until then bit 63 is reserved. */
	movl $0x80000000, TABLES + 0x2004
	invlpg PAGE
	EXPECT(14, 9, mov PAGE, %eax)
	mov $0xc0000080, %ecx
	rdmsr
	or $0x800, %eax
	wrmsr
	mov PAGE, %eax
	movb $0xc3, PAGE
	mov $PAGE, %eax
	EXPECT(14, 0x11, jmp *%eax)
	/* An absent page says I too. */
	movl $0, TABLES + 0x2000
	movl $0, TABLES + 0x2004
	invlpg PAGE
	EXPECT(14, 0x10, jmp *%eax)
	movl $0x200007, TABLES + 0x2000
	invlpg PAGE
	call *%eax
	/* Reserved physical address bits. */
	movl $0x00100000, TABLES + 0x2004
	invlpg PAGE
	EXPECT(14, 9, mov PAGE, %eax)
	movl $0, TABLES + 0x2004
	/* A 2 MiB page's low address bits are reserved. */
	movl $0x00202087, TABLES + 0x1008
	invlpg 0x200000
	EXPECT(14, 9, mov 0x200000, %eax)
	movl $0x00200087, TABLES + 0x1008
	/* Changing a PDPTE in memory does nothing until CR3 is loaded; a bad one is #GP then. */
	movl $(TABLES + 0x1001), TABLES + 8
	movl $(TABLES + 0x1003), TABLES
	mov $TABLES, %eax
	EXPECT(13, 0, mov %eax, %cr3)
	movl $(TABLES + 0x1001), TABLES
	EXPECT(14, 0, mov 0x40000000, %eax)
	mov $TABLES, %eax
	mov %eax, %cr3
	mov 0x40000000, %eax

	/* SMEP at level 0. */
	mov $7, %eax
	xor %ecx, %ecx
	cpuid
	bt $7, %ebx
	jnc no_smep
	/* The ROM's own page must not be a user page for this. */
	movl $0x83, TABLES + 0x1000
	mov $TABLES, %eax
	mov %eax, %cr3
	mov %cr4, %eax
	or $(1 << 20), %eax
	mov %eax, %cr4
	mov $PAGE, %eax
	EXPECT(14, 0x11, jmp *%eax)
	movl $0x200003, TABLES + 0x2000
	invlpg PAGE
	call *%eax
no_smep:
	PASS
