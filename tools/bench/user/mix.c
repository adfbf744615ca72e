// SPDX-License-Identifier: GPL-2.0
/*
 * The timeouts of connections, as in kernel/mix.c: each has an I/O a second,
 * which moves its timeout to 30 s from now. 1 % of the I/Os close the connection
 * and another one takes its place; 0.1 % are the last, and when the timeout has
 * expired another one takes its place. The program makes up to 64 I/Os in a turn,
 * looks for expiries once, and waits for the next turn.
 *
 * It begins as it would be after long: positions lie anywhere in the timeout, so
 * that they come due during the second that a round takes, but none of them twice.
 * The figure is what an I/O costs, all included: what has gone by, less the draws
 * and less the waiting, which is told from what interrupts it by its loops.
 * Only a clock that counts instructions can tell that. mix-moved says how many
 * positions came due and were moved, where a peer has such, in 100 I/Os.
 */
#include <string.h>

#include "user.h"

#define TIMEOUT_NS	(30 * NSEC_PER_SEC)
#define GAP_NS		NSEC_PER_SEC	/* between the I/Os of a connection */
#define ROUND_NS	NSEC_PER_SEC
#define FEWEST		100000		/* or the waiting is most of it */
#define TRIES		9
#define TRY_NS		1000000
#define IDLE_NS		100000000
#define IDLE_TRIES	5
#define OF		1000
#define SILENT		1
#define CLOSED		10

static const struct peer *peer;
static const struct plan *plan;
static uint32_t *deck;
static bool *silent;
static int64_t *when;

/*
 * What waiting takes: an undisturbed loop, and what disturbs it anyhow, at the
 * least: after much memory was given back the kernel is at work for a while.
 */
static double loop_ns, idle_share;

/* What a turn does: deadlines are moved, and new ones made in place of others. */
static uint32_t moves[BATCH], anew[BATCH + TAKE_MOST];
static uint32_t nr_moves, nr_closed, nr_gone;

static uint64_t wait_until(int64_t end)
{
	uint64_t loops = 1;

	while (now_ns() < end)
		loops++;
	return loops;
}

static void gauge(void)
{
	double best = 0, ns;
	int64_t start;
	uint64_t loops;
	int i;

	for (i = 0; i < TRIES; i++) {
		start = now_ns();
		loops = wait_until(start + TRY_NS);
		ns = (double)(now_ns() - start) / loops;
		if (!i || ns < best)
			best = ns;
	}
	loop_ns = best;
	idle_share = 1;
	for (i = 0; i < IDLE_TRIES; i++) {
		start = now_ns();
		loops = wait_until(start + IDLE_NS);
		ns = now_ns() - start;
		if ((ns - loops * loop_ns) / ns < idle_share)
			idle_share = (ns - loops * loop_ns) / ns;
	}
}

static void set_all(const uint32_t *which, uint32_t nr, int64_t at)
{
	uint32_t i;

	for (i = 0; i < nr; i++)
		when[i] = at;
	peer->set(&(struct job){ which, when, nr });
}

/* Those that are closed come after those whose timeout has expired. */
static void draw_turn(void)
{
	uint32_t i, what;

	draw_some(deck, plan->pending, BATCH);
	nr_moves = 0;
	nr_closed = 0;
	for (i = 0; i < BATCH; i++) {
		if (silent[deck[i]])
			continue;
		what = draw(OF);
		if (what < CLOSED) {
			anew[nr_gone + nr_closed++] = deck[i];
			continue;
		}
		silent[deck[i]] = what < CLOSED + SILENT;
		moves[nr_moves++] = deck[i];
	}
}

static void open_anew(int64_t timeout)
{
	uint32_t i, nr = nr_gone + nr_closed;

	if (!nr)
		return;
	for (i = 0; i < nr_gone; i++)
		silent[anew[i]] = false;
	if (peer->destroy) {
		peer->destroy(&(struct job){ anew, NULL, nr });
		peer->create(&(struct job){ anew, NULL, nr });
	} else if (nr_closed) {
		peer->cancel(&(struct job){ anew + nr_gone, NULL, nr_closed });
	}
	set_all(anew, nr, timeout);
}

/* One second of the trace. Returns what an I/O took. */
static double one_round(void)
{
	int64_t start = now_ns(), next = start, drawn = 0, at;
	uint64_t ios = 0, loops = 0;
	double ns;

	while (next < start + ROUND_NS) {
		at = now_ns();
		draw_turn();
		drawn += now_ns() - at;
		at = now_ns() + TIMEOUT_NS;
		set_all(moves, nr_moves, at);
		open_anew(at);
		nr_gone = peer->take(anew, false);
		ios += nr_moves + nr_closed;
		next += GAP_NS * BATCH / plan->pending;
		loops += wait_until(next);
	}
	ns = now_ns() - start;
	return (ns * (1 - idle_share) - drawn - loops * loop_ns) / ios;
}

/* Positions anywhere in the timeout; deadlines late but of those in silence. */
static void settle(void)
{
	static uint32_t talking[TAKE_MOST];
	uint32_t i, n, nr, first;
	int64_t now;

	for (first = 0; first < plan->pending; first += n) {
		n = plan->pending - first;
		n = n < TAKE_MOST ? n : TAKE_MOST;
		now = now_ns();
		for (i = 0, nr = 0; i < n; i++) {
			when[i] = draw_ns(now + 1, now + TIMEOUT_NS);
			silent[deck[first + i]] =
				draw(OF) < SILENT * TIMEOUT_NS / GAP_NS;
			if (!silent[deck[first + i]])
				talking[nr++] = deck[first + i];
		}
		peer->set(&(struct job){ deck + first, when, n });
		set_all(talking, nr, now + TIMEOUT_NS);
	}
}

void measure_mix(const struct peer *with, const struct plan *as)
{
	uint64_t moved = 0;
	uint32_t i;
	double ns;

	peer = with;
	plan = as;
	if (plan->pending < FEWEST || strcmp(plan->unit, "insn") ||
	    !open_all(peer, plan))
		return;
	deck = make_deck(plan->pending);
	silent = make_array(plan->pending, sizeof(*silent));
	when = make_times(plan->pending);
	draw_some(deck, plan->pending, plan->pending);
	if (peer->create)
		peer->create(&(struct job){ deck, NULL, plan->pending });
	gauge();
	settle();
	for (i = 0; i < plan->rounds; i++) {
		if (peer->moved)
			moved = peer->moved();
		ns = one_round();
		report(peer, plan, "mix", plan->unit, ns);
		if (peer->moved)
			report(peer, plan, "mix-moved", "percent",
			       (peer->moved() - moved) * 100.0 * GAP_NS /
			       ROUND_NS / plan->pending);
	}
}
