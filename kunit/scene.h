/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites of the task rules share besides the world: the kinds of task
 * that the rules tell apart, the calls as a table, CPUs that are held.
 */
#ifndef TWQ_KUNIT_SCENE_H
#define TWQ_KUNIT_SCENE_H

#include "task.h"
#include "world.h"

/**
 * struct kind - a kind of task
 * @name: what a parametrised case calls it
 * @shared: SHARED_WQ
 * @far: its CPU is not the test's
 * @many: more than one CPU
 */
struct kind {
	const char *name;
	bool shared;
	bool far;
	bool many;
};

/* Names for KUNIT_ARRAY_PARAM(); its _DESC form is too new. */
static inline void kind_desc(const struct kind *kind, char *desc)
{
	strscpy(desc, kind->name, KUNIT_PARAM_DESC_SIZE);
}

/* Those that the test's own CPU may touch, and all. */
extern const struct kind scene_near[3];
extern const struct kind scene_kinds[5];

/* Every call on a task. */
enum op {
	OP_QUEUE,
	OP_QUEUE_AT,
	OP_QUEUE_BEFORE,
	OP_SCHEDULE,
	OP_UNLINK,
	OP_SET_AFFINITY,	/* to the CPU that the deadline names */
	OP_DESTROY,
	OP_DESTROY_SYNC,
	OP_DISARM,
	OP_EXTEND,
	OP_WAKEUP,		/* with the deadline as reasons */
};

/* What a case is named after, and the call that it makes. */
struct op_param {
	const char *name;
	enum op op;
	s64 ns;
};

static inline void op_desc(const struct op_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

struct call {
	enum op op;
	struct probe *p;
	s64 ns;
	s64 old_ns;
	int ret;
};

struct probe *scene_probe(struct kunit *test, const struct kind *kind);
struct probe *scene_probe_at(struct kunit *test, const struct kind *kind,
			     s64 deadline_ns);
int scene_cpu(const struct probe *p);
struct probe *probe_of(struct twq_task *task);

/* Makes a call here; in process context on @cpu; on a puppet (a struct call) */
int scene_do(enum op op, struct probe *p, s64 ns);
int scene_do_on(int cpu, enum op op, struct probe *p, s64 ns);
void scene_puppet_call(void *arg);
/* By a puppet, from where nothing may sleep. False: it did not come back. */
bool scene_puppet_do(int cpu, enum op op, struct probe *p, s64 ns);

/* From hold to let_go @cpu makes no pass. For a few seconds at most. */
void scene_hold(struct kunit *test, int cpu);
void scene_let_go(struct kunit *test, int cpu);

/* Has the module take @cpu for offline, or online again. */
void scene_serve(int cpu, bool serving);

/* The counters of all CPUs. */
struct twq_cpu_stats scene_stats(void);

/* Another CPU than those two; skips the case where there is none. */
int scene_third_cpu(struct kunit *test);

/* Spins until @word & @bits is @bits. False after too long. */
bool scene_spin(const atomic_t *word, u32 bits);

#endif /* TWQ_KUNIT_SCENE_H */
