// SPDX-License-Identifier: GPL-2.0
/*
 * The model beside each task of the storm: what a call may answer, where and
 * why process() may run, what becomes of each deadline. What a CPU does to a
 * task while another CPU is on its way down or up is not known exactly; then
 * both answers are right.
 */
#include <linux/ktime.h>
#include <linux/smp.h>

#include "storm_live.h"

struct live live;

const u32 live_reasons[LIVE_REASONS] = {
	TWQ_WOKEN_INIT, TWQ_WOKEN_IO, TWQ_WOKEN_MSG, TWQ_WOKEN_RES,
};

void live_flaw(const char *fmt, ...)
{
	unsigned int n = atomic_fetch_inc(&live.flaws);
	va_list args;

	if (n >= ARRAY_SIZE(live.flaw))
		return;
	va_start(args, fmt);
	vsnprintf(live.flaw[n], sizeof(live.flaw[n]), fmt, args);
	va_end(args);
}

/* -- CPUs ----------------------------------------------------------------- */

/* Those of @cpus that were neither down nor on the way since @since_ns. */
static unsigned long live_steady_cpus(unsigned long cpus, s64 since_ns)
{
	unsigned long steady = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		if (cpus & BIT(cpu) &&
		    atomic64_read(&live.down_till_ns[cpu]) < since_ns)
			steady |= BIT(cpu);
	}
	return steady;
}

/* Whether at least one of @cpus was there all the time. */
bool live_steady(unsigned long cpus, s64 since_ns)
{
	return live_steady_cpus(cpus, since_ns);
}

static bool live_all_steady(s64 since_ns)
{
	return live_steady_cpus(live.cpus, since_ns) == live.cpus;
}

/* -- masks ---------------------------------------------------------------- */

void live_mask_init(struct live_task *t, unsigned long cpus)
{
	int i;

	spin_lock_init(&t->lock);
	for (i = 0; i < LIVE_MASKS; i++)
		t->masks[i].from_ns = S64_MAX;
	t->masks[0] = (struct live_mask){ .cpus = cpus, .till_ns = S64_MAX };
}

/* From here the task may have @cpus. False: its mask is being changed. */
bool live_mask_begin(struct live_task *t, unsigned long cpus)
{
	struct live_mask *next;

	if (t->wild)
		return true;
	if (test_and_set_bit(0, &t->remasking))
		return false;
	spin_lock_bh(&t->lock);
	next = &t->masks[(t->mask + 1) % LIVE_MASKS];
	if (next->from_ns != S64_MAX)
		t->forgot_ns = next->till_ns;
	next->cpus = cpus;
	next->from_ns = ktime_get();
	next->till_ns = S64_MAX;
	spin_unlock_bh(&t->lock);
	return true;
}

void live_mask_end(struct live_task *t, bool changed)
{
	unsigned int next = (t->mask + 1) % LIVE_MASKS;

	if (t->wild)
		return;
	spin_lock_bh(&t->lock);
	if (changed) {
		t->masks[t->mask].till_ns = ktime_get();
		t->mask = next;
	} else {
		t->masks[next].from_ns = S64_MAX;
	}
	spin_unlock_bh(&t->lock);
	clear_bit_unlock(0, &t->remasking);
}

static bool live_mask_allows(struct live_task *t, int cpu, s64 run_ns)
{
	s64 now_ns = ktime_get();
	bool allowed = false;
	int i;

	spin_lock_bh(&t->lock);
	for (i = 0; i < LIVE_MASKS; i++) {
		const struct live_mask *m = &t->masks[i];

		if (m->from_ns > now_ns || m->till_ns < run_ns)
			continue;
		/* Where none of the mask is online, any may run it. */
		if (m->cpus & BIT(cpu) || !live_steady_cpus(m->cpus, run_ns))
			allowed = true;
	}
	if (t->forgot_ns >= run_ns)
		allowed = true;
	spin_unlock_bh(&t->lock);
	return allowed || t->wild;
}

/* -- calls ---------------------------------------------------------------- */

/* A thread that is bound to no CPU may leave the one that it is on. */
static int live_this_cpu(void)
{
	/* Changed by another CPU when ours goes down: then nothing is exact. */
	if (!in_softirq() && data_race(current->nr_cpus_allowed) != 1)
		return -1;
	return raw_smp_processor_id();
}

struct live_call live_call(struct live_task *t)
{
	struct live_call c = {
		.t = t,
		.cpu = live_this_cpu(),
		.since_ns = ktime_get(),
		.done = atomic_read_acquire(&t->done),
	};

	atomic_inc(&live.calls);
	return c;
}

