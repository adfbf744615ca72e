// SPDX-License-Identifier: GPL-2.0
/*
 * The benchmark's module: runs on loading what its parameters name, and prints
 * a line for each sample, "bench: key=value ..."; see tools/bench/bench.py.
 */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "bench.h"
#include "mark.h"

static char *set = "ops";
module_param(set, charp, 0444);
MODULE_PARM_DESC(set, "what to measure: ops, expire, mix, scale");

static char *who = "";
module_param(who, charp, 0444);
MODULE_PARM_DESC(who, "one peer; all by default");

static uint pending[8] = { 100000 };
static int nr_pending = 1;
module_param_array(pending, uint, &nr_pending, 0444);
MODULE_PARM_DESC(pending, "numbers of pending deadlines");

static uint samples = 3;
module_param(samples, uint, 0444);
MODULE_PARM_DESC(samples, "samples of each figure");

static char *unit = "ns";
module_param(unit, charp, 0444);
MODULE_PARM_DESC(unit, "what the clock counts: ns or insn");

static char *profile = "";
module_param(profile, charp, 0444);
MODULE_PARM_DESC(profile, "what to mark for a profile: expire, expire-apart");

static const struct bench_peer *const peers[] = {
	&bench_none, &bench_rbtree, &bench_twq_local, &bench_twq_shared,
	&bench_hrtimer, &bench_hrtimer_soft, &bench_timer,
};

void *bench_item(const struct bench *b, u32 n)
{
	return b->items + n * b->peer->size;
}

u64 bench_random(struct bench *b, u64 below)
{
	u64 r = prandom_u32_state(&b->rnd);

	r = r << 32 | prandom_u32_state(&b->rnd);
	return mul_u64_u64_shr(r, below, 64);
}

/* The number of the n-th item of the present batch. */
u32 bench_pick(struct bench *b, u32 n)
{
	return b->order[(b->next + n) % b->pending];
}

/* Item @n of @b and a deadline for it. */
void bench_step(const struct bench *b, struct bench_step *step, u32 n,
		s64 when_ns)
{
	s64 left_ns;

	step->item = bench_item(b, n);
	step->when = when_ns;
	if (!b->peer->jiffies)
		return;
	left_ns = max_t(s64, when_ns - ktime_get_ns(), 0);
	step->when = jiffies + nsecs_to_jiffies(left_ns) + 1;
}

/* Makes the @nr steps from @first on. Returns the nanoseconds. */
s64 bench_loop(struct bench *b, enum bench_op op, u32 first, u32 nr)
{
	s64 start_ns = ktime_get_ns();

	b->peer->loop[op](&b->steps[first], &b->steps[first + nr]);
	return ktime_get_ns() - start_ns - b->clock_ns;
}

static s64 clock_cost(struct bench *b)
{
	s64 best_ns = S64_MAX;
	int try;

	for (try = 0; try < 9; try++)
		best_ns = min(best_ns, bench_loop(b, BENCH_ARM, 0, 0));
	return best_ns;
}

bool bench_counts_instructions(void)
{
	return !strcmp(unit, "insn");
}

/* @op begins, or has ended. */
void bench_profile(const char *op, bool begin)
{
	if (strcmp(profile, op))
		return;
	if (begin)
		bench_mark_begin();
	else
		bench_mark_end();
}

/* A round of @steps took @ns. All rounds have as many steps. */
void bench_add(struct bench_figure *figure, s64 ns, u32 steps)
{
	if (figure->rounds < BENCH_ROUNDS)
		figure->ns[figure->rounds++] = ns;
	figure->steps = steps;
}

