// SPDX-License-Identifier: GPL-2.0
/*
 * The pass over one CPU's inbox, local wait queue and run queue, the kick that
 * asks for it, and CPU hotplug. Who may touch what is in cpu.h. The pass is a
 * tasklet: bottom-half context on the CPU that asked, never twice at once, and
 * a storm that keeps asking ends up in ksoftirqd, where the scheduler divides
 * the CPU.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>

#include <trace/events/twq.h>

#include "counters.h"
#include "cpu.h"
#include "shared.h"
#include "task.h"
#include "testpoint.h"

DEFINE_PER_CPU(struct twq_bh, twq_bh) = {
	.lock = INIT_LOCAL_LOCK(lock),
};

DEFINE_PER_CPU(struct twq_cpu, twq_cpus);
DEFINE_PER_CPU(struct twq_cpu_stats, twq_counters);

/*
 * Most positions that one pass takes from the trees, and tasks from the run
 * queue. A module parameter; READ_ONCE() pairs with the plain store of the kernel.
 */
unsigned int twq_budget = 200;

/*
 * CPUs that are their own host; changed by hotplug callbacks alone, a bit at a
 * time. Looks at it are of the moment; they pair with twq_cpu_online() and
 * twq_cpu_offline() and are ordered by nothing, see twq_cpu_serving().
 */
static struct cpumask twq_serving;
static enum cpuhp_state twq_cpuhp;

/**
 * twq_cpu_serving() - the CPUs that tasks can be sent to
 *
 * Context: any. The answer is one of the moment; tasks that go to a CPU which
 * is on its way out are found by its stand-in.
 * Return: the mask.
 */
const struct cpumask *twq_cpu_serving(void)
{
	return &twq_serving;
}

/*
 * Asks for a pass here, or the one under way for another look. Raising the
 * softirq from within its own handler would hand it to ksoftirqd whenever the
 * pass has woken somebody, and the next passes would wait for ksoftirqd's turn.
 *
 * The pass may be on another CPU when the host has just changed, and with
 * PREEMPT_RT the caller may be preempted by its end: either this sees that the
 * pass is over, or the pass sees 'again'.
 */
static void twq_cpu_ask(struct twq_cpu *c)
{
	/*
	 * Full barriers on both sides. What is to be looked at comes before:
	 * pairs with the one in twq_cpu_begin_look(), which may undo it.
	 * 'passing' comes after: pairs with the one in twq_cpu_pass().
	 */
	xchg(&c->again, true);
	twq_test_point(TWQ_TP_ASKED, NULL);
	if (!READ_ONCE(c->passing))
		tasklet_schedule(&c->bh);
}

/**
 * twq_cpu_interrupt() - an interrupt asks for a pass, or one that was cut does
 * @c: the part of a CPU that this one serves, or did when the interrupt was
 *	sent or the pass began
 *
 * In a rest the pass is left to the interrupt that ends it.
 *
 * Context: hard interrupt or bottom half.
 */
void twq_cpu_interrupt(struct twq_cpu *c)
{
	/*
	 * Both may change meanwhile. 'host' pairs with twq_cpu_rehome(): a pass
	 * finds out by twq_cpu_lock(), and kicks the next host. 'passing' pairs
	 * with twq_cpu_pass(): twq_cpu_ask() looks again, ordered.
	 */
	if (READ_ONCE(c->host) != smp_processor_id())
		twq_cpu_kick(c);
	else if (READ_ONCE(c->passing) || twq_rest_is_over(&c->rest))
		twq_cpu_ask(c);
}

static void twq_cpu_kicked(void *info)
{
	struct twq_cpu *c = info;

	/*
	 * Full barriers on both sides, paired with the test_and_set_bit() in
	 * twq_cpu_send_kick(), which is ordered if it finds the bit set, too.
	 * Before: whoever finds it clear finds the csd unlocked, as the kernel
	 * has done just now by a mere release. After: whoever finds it set has
	 * pushed what the pass will see.
	 */
	test_and_clear_bit(0, &c->kicked);
	/*
	 * A CPU takes a kick also on its way out of the idle loop, without an
	 * interrupt. PREEMPT_RT forbids to raise a softirq there and warns, see
	 * do_softirq_post_smp_call_flush().
	 */
	if (IS_ENABLED(CONFIG_PREEMPT_RT) && !in_hardirq())
		twq_rest_end(&c->rest);
	else
		twq_cpu_interrupt(c);
}

