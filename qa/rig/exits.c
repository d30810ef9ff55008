/*
 * The least that a program can do around KVM_RUN: a 16-bit guest that writes port 0x80 COUNT times to warm up, then COUNT
 * times between two readings of the time-stamp counter, and ends by a read. Prints their difference and the counter's kHz. With a
 * second argument the machine has its local APIC in the kernel, as Isola's have, which costs each entry something.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

static void need(int ok, const char *what) {
  if (!ok) {
    perror(what);
    exit(1);
  }
}

int main(int argc, char **argv) {
  unsigned count = argc > 1 ? atoi(argv[1]) : 100000;
  int kvm = open("/dev/kvm", O_RDWR);
  need(kvm >= 0, "/dev/kvm");
  int vm = ioctl(kvm, KVM_CREATE_VM, 0);
  need(vm >= 0, "KVM_CREATE_VM");
  unsigned char *memory = mmap(0, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  /* mov $count, %ecx; 1: out %al, $0x80; dec %ecx; jnz 1b; rdtsc; mov %eax, %esi; mov %edx, %edi; and once more; in $0x80, %al */
  unsigned char code[] = {0x66, 0xb9, 0,    0,    0,    0,    0xe6, 0x80, 0x66, 0x49, 0x75, 0xfa, 0x0f, 0x31, 0x66,
                          0x89, 0xc6, 0x66, 0x89, 0xd7, 0x66, 0xb9, 0,    0,    0,    0,    0xe6, 0x80, 0x66, 0x49,
                          0x75, 0xfa, 0x0f, 0x31, 0xe4, 0x80};
  memcpy(code + 2, &count, 4);
  memcpy(code + 22, &count, 4);
  memcpy(memory + 0x1000, code, sizeof code);
  struct kvm_userspace_memory_region slot = {0, 0, 0, 0x10000, (unsigned long) memory};
  need(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) == 0, "memory");
  if (argc > 2) {
    struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {24}};
    need(ioctl(vm, KVM_ENABLE_CAP, &split) == 0, "KVM_CAP_SPLIT_IRQCHIP");
  }
  int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
  need(vcpu >= 0, "KVM_CREATE_VCPU");
  struct kvm_run *run = mmap(0, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  struct kvm_sregs sregs;
  ioctl(vcpu, KVM_GET_SREGS, &sregs);
  sregs.cs.base = sregs.cs.selector = 0;
  ioctl(vcpu, KVM_SET_SREGS, &sregs);
  struct kvm_regs regs = {.rip = 0x1000, .rflags = 2};
  ioctl(vcpu, KVM_SET_REGS, &regs);
  unsigned exits = 0;
  while (ioctl(vcpu, KVM_RUN, 0) == 0 && run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_OUT) {
    exits++;
  }
  need(exits == 2 * count && ioctl(vcpu, KVM_GET_REGS, &regs) == 0, "the guest did not come to its end");
  unsigned long from = regs.rdi << 32 | (unsigned) regs.rsi, to = regs.rdx << 32 | (unsigned) regs.rax;
  printf("%lu %d\n", to - from, ioctl(vcpu, KVM_GET_TSC_KHZ, 0));
  return 0;
}