static int compare(const void *a, const void *b)
{
	const s64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/*
 * Instructions are the same in every run, so that their mean says what the rare
 * ones cost, too. Of times it is the mean of the middle half: a host that takes
 * the CPU away for a while is not to be measured. Hundredths of a nanosecond.
 */
static s64 centre(struct bench_figure *figure)
{
	u32 from = 0, to = figure->rounds, i;
	s64 sum = 0;

	if (!bench_counts_instructions()) {
		sort(figure->ns, to, sizeof(s64), compare, NULL);
		from = to / 4;
		to -= from;
	}
	for (i = from; i < to; i++)
		sum += figure->ns[i];
	return div_s64(sum * 100, (to - from) * figure->steps);
}

void bench_report(const struct bench *b, const char *op,
		  struct bench_figure *figure)
{
	s64 value = centre(figure);

	pr_info("bench: where=kernel op=%s who=%s pending=%u unit=%s value=%s%lld.%02lld\n",
		op, b->peer->name, b->pending, unit, value < 0 ? "-" : "",
		abs(value) / 100, abs(value) % 100);
}

static void shuffle(struct bench *b)
{
	u32 i;

	for (i = 0; i < b->pending; i++)
		b->order[i] = i;
	for (i = b->pending - 1; i; i--) {
		u32 other = bench_random(b, i + 1);

		swap(b->order[i], b->order[other]);
	}
}

void bench_free(struct bench *b)
{
	u32 n;

	for (n = 0; b->peer->fini && n < b->made; n++) {
		b->peer->fini(bench_item(b, n));
		if (!(n % 1024))
			cond_resched();
	}
	vfree(b->items);
	vfree(b->low_ns);
	vfree(b->order);
	vfree(b->steps);
}

/* Arms all that are to be pending. */
static void fill(struct bench *b)
{
	for (b->next = 0; b->next < b->pending; ) {
		u32 i, nr = min(b->batch, b->pending - b->next);

		for (i = 0; i < nr; i++) {
			u32 n = bench_pick(b, i);

			b->low_ns[n] = b->base_ns + BENCH_RANGE_NS +
				       bench_random(b, 2 * BENCH_RANGE_NS);
			bench_step(b, &b->steps[i], n, b->low_ns[n]);
		}
		bench_loop(b, BENCH_ARM, 0, nr);
		b->next += nr;
		cond_resched();
	}
	b->next = 0;
}

/* Is to be followed by bench_free(), whatever it returns. */
int bench_make(struct bench *b, const struct bench_peer *peer, u32 nr)
{
	memset(b, 0, sizeof(*b));
	b->peer = peer;
	b->pending = nr;
	b->batch = clamp(nr / 10, 1U, 1000U);
	prandom_seed_state(&b->rnd, 4);
	b->base_ns = ktime_get_ns() + 2 * BENCH_RANGE_NS;
	b->items = vzalloc((nr + b->batch) * peer->size);
	b->low_ns = vzalloc((nr + b->batch) * sizeof(*b->low_ns));
	b->order = vzalloc(nr * sizeof(*b->order));
	b->steps = vzalloc(b->batch * sizeof(*b->steps));
	if (!b->items || !b->low_ns || !b->order || !b->steps)
		return -ENOMEM;
	for (; b->made < nr + b->batch; b->made++)
		if (peer->init && peer->init(bench_item(b, b->made)))
			return -ENOMEM;
	b->clock_ns = clock_cost(b);
	shuffle(b);
	fill(b);
	return 0;
}

static int run_peer(const struct bench_peer *peer, u32 nr)
{
	struct bench b;
	uint sample;
	int err = bench_make(&b, peer, nr);

	for (sample = 0; !err && sample < samples; sample++) {
		if (strstr(set, "ops") && !peer->soft)
			bench_ops(&b);
		if (strstr(set, "expire") && peer->fires)
			bench_expire(&b);
	}
	/* Last: its deadlines are near, and come due afterwards. */
	for (sample = 0; !err && sample < samples; sample++)
		if (strstr(set, "mix") && peer->fires && !peer->soft)
			bench_mix(&b);
	bench_free(&b);
	return err;
}

static int run(void *done)
{
	int i, n, err = 0;

	for (n = 0; n < nr_pending; n++)
		for (i = 0; i < ARRAY_SIZE(peers) && !err; i++)
			if (!*who || !strcmp(who, peers[i]->name))
				err = run_peer(peers[i], pending[n]);
	for (i = 0; strstr(set, "scale") && i < ARRAY_SIZE(peers) && !err; i++)
		if (peers[i]->fires && !peers[i]->soft && (!*who || !strcmp(who, peers[i]->name)))
			err = bench_scale(peers[i], samples);
	if (err)
		pr_err("bench: error %d\n", err);
	else
		pr_info("bench: end\n");
	kthread_complete_and_exit(done, 0);
}

static int __init bench_init(void)
{
	DECLARE_COMPLETION_ONSTACK(done);
	struct task_struct *thread = kthread_create(run, &done, "twq_bench");

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	kthread_bind(thread, 0);
	wake_up_process(thread);
	/* Not 'uninterruptible', which would be taken for a hang. */
	while (wait_for_completion_interruptible(&done))
		;
	return 0;
}

static void __exit bench_exit(void)
{
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("Benchmark of twq against the kernel's timers");
MODULE_LICENSE("GPL");
