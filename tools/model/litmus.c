// SPDX-License-Identifier: GPL-2.0
/*
 * The protocol of the slots on this machine's own CPUs: two threads, each bound
 * to a CPU, make the shape to which it comes down, 'store buffering':
 *
 *   program  stores a deadline, fence, loads the position
 *            (see struct twq_slot; twq_task_store_expires() is the same)
 *   module   stores a position, barrier, loads the deadline
 *            (twq_task_tell() and the look after it in twq_tree_settle(), or
 *            that of the run which follows twq_task_due())
 *
 * Both miss when each loads what was there before the other's store: the
 * deadline is silent. slot.litmus is the same for the memory model of the
 * kernel, slot.pml all the rest.
 *
 * litmus [SECONDS]: without one of the fences, the other side's store being a
 * release, that has to be seen within SECONDS, or nothing is proved by this
 * machine ('not shown', exit status 77). With both it must not be seen in as
 * many rounds, and no fewer than MIN_ROUNDS (else exit status 1).
 */
#define _GNU_SOURCE
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CELLS		32768	/* rounds between two meetings */
#define MIN_ROUNDS	10000000UL

struct cell {
	alignas(64) atomic_llong deadline;
	alignas(64) atomic_llong position;
};

enum side { PROGRAM, MODULE };

static struct cell cells[CELLS];
static bool missed[2][CELLS];
static bool fenced[2];
static atomic_uint arrived, meetings;
static atomic_bool over;

/* Both threads are here before one goes on. The last one does @last first. */
static void meet(void (*last)(void))
{
	unsigned int now = atomic_load(&meetings);

	if (atomic_fetch_add(&arrived, 1) == 1) {
		if (last)
			last();
		atomic_store(&arrived, 0);
		atomic_store(&meetings, now + 1);
		return;
	}
	while (atomic_load(&meetings) == now)
		sched_yield();
}

static bool turn(atomic_llong *mine, atomic_llong *other, bool fence)
{
	atomic_store_explicit(mine, 1, memory_order_release);
	if (fence)
		atomic_thread_fence(memory_order_seq_cst);
	return !atomic_load_explicit(other, memory_order_relaxed);
}

static void play(enum side side)
{
	bool fence = fenced[side];
	int i;

	for (i = 0; i < CELLS; i++) {
		struct cell *c = &cells[i];

		missed[side][i] = side == PROGRAM ?
			turn(&c->deadline, &c->position, fence) :
			turn(&c->position, &c->deadline, fence);
	}
}

static unsigned long rounds, least, both;
static time_t end;

static void count(void)
{
	int i;

	for (i = 0; i < CELLS; i++)
		both += missed[PROGRAM][i] && missed[MODULE][i];
	memset(cells, 0, sizeof(cells));
	rounds += CELLS;
	atomic_store(&over, (both && rounds >= least) ||
		     (rounds >= least && time(NULL) >= end));
}

static void *work(void *arg)
{
	enum side side = (enum side)(intptr_t)arg;

	do {
		meet(NULL);
		play(side);
		meet(count);
	} while (!atomic_load(&over));
	return NULL;
}

/* Starts a side on the @nth CPU that this process may use. */
static pthread_t start(enum side side, int nth)
{
	pthread_attr_t attr;
	cpu_set_t may, one;
	pthread_t thread;
	int cpu;

	if (sched_getaffinity(0, sizeof(may), &may))
		err(1, "sched_getaffinity");
	if (CPU_COUNT(&may) < 2) {
		printf("not shown - there is one CPU only\n");
		exit(77);
	}
	for (cpu = 0; !CPU_ISSET(cpu, &may) || nth--; cpu++)
		;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(one), &one);
	if (pthread_create(&thread, &attr, work, (void *)(intptr_t)side))
		errx(1, "no thread on CPU %d", cpu);
	pthread_attr_destroy(&attr);
	return thread;
}

/* Returns how often both have missed in at least @min rounds. */
static unsigned long run(bool program, bool module, unsigned long min,
			 int seconds)
{
	pthread_t threads[2];

	fenced[PROGRAM] = program;
	fenced[MODULE] = module;
	rounds = 0;
	both = 0;
	least = min;
	end = time(NULL) + seconds;
	threads[0] = start(PROGRAM, 0);
	threads[1] = start(MODULE, 1);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	return both;
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 10, side, status = 0;
	unsigned long min = MIN_ROUNDS, seen;

	for (side = PROGRAM; side <= MODULE; side++) {
		seen = run(side != PROGRAM, side != MODULE, 0, seconds);
		printf("%s - without the %s's fence both miss %lu times in %lu rounds\n",
		       seen ? "ok" : "not shown",
		       side == PROGRAM ? "program" : "module", seen, rounds);
		if (!seen)
			status = 77;
		if (rounds > min)
			min = rounds;
	}
	seen = run(true, true, min, 0);
	printf("%s - with both fences both miss %lu times in %lu rounds\n",
	       seen ? "FAILED" : "ok", seen, rounds);
	return seen ? 1 : status;
}
