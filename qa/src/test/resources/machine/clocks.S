/*
 * A multiboot kernel for machines that are saved and restored while it runs: interrupts of the 8254 through the 8259As and of
 * the local APIC's timer, halts, and state that must stay as it is. It numbers lines on COM1, one each 10 ticks of the 8254,
 * and ends through the debug exit port with 0 after 60 of them, or with 1 after a line that begins with F and a letter:
 * T the time-stamp counter, P the ACPI timer, R their ratio, A the local APIC's timer, X x87 and XMM registers, D debug registers.
 * Assembled as flat 32-bit code for 1 MiB; with PLAIN for a KVM that emulates and knows neither x87, SSE nor
 * IRET: then without interrupts, by the ACPI timer, and
 * without a look at the ratio, as such a KVM shows the host's counter.
 */
#define APIC 0xfee00000
#define TICKS_A_LINE 10
#define LINES 60
	.code32
	.text
	.long 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
	.long 0x100000, 0x100000, 0, 0, 0x100020
start:
	mov $0x180000, %esp
	lgdt gdtr
	ljmp $8, $1f
1:	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $pit, %eax
	mov $0x20, %ecx
	call gate
	mov $timer, %eax
	mov $0x40, %ecx
	call gate
	mov $spurious, %eax
	mov $0xff, %ecx
	call gate
	mov $spurious, %eax
	mov $0x27, %ecx
	call gate
	lidt idtr
	/* 8259As: vectors 0x20 and 0x28, the timer alone */
	mov $0x11, %al
	out %al, $0x20
	out %al, $0xa0
	mov $0x20, %al
	out %al, $0x21
	mov $0x28, %al
	out %al, $0xa1
	mov $4, %al
	out %al, $0x21
	mov $2, %al
	out %al, $0xa1
	mov $1, %al
	out %al, $0x21
	out %al, $0xa1
	mov $0xfe, %al
	out %al, $0x21
	mov $0xff, %al
	out %al, $0xa1
	/* 8254: channel 0, mode 2, 1 kHz */
	mov $0x34, %al
	out %al, $0x43
	mov $1193 & 0xff, %al
	out %al, $0x40
	mov $1193 >> 8, %al
	out %al, $0x40
	/* the local APIC's timer: periodic, a millisecond */
	movl $0x1ff, APIC + 0xf0
	movl $0xb, APIC + 0x3e0
	movl $0x20040, APIC + 0x320
	movl $1000000, APIC + 0x380
	/* state that stays */
	mov $0x12345678, %eax
	mov %eax, %dr1
#ifndef PLAIN
	mov %cr4, %eax
	or $0x600, %eax
	mov %eax, %cr4
	movups pattern, %xmm5
	fninit
	fldpi
#endif
	call clocks
	mov %eax, first_tsc
	mov %edx, first_tsc + 4
	mov %ecx, first_pm
	mov %ecx, last_pm
#ifndef PLAIN
	sti
#endif

again:
	call clocks
	/* the time-stamp counter never goes back */
	mov %eax, %esi
	mov %edx, %edi
	sub last_tsc, %esi
	sbb last_tsc + 4, %edi
	mov $'T', %bl
	jc fail
	mov %eax, last_tsc
	mov %edx, last_tsc + 4
	/* nor does the ACPI timer, and 10 seconds are a jump */
	mov %ecx, %esi
	sub last_pm, %esi
	mov %ecx, last_pm
	mov $'P', %bl
	cmp $35795450, %esi
	ja fail
#ifndef PLAIN
	mov $'X', %bl
	movups pattern, %xmm6
	pcmpeqd %xmm5, %xmm6
	pmovmskb %xmm6, %eax
	cmp $0xffff, %eax
	jne fail
	fldpi
	fucomp %st(1)
	fnstsw %ax
	sahf
	jne fail
#endif
	mov $'D', %bl
	mov %dr1, %eax
	cmp $0x12345678, %eax
	jne fail
#ifdef PLAIN
	mov last_pm, %eax
	sub first_pm, %eax
	xor %edx, %edx
	mov $3580, %ecx
	div %ecx
	mov %eax, ticks
	mov %eax, apic_ticks
#else
	testb $3, last_tsc + 1
	jz 1f
	hlt
#endif
1:	mov ticks, %eax
	cmp next, %eax
	jb again
	add $TICKS_A_LINE, %eax
	mov %eax, next
	/* the other timer has not fallen asleep */
	mov $'A', %bl
	mov apic_ticks, %eax
	cmp last_apic_ticks, %eax
	je fail
	mov %eax, last_apic_ticks
	incl lines
	mov lines, %esi
	call number
#ifndef PLAIN
	cmpl $20, lines
	jne 2f
	call ratio
	mov %eax, first_ratio
#endif
2:	cmpl $LINES, lines
	jb again
#ifndef PLAIN
	/* both clocks have run at the same speed to each other all the time */
	call ratio
	mov first_ratio, %ecx
	sub %ecx, %eax
	jns 3f
	neg %eax
3:	shr $3, %ecx
	mov $'R', %bl
	cmp %ecx, %eax
	ja fail
#endif
	cli
	xor %eax, %eax
	out %al, $0xf4
	hlt

fail:
	cli
	mov $'F', %al
	call put
	mov %bl, %al
	call put
	mov $'\n', %al
	call put
	mov $1, %al
	out %al, $0xf4
	hlt

/* EDX:EAX the time-stamp counter, ECX the ACPI timer */
clocks:
	mov $0x608, %dx
	in (%dx), %eax
	mov %eax, %ecx
	rdtsc
	ret

/* EAX: what the time-stamp counter has counted for each 256 counts of the ACPI timer */
ratio:
	call clocks
	sub first_tsc, %eax
	sbb first_tsc + 4, %edx
	sub first_pm, %ecx
	shr $8, %ecx
	div %ecx
	ret

/* ESI in hexadecimal and a line end */
number:
	mov $8, %ecx
3:	rol $4, %esi
	mov %esi, %eax
	and $0xf, %al
	add $'0', %al
	cmp $'9', %al
	jbe 4f
	add $('a' - '0' - 10), %al
4:	call put
	loop 3b
	mov $'\n', %al
put:
	push %eax
	mov $0x3fd, %dx
5:	in (%dx), %al
	test $0x20, %al
	jz 5b
	pop %eax
	mov $0x3f8, %dx
	out %al, (%dx)
	ret

/* an interrupt gate to EAX at vector ECX */
gate:
	mov %ax, idt(, %ecx, 8)
	movw $8, idt + 2(, %ecx, 8)
	movw $0x8e00, idt + 4(, %ecx, 8)
	shr $16, %eax
	mov %ax, idt + 6(, %ecx, 8)
	ret

pit:
	push %eax
	incl ticks
	mov $0x20, %al
	out %al, $0x20
	pop %eax
spurious:
	iret
timer:
	incl apic_ticks
	movl $0, APIC + 0xb0
	iret

	.balign 16
pattern:
	.long 0x01234567, 0x89abcdef, 0xfedcba98, 0x76543210
gdt:
	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr:
	.word 23
	.long gdt
idtr:
	.word 0x7ff
	.long idt
	.balign 8
first_tsc:
	.quad 0
last_tsc:
	.quad 0
first_ratio:
	.long 0
first_pm:
	.long 0
last_pm:
	.long 0
ticks:
	.long 0
next:
	.long TICKS_A_LINE
apic_ticks:
	.long 0
last_apic_ticks:
	.long 0
lines:
	.long 0
	.balign 16
idt:
	.fill 256, 8, 0
