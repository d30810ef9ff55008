/*
 * A multiboot kernel that leaves its guest as often as COUNT says: writes of port 0x80, which no device minds, and
 * then 0 to the debug exit port. Assembled as flat 32-bit code for 1 MiB.
 */
	.code32
	.text
	.long 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
	.long 0x100000, 0x100000, 0, 0, 0x100020
	mov $COUNT, %ecx
1:	out %al, $0x80
	dec %ecx
	jnz 1b
	xor %eax, %eax
	out %al, $0xf4
	hlt
