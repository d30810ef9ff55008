/*
 * Runs test cases on the host processor. Each case is a piece of machine code with the whole user
 * state before it; the state after it, or at its fault, is written back.
 *
 * Everything happens in one signal handler: it takes the state of the case that just trapped out of
 * the signal frame and puts the next case's state in, so that returning from the handler starts that
 * case. Code ends with HLT, which traps in user mode.
 *
 * usage: host FILE CASES. FILE holds CASES records (see struct record), shared with the caller. Each
 * 4-byte count on standard input runs so many cases and is answered by one byte.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define DATA ((char *)0x20000000)
#define READ_ONLY ((char *)0x20003000)
#define CODE ((char *)0x30000000)
#define PAGE 4096
#define CODE_BYTES 192
#define YMM_AT 576 /* in the XSAVE image of a signal frame */

struct state {
  uint64_t gpr[16]; /* RAX RCX RDX RBX RSP RBP RSI RDI R8-R15 */
  uint64_t rip;
  uint64_t rflags;
  uint64_t trap;  /* vector */
  uint64_t error; /* error code */
  uint64_t cr2;
  uint64_t signal;
  uint64_t unused[2];
  unsigned char fx[512];
  unsigned char ymm[256]; /* the upper halves */
  unsigned char data[PAGE];
};

struct record {
  uint32_t mode; /* 64 or 32 */
  uint32_t length;
  unsigned char code[CODE_BYTES];
  unsigned char unused[56];
  struct state in;
  struct state out;
};

static struct record *records;
static int has_ymm;
static char *code; /* the code page, where it can be written */
static volatile int count;
static volatile int current;
static gregset_t home;
static unsigned char home_fx[512];
static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                              REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                              REG_R12, REG_R13, REG_R14, REG_R15};

static void copy(void *to, const void *from, unsigned long bytes) {
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

static void take(int signal, ucontext_t *context) {
  greg_t *regs = context->uc_mcontext.gregs;
  struct state *out = &records[current].out;
  for (int i = 0; i < 16; i++) out->gpr[i] = regs[order[i]];
  out->rip = regs[REG_RIP];
  out->rflags = regs[REG_EFL];
  out->trap = regs[REG_TRAPNO];
  out->error = regs[REG_ERR];
  out->cr2 = regs[REG_CR2];
  out->signal = signal;
  unsigned char *fx = (unsigned char *)context->uc_mcontext.fpregs;
  copy(out->fx, fx, 512);
  for (int i = 0; i < 256; i++) out->ymm[i] = 0;
  if (fx[512] & 4) copy(out->ymm, fx + YMM_AT, 256);
  copy(out->data, DATA, PAGE);
}

static void give(ucontext_t *context) {
  greg_t *regs = context->uc_mcontext.gregs;
  struct record *r = &records[current];
  for (int i = 0; i < 16; i++) regs[order[i]] = r->in.gpr[i];
  regs[REG_RIP] = r->in.rip;
  regs[REG_EFL] = r->in.rflags;
  uint64_t cs = r->mode == 32 ? 0x23 : 0x33;
  regs[REG_CSGSFS] = (regs[REG_CSGSFS] & 0x0000ffffffff0000ull) | cs | 0x2bull << 48;
  unsigned char *fx = (unsigned char *)context->uc_mcontext.fpregs;
  copy(fx, r->in.fx, 464); /* the kernel's own bytes follow */
  fx[512] |= 3;            /* XSTATE_BV: x87 and SSE are in the frame */
  if (has_ymm) {
    fx[512] = (fx[512] & 0x1f) | 4; /* AVX too; what AVX-512 adds is in its initial state */
    copy(fx + YMM_AT, r->in.ymm, 256);
  }
  copy(DATA, r->in.data, PAGE);
  copy(code, r->code, CODE_BYTES); /* HLT follows the code */
}

static void handle(int signal, siginfo_t *info, void *argument) {
  ucontext_t *context = argument;
  (void)info;
  if (current < 0) {
    copy(home, context->uc_mcontext.gregs, sizeof home);
    copy(home_fx, context->uc_mcontext.fpregs, 512);
    home[REG_RIP] += 2;
  } else {
    take(signal, context);
  }
  current++;
  if (current < count) {
    give(context);
  } else {
    copy(context->uc_mcontext.gregs, home, sizeof home);
    copy(context->uc_mcontext.fpregs, home_fx, 464);
  }
}

static char *map(char *at, int protection) {
  char *p = mmap(at, PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE,
                 -1, 0);
  if (p != at) {
    perror("mmap");
    exit(3);
  }
  return p;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  has_ymm = __builtin_cpu_supports("avx");
  unsigned long cases = strtoul(argv[2], NULL, 10);
  int fd = open(argv[1], O_RDWR);
  records = mmap(NULL, cases * sizeof(struct record), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (fd < 0 || records == MAP_FAILED) {
    perror(argv[1]);
    return 3;
  }
  memset(map(DATA, PROT_READ | PROT_WRITE), 1, PAGE);
  int page = memfd_create("code", 0);
  if (page < 0 || ftruncate(page, PAGE) != 0) return 3;
  code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
  char *there = mmap(CODE, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, page, 0);
  if (code == MAP_FAILED || there != CODE) {
    perror("code page");
    return 3;
  }
  memset(code, 0xf4, PAGE);
  memset(map(READ_ONLY, PROT_READ | PROT_WRITE), 0, PAGE);
  mprotect(READ_ONLY, PAGE, PROT_READ);
  stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
  sigaltstack(&stack, NULL);
  struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
  /* 32-bit code needs data segments; 64-bit code does not look at them. */
  __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(0x2b));
  uint32_t n;
  while (read(0, &n, 4) == 4) {
    if (n > cases) return 4;
    count = n;
    current = -1;
    if (n > 0) __asm__ volatile("ud2" : : : "memory", "cc");
    char done = 1;
    if (write(1, &done, 1) != 1) return 5;
  }
  return 0;
}