/*
 * To another CPU. The bit is needed: 'the inbox was empty' may be true for two
 * CPUs in turn before the first kick is taken, since any pass empties the
 * inbox, and the same csd must not be sent twice at once.
 */
static void twq_cpu_send_kick(struct twq_cpu *c, int host)
{
	/* Full barrier, also if it was set; pairs with twq_cpu_kicked(). */
	if (test_and_set_bit(0, &c->kicked))
		return;
	twq_count(kicks);
	/* The host is online, see cpu.h, and the bit keeps the csd free. */
	if (WARN_ON_ONCE(smp_call_function_single_async(host, &c->csd)))
		clear_bit(0, &c->kicked);
}

/**
 * twq_cpu_kick() - ask a CPU's host for a pass
 * @c: that CPU's part
 *
 * Context: any but NMI.
 */
void twq_cpu_kick(struct twq_cpu *c)
{
	int host;

	/*
	 * See cpu.h: a host that goes offline waits for the end of this. Pairs
	 * with the release and the synchronize_rcu() of the host's change.
	 */
	preempt_disable();
	host = READ_ONCE(c->host);
	if (host == smp_processor_id())
		twq_cpu_ask(c);
	else
		twq_cpu_send_kick(c, host);
	preempt_enable();
}

/**
 * twq_cpu_raise() - ask for a pass here
 *
 * Context: any but NMI.
 */
void twq_cpu_raise(void)
{
	preempt_disable();
	twq_cpu_kick(this_cpu_ptr(&twq_cpus));
	preempt_enable();
}

/**
 * twq_cpu_push() - put a QUEUED task into a CPU's inbox
 * @c: that CPU's part
 * @node: the task's inbox link
 *
 * Kicks only when the inbox was empty: otherwise somebody else's kick is still
 * to empty it.
 *
 * Context: any but NMI, preemption off since @c was chosen.
 */
void twq_cpu_push(struct twq_cpu *c, struct llist_node *node)
{
	/* Full barrier; pairs with the llist_del_all() in twq_cpu_collect(). */
	if (llist_add(node, &c->inbox))
		twq_cpu_kick(c);
}

/**
 * twq_cpu_rearm() - the rest of twq_cpu_arm(): arm the timer earlier
 * @c: the owner's part
 * @key_ns: the position
 *
 * Context: under twq_cpu_lock().
 */
void twq_cpu_rearm(struct twq_cpu *c, s64 key_ns)
{
	if (twq_timer_arm(&c->timer, key_ns))
		twq_cpu_ask(c);
}

/* -- the pass, on the host, in bottom-half context ------------------------ */

/*
 * What a pass serves, in turns, a few tasks at a time: so nothing keeps the
 * others from a CPU, however small the budget and however slow the callbacks.
 */
enum twq_turn {
	TWQ_TURN_LOCAL,		/* what is due in the local queue */
	TWQ_TURN_SHARED,	/* what is due in the shared one */
	TWQ_TURN_RUN,		/* the run queue, that is who was woken */
	TWQ_TURNS,
};

/*
 * Most tasks in a turn: one, and four times as many after each look that has run
 * some and was as quick as this, so that slow ones are not many at a time.
 */
#define TWQ_TURN_TASKS		32U
#define TWQ_TURN_QUICK_NS	(50 * (s64)NSEC_PER_USEC)

/*
 * Most tasks that a look puts into the order of arrival: a quick look, although
 * nothing of them is in the cache.
 */
#define TWQ_TURN_OVER		64U

/* Whether there is anything; who pushes meanwhile asks for another look. */
static bool twq_cpu_has_run(struct twq_cpu *c)
{
	/* Pairs with the stores below, by a former host, and twq_cpu_push(). */
	return READ_ONCE(c->run) || READ_ONCE(c->taken) ||
	       !llist_empty(&c->inbox);
}

/*
 * The run queue, filled from the inbox in the order of arrival when empty. That
 * takes a look for each TWQ_TURN_OVER of them, and there is none to run until
 * the first one has been reached: a program may wake any number at once, and
 * llist_reverse_order() would go over all of them with bottom halves off.
 */
