// SPDX-License-Identifier: GPL-2.0
/*
 * How late a program that waits has an expiry: deadlines in random order over a
 * second, from each of them to the time when the call that waited for it has
 * returned and, where there is another one to make for each, that is made.
 *
 * They are as far from each other as makes them meet the kernel's tick, of 4 ms or
 * 1 ms, at all of its phases: were it 100 us, then one in 40 would meet it in
 * some runs and none in others, and that is what p99 would tell.
 *
 * All peers have the same deadlines, all set beforehand by the same loop in the
 * same order, and one thread that does nothing but wait, so that the CPU is idle
 * whenever one is due: timerfd in epoll_wait(), then read(); twq in read(), and
 * in epoll_wait(), then read() (twq-epoll). Where the clock counts instructions,
 * an idle CPU's clock jumps to what it waits for, and nothing else runs.
 */
#include <stdlib.h>

#include "user.h"

#define AHEAD_NS	20000000LL
#define SET_NS		10000LL
#define MOST		10000	/* a second: no CPU should be busy by them */

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static void report_all(const struct peer *peer, const struct plan *plan,
		       int64_t *late)
{
	uint32_t nr = plan->pending;

	qsort(late, nr, sizeof(*late), compare);
	report(peer, plan, "lateness-p50", plan->unit, late[nr / 2]);
	report(peer, plan, "lateness-p99", plan->unit, late[nr * 99 / 100]);
	report(peer, plan, "lateness-max", plan->unit, late[nr - 1]);
}

/* After the first one, in a second and a little more. */
static int64_t due_ns(uint32_t which, uint32_t nr)
{
	return which * NSEC_PER_SEC / 1000 * 1017 / nr;
}

/* The first is due @ahead_ns from now. False when that was before all were set. */
static bool try_round(const struct peer *peer, const struct job *all,
		      int64_t ahead_ns, int64_t *late)
{
	static uint32_t taken[TAKE_MOST];
	int64_t start, set, now;
	uint32_t i, got, had = 0;

	start = now_ns() + ahead_ns;
	for (i = 0; i < all->nr; i++)
		((int64_t *)all->when)[i] =
			start + due_ns(all->which[i], all->nr);
	peer->set(all);
	set = now_ns();
	while (had < all->nr) {
		got = peer->take(taken, true);
		now = now_ns();
		for (i = 0; i < got; i++)
			late[had++] = now - start - due_ns(taken[i], all->nr);
	}
	return set < start;
}

void measure_lateness(const struct peer *peer, const struct plan *plan)
{
	int64_t *late, ahead_ns = AHEAD_NS + plan->pending * SET_NS;
	uint32_t nr = plan->pending;
	uint32_t *deck, i;
	struct job all;

	if (nr > MOST || !open_all(peer, plan))
		return;
	deck = make_deck(nr);
	late = make_times(nr);
	all = (struct job){ .which = deck, .when = make_times(nr), .nr = nr };
	if (peer->create)
		peer->create(&all);
	for (i = 0; i < plan->rounds; i++) {
		draw_some(deck, nr, nr);
		while (!try_round(peer, &all, ahead_ns, late))
			ahead_ns *= 2;
		report_all(peer, plan, late);
	}
}
