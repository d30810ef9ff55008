/*
 * A multiboot kernel that leaves its guest COUNT times to warm up, then COUNT times between two readings of the
 * time-stamp counter: writes of port 0x80, which no device minds. First it masks the 8259As, whose timer interrupt would wait
 * for it all the time and make KVM look for a moment to deliver it, as nothing does in the C loop's guest. It tells the
 * difference on COM1 in hexadecimal, and writes 0 to the debug exit port. Assembled as flat 32-bit code for 1 MiB.
 */
	.code32
	.text
	.long 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
	.long 0x100000, 0x100000, 0, 0, 0x100020
	mov $0xff, %al
	out %al, $0x21
	out %al, $0xa1
	mov $COUNT, %ecx
1:	out %al, $0x80
	dec %ecx
	jnz 1b
	rdtsc
	mov %eax, %esi
	mov %edx, %edi
	mov $COUNT, %ecx
2:	out %al, $0x80
	dec %ecx
	jnz 2b
	rdtsc
	sub %esi, %eax
	sbb %edi, %edx
	mov %eax, %esi
	mov %edx, %edi
	mov $16, %ecx
3:	mov $0x3fd, %dx
4:	in (%dx), %al
	test $0x20, %al
	jz 4b
	mov %edi, %eax
	shr $28, %eax
	shld $4, %esi, %edi
	shl $4, %esi
	add $'0', %al
	cmp $'9', %al
	jbe 5f
	add $('a' - '0' - 10), %al
5:	mov $0x3f8, %dx
	out %al, (%dx)
	dec %ecx
	jnz 3b
	xor %eax, %eax
	out %al, $0xf4
	hlt
