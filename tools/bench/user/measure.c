// SPDX-License-Identifier: GPL-2.0
/*
 * What each operation costs while many deadlines are pending: rounds of it on
 * random ones of them. All but those that are to come due lie an hour or more
 * ahead. A peer that is slow gets fewer operations a round; one that moves too
 * slowly among so many moves nothing, and arms others besides them.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../kernel/mark.h"
#include "user.h"

#define ROUND_NS	100000000LL	/* one operation's share of a round */
#define PROBES		16
#define SINGLES		50		/* expiries one at a time */
#define SINGLE_NS	20000
#define SOME_NS		1000000LL
#define SETTLE_US	100000

static const struct peer *peer;
static const struct plan *plan;
static uint32_t *deck;
static int64_t *times;		/* of each deadline */
static int64_t *when;		/* of each one drawn */
static uint32_t ops;
static bool moves;
static uint32_t taken[TAKE_MOST];

static struct job drawn(void)
{
	return (struct job){ .which = deck, .when = when, .nr = ops };
}

/* Is @op what is to be profiled? */
static bool marked(const char *op)
{
	return plan->profile && !strcmp(plan->profile, op);
}

static double timed(void (*fn)(const struct job *job), const struct job *job)
{
	int64_t start = now_ns();

	fn(job);
	return (double)(now_ns() - start) / job->nr;
}

static double time_op(const char *op, void (*fn)(const struct job *job))
{
	struct job job = drawn();
	double ns;

	if (!fn)
		return 0;
	if (marked(op))
		bench_mark_begin();
	ns = timed(fn, &job);
	bench_mark_end();
	report(peer, plan, op, plan->unit, ns);
	return ns;
}

/* Later for @by_ns above 0, else earlier than it ever was. */
static void move_all(int64_t by_ns)
{
	uint32_t i;

	for (i = 0; i < ops; i++) {
		times[deck[i]] += by_ns > 0 ? draw_ns(1, by_ns) :
					      -draw_ns(1, -by_ns);
		when[i] = times[deck[i]];
	}
}

static void far_ahead(uint32_t nr)
{
	int64_t now = now_ns();
	uint32_t i;

	for (i = 0; i < nr; i++) {
		times[deck[i]] = draw_ns(now + 2 * HOUR_NS, now + 3 * HOUR_NS);
		when[i] = times[deck[i]];
	}
}

/*
 * Shorten, extend, shorten: as bad as it can be for a position that is left
 * behind, since each shortening goes before it.
 */
static void time_worst_case(void)
{
	struct job job = drawn();
	double sum = 0;

	move_all(-SOME_NS);
	sum += timed(peer->set, &job);
	move_all(HOUR_NS / 60);
	sum += timed(peer->set, &job);
	move_all(-HOUR_NS / 30);
	sum += timed(peer->set, &job);
	report(peer, plan, "shorten-extend-shorten", plan->unit, sum / 3);
}

static void time_moves(void)
{
	/* Draws, too, before the clock is read. */
	move_all(HOUR_NS / 4);
	time_op("extend", peer->set);
	move_all(-HOUR_NS / 2);
	time_op("shorten", peer->set);
	time_worst_case();
}

static void take_all(uint32_t nr)
{
	while (nr)
		nr -= peer->take(taken, true);
}

/*
 * All of them come due within as many nanoseconds, @ahead_ns from now: from then
 * to the last. Less than 0 when they were due before all were set.
 */
static double try_burst(int64_t ahead_ns)
{
	struct job job = drawn();
	int64_t due, set, end;
	uint32_t i;

	if (moves)
		peer->cancel(&job);
	due = now_ns() + ahead_ns;
	for (i = 0; i < ops; i++)
		when[i] = due + i;
	peer->set(&job);
	set = now_ns();
	if (marked("deliver"))
		bench_mark_begin();
	spin_until(due);
	take_all(ops);
	end = now_ns();
	bench_mark_end();
	if (moves) {
		far_ahead(ops);
		peer->set(&job);
	}
	return set < due ? (double)(end - due) / ops : -1;
}

