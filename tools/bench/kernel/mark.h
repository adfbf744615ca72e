/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Marks around what is to be profiled, for ../profile/plugin.c: instructions that
 * change nothing and that no compiler makes. They stand outside of what is timed.
 */
#ifndef TWQ_BENCH_MARK_H
#define TWQ_BENCH_MARK_H

/* xchg %bx,%bx */
static inline void bench_mark_begin(void)
{
#ifdef __x86_64__
	asm volatile(".byte 0x66, 0x87, 0xdb" : : : "memory");
#endif
}

/* xchg %cx,%cx */
static inline void bench_mark_end(void)
{
#ifdef __x86_64__
	asm volatile(".byte 0x66, 0x87, 0xc9" : : : "memory");
#endif
}

#endif /* TWQ_BENCH_MARK_H */
