/*
 * expect: exit=0
 * Single step, breakpoints, general detect and what goes with them (Intel SDM vol. 3B 17).
 */
#include "guest.h"
	/* A #DB at this point must have been taken after the instruction before the label. */
#define TRAPPED(label, bits) \
	cmpl $1, REC_VECTOR; CHECK(e); cmpl $label, REC_IP; CHECK(e); \
	mov REC_DR6, %eax; and $0xe00f, %eax; cmp $(bits), %eax; CHECK(e); xor %eax, %eax; mov %eax, %dr6
#define CLEAR movl $0xff, REC_VECTOR
start:
	enter_protected
	/* Single step: after the instruction that follows the POPF. */
	xor %eax, %eax
	mov %eax, %dr6
	mov %dr6, %eax
	cmp $0xffff0ff0, %eax
	CHECK(e)
	movl $step_done, RESUME
	pushf
	orl $0x100, (%esp)
	popf
	nop
step_here:
	FAIL
step_done:
	TRAPPED(step_here, 0x4000)
	testl $0x100, REC_FLAGS
	CHECK(nz)

	/* INT with TF: the handler begins without TF, the step comes after the IRET's target. */
	/* MOV SS puts a step off by one instruction. */
	movl $ss_done, RESUME
	mov %ss, %ecx
	pushf
	orl $0x100, (%esp)
	popf
	mov %ecx, %ss
	nop
ss_here:
	FAIL
ss_done:
	TRAPPED(ss_here, 0x4000)

	/* A breakpoint on an instruction comes before it, and RF lets it pass. */
	CLEAR
	mov $bp_here, %eax
	mov %eax, %dr0
	mov $0x402, %eax
	mov %eax, %dr7
	movl $bp_done, RESUME
	xor %ebx, %ebx
bp_here:
	inc %ebx
	FAIL
bp_done:
	TRAPPED(bp_here, 1)
	test %ebx, %ebx
	CHECK(z)
	CLEAR
	pushf
	orl $0x10000, (%esp)
	push $CODE32
	push $bp_here2
	mov $bp_here2, %eax
	mov %eax, %dr0
	iret
bp_here2:
	inc %ebx
	cmpl $0xff, REC_VECTOR
	CHECK(e)
	xor %eax, %eax
	mov %eax, %dr7

	/* Data writes, after the instruction; reads do not count. */
	mov $SCRATCH, %eax
	mov %eax, %dr1
	mov $(0x400 + 8 + (0xd << 20)), %eax
	mov %eax, %dr7
	mov SCRATCH, %ecx
	movl $2, SCRATCH + 4
	cmpl $0xff, REC_VECTOR
	CHECK(e)
	movl $w_done, RESUME
	movl $0x5555, SCRATCH
w_here:
	FAIL
w_done:
	TRAPPED(w_here, 2)
	cmpl $0x5555, SCRATCH
	CHECK(e)
	/* A byte inside the range, and an access that straddles its end. */
	movl $w2_done, RESUME
	movb $1, SCRATCH + 3
w2_here:
	FAIL
w2_done:
	TRAPPED(w2_here, 2)
	movl $w3_done, RESUME
	movl $1, SCRATCH + 2
w3_here:
	FAIL
w3_done:
	TRAPPED(w3_here, 2)
	/* Reads and writes, one byte. */
	mov $(SCRATCH + 1), %eax
	mov %eax, %dr1
	mov $(0x400 + 8 + (3 << 20)), %eax
	mov %eax, %dr7
	CLEAR
	mov SCRATCH, %cl
	cmpl $0xff, REC_VECTOR
	CHECK(e)
	movl $r_done, RESUME
	mov SCRATCH + 1, %cl
r_here:
	FAIL
r_done:
	TRAPPED(r_here, 2)
	/* PUSH writes too. */
	mov %esp, %eax
	sub $4, %eax
	mov %eax, %dr1
	mov $(0x400 + 8 + (0xd << 20)), %eax
	mov %eax, %dr7
	movl $p_done, RESUME
	push %ebx
p_here:
	FAIL
p_done:
	mov %esp, %ebp
	xor %eax, %eax
	mov %eax, %dr7
	TRAPPED(p_here, 2)
	pop %ebx

	/* Ports, with CR4.DE. */
	mov %cr4, %eax
	or $8, %eax
	mov %eax, %cr4
	mov $0x80, %eax
	mov %eax, %dr2
	mov $(0x400 + 0x20 + (2 << 24)), %eax
	mov %eax, %dr7
	CLEAR
	out %al, $0x81
	cmpl $0xff, REC_VECTOR
	CHECK(e)
	movl $io_done, RESUME
	out %al, $0x80
io_here:
	FAIL
io_done:
	TRAPPED(io_here, 4)
	/* DR4 does not exist with DE. */
	EXPECT(6, 0, mov %dr4, %eax)
	mov %cr4, %eax
	and $~8, %eax
	mov %eax, %cr4
	xor %eax, %eax
	mov %eax, %dr7
	mov %dr5, %eax
	cmp $0x400, %eax
	CHECK(e)

	/* General detect: a fault, BD set, GD cleared for the handler. */
	mov $0x2400, %eax
	mov %eax, %dr7
	EXPECT(1, 0, mov %dr0, %ecx)
	mov %dr7, %eax
	cmp $0x400, %eax
	CHECK(e)
	testl $0x2000, REC_DR6
	CHECK(nz)
	xor %eax, %eax
	mov %eax, %dr6

	/* INT1. */
	movl $icebp_done, RESUME
	.byte 0xf1
icebp_here:
	FAIL
icebp_done:
	cmpl $1, REC_VECTOR
	CHECK(e)
	cmpl $icebp_here, REC_IP
	CHECK(e)
	testl $0x4000, REC_DR6
	CHECK(z)

	/* MOV SS holds its own step back; INT1 right after it reports none. */
	xor %eax, %eax
	mov %eax, %dr6
	movl $held_done, RESUME
	mov %ss, %ecx
	pushf
	orl $0x100, (%esp)
	popf
	mov %ecx, %ss
	.byte 0xf1
held_here:
	FAIL
held_done:
	cmpl $held_here, REC_IP
	CHECK(e)
	testl $0x4000, REC_DR6
	CHECK(z)
	/* A watchpoint that MOV SS hit comes with the next #DB, once. */
	movl $DATA32, SCRATCH
	mov $SCRATCH, %eax
	mov %eax, %dr1
	mov $(0x400 + 8 + (0xf << 20)), %eax
	mov %eax, %dr7
	movl $watched_done, RESUME
	mov SCRATCH, %ss
	.byte 0xf1
watched_here:
	FAIL
watched_done:
	xor %eax, %eax
	mov %eax, %dr7
	mov %eax, %dr6
	cmpl $watched_here, REC_IP
	CHECK(e)

	/* A repeated string instruction steps after each iteration. */
	mov $SCRATCH, %edi
	mov $3, %ecx
	xor %eax, %eax
	movl $rep_done, RESUME
	pushf
	orl $0x100, (%esp)
	popf
rep_here:
	rep stosb
	FAIL
rep_done:
	cmpl $rep_here, REC_IP
	CHECK(e)
	cmp $2, %ecx
	CHECK(e)
	PASS