/* On a task without SHARED_WQ: which CPU it is decides, and nothing else. */
static void live_answered_local(const struct live_call *c, int err,
				const char *name)
{
	bool refused = err == -EXDEV;

	if (c->cpu < 0 || !live_all_steady(c->since_ns))
		return;
	if (refused && c->cpu == c->t->owner)
		live_flaw("%s() refused on the owner, CPU %d", name, c->cpu);
	if (!refused && c->cpu != c->t->owner)
		live_flaw("%s() on CPU %d took a task of CPU %d: %d", name,
			  c->cpu, c->t->owner, err);
}

/* For the calls that work on the tree. */
void live_answered(const struct live_call *c, int err, const char *name)
{
	int began = atomic_read_acquire(&c->t->began);

	if (err == -EXDEV)
		atomic_inc(&live.refused);
	if (c->t->class == LIVE_LOCAL)
		live_answered_local(c, err, name);
	else if (err == -EXDEV && c->done & LIVE_SHARED)
		live_flaw("%s() refused on a shared task", name);
	if (!err && c->done & LIVE_KILLED)
		live_flaw("%s() took a destroyed task", name);
	if (err == -ESRCH && !(began & LIVE_KILLED))
		live_flaw("%s() found a live task destroyed", name);
	if (err && err != -ESRCH && err != -EXDEV)
		live_flaw("%s() answered %d", name, err);
}

/* The deadline was @old_ns and is @new_ns. */
void live_account(struct live_task *t, s64 old_ns, s64 new_ns)
{
	if (new_ns != TWQ_ETERNITY)
		atomic_inc(&t->armed);
	if (old_ns != TWQ_ETERNITY)
		atomic_inc(&t->ended_early);
}

/* -- runs ----------------------------------------------------------------- */

static void live_check_reasons(struct live_task *t, u32 reasons)
{
	u32 invented = reasons & ~atomic_read_acquire(&t->given);
	int began = atomic_read_acquire(&t->began);
	s64 now_ns = ktime_get();
	int i;

	if (invented)
		live_flaw("process() saw reasons %x that nobody gave",
			  invented);
	if (!reasons && !(began & LIVE_IDLE_WAKE) &&
	    !atomic_read(&live.hotplugs))
		live_flaw("process() ran without a reason");
	for (i = 0; i < LIVE_REASONS; i++)
		if (reasons & live_reasons[i])
			atomic64_set(&t->seen_ns[i], now_ns);
}

/* At the beginning of process(). */
void live_started(struct live_task *t, u32 reasons)
{
	s64 run_ns = twq_task_run_time(&t->task);
	int cpu = smp_processor_id();

	atomic_inc(&live.runs);
	atomic_inc(&t->runs);
	if (atomic_inc_return(&t->running) > 1)
		live_flaw("process() runs on CPU %d and another one", cpu);
	if (READ_ONCE(t->ended))
		live_flaw("process() runs after destroy_sync()");
	if (run_ns > atomic64_read(&t->killed_ns))
		live_flaw("process() was started after destroy()");
	if (!live_mask_allows(t, cpu, run_ns))
		live_flaw("process() runs on CPU %d outside its mask %lx", cpu,
			  t->masks[t->mask].cpus);
	live_check_reasons(t, reasons);
}

/* -- at rest -------------------------------------------------------------- */

static void live_check_ledger(struct live_task *t)
{
	int armed = atomic_read(&t->armed);
	int ended = atomic_read(&t->ended_early) + atomic_read(&t->fired) +
		    atomic_read(&t->dropped);

	if (!t->open && armed != ended)
		live_flaw("%d deadlines, %d ends of them (%d fired)", armed,
			  ended, atomic_read(&t->fired));
}

/* Of a task that is at rest: nothing is left over. */
void live_check_rest(struct live_task *t)
{
	s64 late_ns = ktime_get() - twq_task_expires(&t->task);
	int i;

	if (twq_task_expires(&t->task) != TWQ_ETERNITY)
		live_flaw("silent: a deadline of %lld us ago, state %x, %s",
			  late_ns / 1000, twq_task_state(&t->task),
			  twq_node_linked(&t->task.node) ? "queued" :
							   "in no tree");
	if (!twq_node_linked(&t->task.node) &&
	    t->task.slot->position_ns != TWQ_ETERNITY)
		live_flaw("a position is told of a task in no tree");
	for (i = 0; i < LIVE_REASONS; i++)
		if (atomic64_read(&t->seen_ns[i]) <
		    atomic64_read(&t->given_ns[i]))
			live_flaw("a wake-up was lost: reason %x, state %x",
				  live_reasons[i], twq_task_state(&t->task));
	live_check_ledger(t);
}

/* Of a task whose memory is about to go. */
void live_check_end(struct live_task *t)
{
	if (atomic_read(&t->kills) != !t->hidden)
		live_flaw("%d calls say that they have ended a task",
			  atomic_read(&t->kills));
	if (atomic_read(&t->running))
		live_flaw("a task is freed in process()");
	live_check_ledger(t);
}