static struct llist_node *twq_cpu_collect(struct twq_cpu *c)
{
	struct llist_node *taken = c->taken, *run = c->run, *next;
	unsigned int nr;

	twq_bh_assert_held();
	/* The full barrier of the xchg() pairs with llist_add(). */
	if (!run && !taken)
		taken = llist_del_all(&c->inbox);
	for (nr = 0; taken && nr < TWQ_TURN_OVER; nr++) {
		next = taken->next;
		taken->next = run;
		run = taken;
		taken = next;
	}
	/* Both pair with twq_cpu_has_run(). */
	WRITE_ONCE(c->taken, taken);
	WRITE_ONCE(c->run, run);
	return taken ? NULL : run;
}

/* The turns. *@more tells of more. False when not the host. */

static bool twq_cpu_expire(struct twq_cpu *c, struct twq_allowance *allow,
			   s64 now_ns, bool *more)
{
	if (!twq_cpu_lock(c))
		return false;
	twq_task_take(&c->queue, now_ns, allow, &c->due);
	*more |= twq_timer_rearm(&c->timer, twq_queue_first_key(&c->queue),
				 now_ns);
	twq_cpu_unlock(c);
	allow->has_run |= c->due.nr;
	twq_task_run_due(&c->due);
	return true;
}

static bool twq_cpu_expire_shared(struct twq_cpu *c,
				  struct twq_allowance *allow, s64 now_ns,
				  bool *more)
{
	if (!twq_shared_is_due(now_ns))
		return true;
	*more |= twq_shared_expire(now_ns, allow, &c->due);
	allow->has_run |= c->due.nr;
	twq_task_run_due(&c->due);
	return true;
}

static bool twq_cpu_run(struct twq_cpu *c, struct twq_allowance *allow,
			bool *more)
{
	const unsigned int max = min(allow->left, allow->turn);
	struct llist_node *first, *next;
	unsigned int nr;

	if (!twq_cpu_has_run(c))
		return true;
	if (!twq_cpu_lock(c))
		return false;
	first = twq_cpu_collect(c);
	next = first;
	for (nr = 0; next && nr < max; nr++)
		next = next->next;
	/* Pairs with twq_cpu_has_run(). */
	if (nr)
		WRITE_ONCE(c->run, next);
	twq_cpu_unlock(c);
	allow->left -= nr;
	allow->has_run |= nr;
	/* What has come into the inbox before this has no look of its own. */
	*more |= twq_cpu_has_run(c);
	twq_task_run_queued(first, nr, twq_clock_ns());
	return true;
}

/* The time of a look. */
static s64 twq_cpu_begin_look(struct twq_cpu *c)
{
	/*
	 * Before anything is looked at, the clock included: what is asked for
	 * after this gets a look of its own. Pairs with the xchg() in
	 * twq_cpu_ask().
	 */
	smp_store_mb(c->again, false);
	twq_test_point(TWQ_TP_LOOK, NULL);
	return twq_clock_ns();
}

static bool twq_cpu_serve(struct twq_cpu *c, struct twq_allowance *allow,
			  s64 now_ns, bool *more)
{
	switch (c->turn) {
	case TWQ_TURN_LOCAL:
		return twq_cpu_expire(c, allow, now_ns, more);
	case TWQ_TURN_SHARED:
		return twq_cpu_expire_shared(c, allow, now_ns, more);
	default:
		return twq_cpu_run(c, allow, more);
	}
}

/* One look at everything. Returns whether another one is needed. */
static bool twq_cpu_look(struct twq_cpu *c, struct twq_allowance *allow,
			 s64 now_ns)
{
	bool more = false;
	int turn;

	for (turn = 0; turn < TWQ_TURNS; turn++) {
		if (!allow->left)
			return true;
		if (!twq_cpu_serve(c, allow, now_ns, &more)) {
			/* Another CPU has become the host, see twq_cpu_kick() */
			allow->left = 0;
			return true;
		}
		c->turn = c->turn + 1 < TWQ_TURNS ? c->turn + 1 : 0;
	}
	/* Pairs with twq_cpu_ask(), as in twq_cpu_pass(). */
	return more || READ_ONCE(c->again);
}

