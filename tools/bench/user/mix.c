// SPDX-License-Identifier: GPL-2.0
/*
 * The timeouts of connections: each I/O moves the one of its connection to 30 s
 * from now, 1 % of them closes it instead and another is opened in its place,
 * 0.1 % meets a timeout that has come due. The program looks for expiries once
 * in a turn of its loop, which serves 64 I/Os. The figure is the cost of an I/O.
 */
#include "user.h"

#define TIMEOUT_NS	(30 * NSEC_PER_SEC)
#define TURNS		16		/* between two looks at the clock */
#define LIMIT_NS	NSEC_PER_SEC	/* for a round */
#define CLOSE_OF	1000
#define CLOSES		10
#define EXPIRES		1

static uint32_t *deck;
static int64_t *when;

struct turn {
	struct job moves;
	struct job closes;
};

/* A draw of the connections that have I/O, those that close at the end. */
static struct turn draw_turn(const struct plan *plan)
{
	uint32_t nr = plan->pending < BATCH ? plan->pending : BATCH;
	uint32_t i, closes = 0, expires = 0, what;
	int64_t now = now_ns();
	struct turn turn;

	draw_some(deck, plan->pending, nr);
	for (i = 0; i < nr; i++) {
		what = draw(CLOSE_OF);
		if (what < CLOSES)
			closes++;
		else if (what < CLOSES + EXPIRES)
			expires++;
		when[i] = now + TIMEOUT_NS;
	}
	for (i = 0; i < expires && i < nr - closes; i++)
		when[i] = now;
	turn.moves = (struct job){ deck, when, nr - closes };
	turn.closes = (struct job){ deck + nr - closes, when + nr - closes,
				    closes };
	return turn;
}

static void reopen(const struct peer *peer, const struct job *closes)
{
	if (!closes->nr)
		return;
	if (peer->destroy) {
		peer->destroy(closes);
		peer->create(closes);
	} else {
		peer->cancel(closes);
	}
	peer->set(closes);
}

/* Whoever timed out is heard of again. */
static void serve_expiries(const struct peer *peer)
{
	static uint32_t taken[TAKE_MOST];
	static int64_t again[TAKE_MOST];
	uint32_t i, nr = peer->take(taken, false);
	int64_t now;

	if (!nr)
		return;
	now = now_ns();
	for (i = 0; i < nr; i++)
		again[i] = now + TIMEOUT_NS;
	peer->set(&(struct job){ .which = taken, .when = again, .nr = nr });
}

static void time_turns(const struct peer *peer, const struct plan *plan)
{
	uint64_t ios = 0, wanted = 10 * (uint64_t)plan->ops;
	int64_t start, spent = 0;
	struct turn turn;
	uint32_t i;

	while (ios < wanted && spent < LIMIT_NS) {
		for (i = 0; i < TURNS; i++) {
			turn = draw_turn(plan);
			start = now_ns();
			peer->set(&turn.moves);
			reopen(peer, &turn.closes);
			serve_expiries(peer);
			spent += now_ns() - start;
			ios += turn.moves.nr + turn.closes.nr;
		}
	}
	report(peer, plan, "mix", plan->unit, (double)spent / ios);
}

void measure_mix(const struct peer *peer, const struct plan *plan)
{
	int64_t now = now_ns();
	struct job all;
	uint32_t i;

	if (!open_all(peer, plan))
		return;
	deck = make_deck(plan->pending);
	when = make_times(plan->pending);
	all = (struct job){ .which = deck, .when = when, .nr = plan->pending };
	draw_some(deck, plan->pending, plan->pending);
	if (peer->create)
		peer->create(&all);
	for (i = 0; i < plan->pending; i++)
		when[i] = draw_ns(now + TIMEOUT_NS / 3, now + TIMEOUT_NS);
	peer->set(&all);
	for (i = 0; i < plan->rounds; i++)
		time_turns(peer, plan);
}
