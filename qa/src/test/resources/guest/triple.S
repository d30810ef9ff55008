/*
 * expect: end=shutdown
 * A double fault that cannot be delivered shuts the processor down (Intel SDM vol. 3A 6.15, #DF).
 */
#include "guest.h"
start:
	enter_protected
	movw $0x20, SCRATCH
	movl $IDT, SCRATCH + 2
	lidt SCRATCH
	ud2
	FAIL
