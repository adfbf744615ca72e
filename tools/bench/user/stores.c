// SPDX-License-Identifier: GPL-2.0
/*
 * What a store to a slot with its fence takes where another CPU does the same:
 * two threads, each bound to a CPU, with slots in one cache line, in one page,
 * and in different pages; and one thread alone. Runs on the machine itself, since
 * it is about its caches: neither a peer nor /dev/twq is needed.
 */
#include <linux/twq.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "user.h"

#define STORES		5000000
#define PAGE		4096
#define LINE		64

#define NR_PLACES	4

static const struct place {
	struct peer as;
	unsigned int threads;
	size_t apart;
} places[NR_PLACES] = {
	{ { .name = "alone" }, 1, 0 },
	{ { .name = "one-line" }, 2, sizeof(struct twq_slot) },
	{ { .name = "one-page" }, 2, 2 * LINE },
	{ { .name = "two-pages" }, 2, 2 * PAGE },
};

struct storer {
	struct twq_slot *slot;
	int cpu;
	double ns;
};

static atomic_uint missing;

static void bind_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must("sched_setaffinity", sched_setaffinity(0, sizeof(set), &set));
}

/* As twq_set_slot() does it, the deadline always late enough. */
static void *store_all(void *arg)
{
	struct storer *s = arg;
	int64_t start, i;

	bind_to(s->cpu);
	atomic_fetch_sub(&missing, 1);
	while (atomic_load(&missing))
		;
	start = now_ns();
	for (i = 0; i < STORES; i++) {
		__atomic_store_n(&s->slot->deadline_ns, i, __ATOMIC_RELEASE);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (__atomic_load_n(&s->slot->position_ns, __ATOMIC_RELAXED))
			abort();
	}
	s->ns = (double)(now_ns() - start) / STORES;
	return NULL;
}

static double time_place(const struct place *place, char *memory)
{
	struct storer storers[2];
	pthread_t threads[2];
	unsigned int i;
	double ns = 0;

	atomic_store(&missing, place->threads);
	for (i = 0; i < place->threads; i++) {
		storers[i].slot = (void *)(memory + i * place->apart);
		storers[i].cpu = i;
		must("pthread_create", -pthread_create(&threads[i], NULL,
						       store_all, &storers[i]));
	}
	for (i = 0; i < place->threads; i++) {
		pthread_join(threads[i], NULL);
		ns += storers[i].ns / place->threads;
	}
	return ns;
}

void measure_stores(const struct peer *peer, const struct plan *plan)
{
	char *memory = aligned_alloc(PAGE, 4 * PAGE);
	uint32_t round;
	size_t i;

	(void)peer;
	if (!memory)
		must("memory", -1);
	for (i = 0; i < 4 * PAGE; i++)
		memory[i] = 0;
	for (round = 0; round < plan->rounds; round++)
		for (i = 0; i < NR_PLACES; i++)
			report(&places[i].as, plan, "store", plan->unit,
			       time_place(&places[i], memory));
}