/* One at a time of callbacks that take their time, or that are not known yet. */
static unsigned int twq_cpu_next_turn(const struct twq_allowance *allow,
				      s64 look_ns)
{
	if (look_ns >= TWQ_TURN_QUICK_NS)
		return 1;
	if (!allow->has_run)
		return allow->turn;
	return min(4 * allow->turn, TWQ_TURN_TASKS);
}

/*
 * Looks until there is nothing more or the pass has had what it may have: the
 * budget, or TWQ_PASS_NS, after which no look begins. Returns whether there may
 * be more.
 */
static bool twq_cpu_look_on(struct twq_cpu *c, s64 now_ns)
{
	struct twq_allowance allow = { READ_ONCE(twq_budget), 1, false };
	const s64 until_ns = now_ns + TWQ_PASS_NS;
	s64 last_ns;

	while (twq_cpu_look(c, &allow, now_ns)) {
		if (!allow.left)
			return true;
		last_ns = now_ns;
		now_ns = twq_cpu_begin_look(c);
		if (now_ns >= until_ns)
			return true;
		allow.turn = twq_cpu_next_turn(&allow, now_ns - last_ns);
		allow.has_run = false;
	}
	return false;
}

static void twq_cpu_pass(struct tasklet_struct *bh)
{
	struct twq_cpu *c = from_tasklet(c, bh, bh);
	s64 now_ns, since_ns;
	bool more;

	twq_count(passes);
	/* Seen late it costs a pass; pairs with twq_cpu_ask(). */
	WRITE_ONCE(c->passing, true);
	now_ns = twq_cpu_begin_look(c);
	since_ns = twq_rest_time(now_ns);
	more = twq_cpu_look_on(c, now_ns);
	twq_test_point(TWQ_TP_LOOKED, NULL);
	/* Full barrier before 'again'; pairs with the xchg() in twq_cpu_ask() */
	smp_store_mb(c->passing, false);
	/* A former host does not rest; pairs with twq_cpu_rehome(). */
	if (READ_ONCE(c->host) == smp_processor_id())
		twq_rest_begin(&c->rest, since_ns);
	if (more || READ_ONCE(c->again)) {
		twq_count(cut);
		twq_cpu_interrupt(c);
	}
}

static enum hrtimer_restart twq_cpu_fire(struct hrtimer *hr)
{
	twq_cpu_interrupt(container_of(hr, struct twq_cpu, timer.hr));
	return HRTIMER_NORESTART;
}

static enum hrtimer_restart twq_cpu_rested(struct hrtimer *hr)
{
	twq_cpu_interrupt(container_of(hr, struct twq_cpu, rest.hr));
	return HRTIMER_NORESTART;
}

/* -- hotplug -------------------------------------------------------------- */

/* On the present host: names another one. Counts the tasks that change. */
static void twq_cpu_rehome(struct twq_cpu *c, int host)
{
	if (!twq_cpu_lock(c))
		return;
	/* Pairs with llist_add(); only the host takes from the inbox. */
	this_cpu_add(twq_counters.rehomed, c->queue.nr +
		     twq_list_count(c->run) + twq_list_count(c->taken) +
		     twq_list_count(READ_ONCE(c->inbox.first)));
	twq_timer_stop(&c->timer);
	trace_twq_rehome(c->cpu, c->host, host, c->queue.nr);
	/* Pairs with the acquire in twq_cpu_lock() and with all looks. */
	smp_store_release(&c->host, host);
	twq_cpu_unlock(c);
}

static long twq_cpu_send_home(void *info)
{
	struct twq_cpu *c = info;

	twq_cpu_rehome(c, c->cpu);
	return 0;
}

/* On a CPU that has come up: it becomes its own host again. */
int twq_cpu_online(unsigned int cpu)
{
	struct twq_cpu *c = per_cpu_ptr(&twq_cpus, cpu);

	if (c->host != cpu)
		work_on_cpu(c->host, twq_cpu_send_home, c);
	cpumask_set_cpu(cpu, &twq_serving);
	twq_cpu_kick(c);
	return 0;
}