static void time_burst(double arm_ns)
{
	int64_t ahead_ns = 2 * arm_ns * ops + SOME_NS;
	double ns;

	for (;;) {
		ns = try_burst(ahead_ns);
		if (ns >= 0)
			break;
		ahead_ns *= 2;
	}
	report(peer, plan, "deliver", plan->unit, ns);
}

static int64_t time_single(uint32_t i, int64_t ahead_ns)
{
	int64_t due;
	struct job job = { .which = deck + i, .when = &due, .nr = 1 };

	if (moves)
		peer->cancel(&job);
	due = now_ns() + ahead_ns;
	peer->set(&job);
	if (marked("deliver-single"))
		bench_mark_begin();
	spin_until(due);
	while (!peer->take(taken, false))
		;
	due = now_ns() - due;
	bench_mark_end();
	return due;
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

/* One comes due: from then to the program that looks for it. */
static void time_singles(double arm_ns)
{
	uint32_t i, nr = ops < SINGLES ? ops : SINGLES;
	int64_t late[SINGLES];
	struct job job = { .which = deck, .when = when, .nr = nr };

	for (i = 0; i < nr; i++)
		late[i] = time_single(i, 3 * arm_ns + SINGLE_NS);
	qsort(late, nr, sizeof(late[0]), compare);
	report(peer, plan, "deliver-single", plan->unit, late[nr / 2]);
	if (!moves)
		return;
	far_ahead(nr);
	peer->set(&job);
}

/* Fewer where one takes long. */
static void choose_ops(void)
{
	struct job job = { .which = deck, .when = when, .nr = PROBES };
	double ns;

	ops = plan->ops < plan->pending ? plan->ops : plan->pending;
	if (ops <= PROBES || !moves)
		return;
	far_ahead(PROBES);
	ns = timed(peer->set, &job);
	if (ns * ops > ROUND_NS)
		ops = ns * PROBES > ROUND_NS ? PROBES : ROUND_NS / ns;
}

/* What was destroyed is freed later, which is no part of what follows. */
static void settle(void)
{
	usleep(SETTLE_US);
}

static void one_round(void)
{
	struct job job = drawn();
	double arm_ns;

	draw_some(deck, plan->pending, ops);
	time_moves();
	time_op("cancel", peer->cancel);
	far_ahead(ops);
	arm_ns = time_op("arm", peer->set);
	time_op("destroy", peer->destroy);
	settle();
	time_op("create", peer->create);
	if (peer->create)
		peer->set(&job);
	settle();
	time_burst(arm_ns);
	time_singles(arm_ns);
}

/* A round's own ones beside those pending; the last ones only come due. */
static void round_without_moves(uint32_t round)
{
	double arm_ns;

	deck += plan->pending + round * ops;
	far_ahead(ops);
	arm_ns = time_op("arm", peer->set);
	deck += (plan->rounds - round) * ops;
	time_burst(arm_ns);
	time_singles(arm_ns);
	deck -= plan->pending + plan->rounds * ops;
}

void measure_ops(const struct peer *with, const struct plan *as)
{
	struct plan total = *as;
	struct job all;
	uint32_t i;

	peer = with;
	plan = as;
	moves = !peer->moves_among || plan->pending <= peer->moves_among;
	if (!moves)
		total.pending += (plan->rounds + 1) * plan->ops;
	if (!open_all(peer, &total))
		return;
	deck = make_deck(total.pending);
	times = make_times(total.pending);
	when = make_times(total.pending);
	all = (struct job){ .which = deck, .when = when, .nr = plan->pending };
	draw_some(deck, plan->pending, plan->pending);
	far_ahead(plan->pending);
	if (peer->create)
		peer->create(&all);
	peer->set(&all);
	choose_ops();
	for (i = 0; i < plan->rounds; i++)
		if (moves)
			one_round();
		else
			round_without_moves(i);
}