static void twq_cpu_kick_all(int host)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct twq_cpu *c = per_cpu_ptr(&twq_cpus, cpu);

		/* Stored by this CPU, in twq_cpu_rehome(). */
		if (READ_ONCE(c->host) == host)
			twq_cpu_kick(c);
	}
}

/* On a CPU that goes down: all that it serves gets another host. */
int twq_cpu_offline(unsigned int cpu)
{
	int host, other;

	cpumask_clear_cpu(cpu, &twq_serving);
	host = cpumask_first(&twq_serving);
	for_each_possible_cpu(other)
		twq_cpu_rehome(per_cpu_ptr(&twq_cpus, other), host);
	/* For what is due, then for pushes that still read this CPU's name. */
	twq_cpu_kick_all(host);
	synchronize_rcu();
	twq_cpu_kick_all(host);
	return 0;
}

/**
 * twq_cpu_read_stats() - counters of one CPU
 * @cpu: the CPU
 * @stats: where they are added
 *
 * Context: any. Counters that change meanwhile may be of different moments.
 */
void twq_cpu_read_stats(unsigned int cpu, struct twq_cpu_stats *stats)
{
	twq_counters_add(stats, per_cpu_ptr(&twq_counters, cpu),
			 sizeof(*stats));
	/* Pair with the WRITE_ONCE()s in queue.h. */
	stats->local_depth += READ_ONCE(per_cpu(twq_cpus, cpu).queue.nr);
	stats->shared_depth = READ_ONCE(twq_shared.queue.nr);
}

/**
 * twq_cpu_init() - make all CPUs' parts and begin to serve them
 *
 * Context: process, before the first task.
 * Return: 0 or a negative errno.
 */
int twq_cpu_init(void)
{
	struct twq_cpu *c;
	int cpu, err;

	cpus_read_lock();
	for_each_possible_cpu(cpu) {
		c = per_cpu_ptr(&twq_cpus, cpu);
		twq_queue_init(&c->queue);
		twq_timer_init(&c->timer, twq_cpu_fire);
		twq_rest_init(&c->rest, twq_cpu_rested);
		c->run = NULL;
		c->taken = NULL;
		init_llist_head(&c->inbox);
		tasklet_setup(&c->bh, twq_cpu_pass);
		INIT_CSD(&c->csd, twq_cpu_kicked, c);
		c->cpu = cpu;
		c->host = cpumask_first(cpu_online_mask);
	}
	err = cpuhp_setup_state_cpuslocked(CPUHP_AP_ONLINE_DYN, "twq:online",
					   twq_cpu_online, twq_cpu_offline);
	cpus_read_unlock();
	if (err < 0)
		return err;
	twq_cpuhp = err;
	return 0;
}

static void twq_cpu_nop(void *info)
{
}

static void twq_cpu_stop_rests(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		twq_rest_stop(&per_cpu(twq_cpus, cpu).rest);
}

static void twq_cpu_kill_passes(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		tasklet_kill(&per_cpu(twq_cpus, cpu).bh);
}

/**
 * twq_cpu_exit() - stop serving
 *
 * Context: process, after the last task. On return nothing of this file runs.
 */
void twq_cpu_exit(void)
{
	int cpu, round;

	/* From here nobody names another host: no CPU may go down. */
	cpus_read_lock();
	cpuhp_remove_state_nocalls_cpuslocked(twq_cpuhp);
	for_each_possible_cpu(cpu)
		twq_timer_stop(&per_cpu(twq_cpus, cpu).timer);
	/*
	 * With no task left a pass asks for no other, but it may be on a CPU
	 * that has ceased to be the host and send a last kick. After the first
	 * tasklet_kill() kicks are only under way, perhaps by a timer. An
	 * interrupt serves synchronous calls first, so a round may end before a
	 * kick of the same batch, but the next is of a later batch; and a kick
	 * may be sent on once: two rounds for each. Then the passes that those
	 * kicks have started, one of which may have been asked for another look
	 * and have left that to the end of a rest: once more both.
	 */
	twq_cpu_kill_passes();
	for (round = 0; round < 4; round++) {
		on_each_cpu(twq_cpu_nop, NULL, 1);
		twq_cpu_stop_rests();
	}
	twq_cpu_kill_passes();
	twq_cpu_stop_rests();
	twq_cpu_kill_passes();
	cpus_read_unlock();
}
