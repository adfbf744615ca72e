/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a push to the run: the inbox, the kick, 'again' and 'passing', the run
 * queue; and the rests, in which an interrupt gets no pass at once.
 *
 * What stands for what:
 *   pusher      twq_cpu_push() on another CPU: llist_add(), twq_cpu_send_kick()
 *   host_pusher twq_cpu_push() on the host: llist_add(), twq_cpu_ask()
 *   placer      a store that a pass has to see, by who has not made a step
 *               before (twq_timer_arm()), then twq_cpu_ask()
 *   irq         the kernel's csd_unlock(), then twq_cpu_kicked(), in a hard
 *               interrupt or, with PREEMPT_RT, outside of one
 *   firer       twq_cpu_fire(): a key has come due
 *   pass        twq_cpu_pass() with twq_cpu_look(), which may end before a
 *               turn; 'sched' is the SCHED bit of the tasklet
 *   expire_turn twq_cpu_expire() or twq_cpu_expire_shared(), who are told of
 *               something due by 'due'
 *   run_turn    twq_cpu_run() with twq_cpu_collect(): the inbox becomes the
 *               run queue when that is empty; a turn takes a part or all of it
 *   rester      the rest's hrtimer, 'queued' until its callback begins:
 *               twq_cpu_rested()
 * Whether a rest is over may be answered either way at any time.
 *
 * None excludes another, as if each were on a CPU of its own: so it is with a
 * pass on a former host, and nearly so with PREEMPT_RT. Atomic steps with a
 * value are ordered on both sides. A plain store goes to a buffer ('_late') and
 * becomes visible at the next barrier of its process or, by 'drain', before.
 *
 * What must hold: a csd is not sent while it is locked; when nothing happens any
 * more inbox and run queue are empty, all that was pushed was taken to be run,
 * once, and what was stored before a request was seen by a look.
 */
#ifdef REST
#define PUSHERS	1
#else
#define PUSHERS	2
#endif

byte inbox, run_queue, taken, ended;
bool again, passing, kicked, sched, locked, due;
byte irqs;
bool queued;		/* the rest's hrtimer */

/* Stores that are not visible yet. */
bool passing_on_late, passing_off_late, again_off_late;
bool again_late, due_late, unlock_late;

/* A full barrier of the pass. */
inline mb_pass()
{
	if :: passing_on_late -> passing = true :: else fi;
	if :: passing_off_late -> passing = false :: else fi;
	if :: again_off_late -> again = false :: else fi;
	passing_on_late = false; passing_off_late = false;
	again_off_late = false
}

/* xchg(again, true), then 'passing'. Who has stored before has drained. */
inline ask()
{
#ifdef MUT_ASK_UNORDERED
	again_late = true;
#else
	again = true;
#endif
	if
	:: !passing -> sched = true
	:: passing
	fi
}

/* twq_cpu_interrupt() with twq_rest_is_over(). */
inline interrupt()
{
	if
	:: passing -> ask()
	:: !passing ->
		if
		:: ask()
#ifdef REST
		:: true ->
#ifndef MUT_REST_FORGETS
			if
			:: !queued -> queued = true
			:: queued
			fi
#else
			skip
#endif
#endif
		fi
	fi
}

inline send_kick()
{
	atomic {
#ifdef MUT_NO_BIT
		wins = true;
#else
		wins = !kicked;
#endif
		kicked = true
	};
	if
	:: wins -> atomic { assert(!locked); locked = true; irqs++ }
	:: else
	fi
}

proctype pusher()
{
	bool first, wins;

#ifdef MUT_EMPTY_EARLY
	/* a look, then the push: the inbox is drained between the two */
	first = (inbox == 0);
	inbox++;
#else
	atomic { first = (inbox == 0); inbox++ };
#endif
	if
	:: first -> send_kick()
	:: else
	fi;
	ended++
}

proctype host_pusher()
{
	bool first;

	atomic { first = (inbox == 0); inbox++ };
	if
	:: first -> ask()
	:: else
	fi;
	ended++
}

proctype placer()
{
	due_late = true;
#ifndef MUT_ASK_STORE
	atomic {
		if :: due_late -> due = true; due_late = false :: else fi
	};
#endif
	ask();
	ended++
}

proctype irq()
{
end:	do
	:: irqs > 0 ->
		atomic { irqs--; unlock_late = true };
#ifdef MUT_CLEAR_UNORDERED
		kicked = false;
#else
		atomic {
			if
			:: unlock_late -> locked = false; unlock_late = false
			:: else
			fi;
			kicked = false
		};
#endif
		if
		:: interrupt()
#ifdef REST
		:: true -> /* twq_rest_end() */
#ifdef MUT_END_OF_NO_REST
			if :: queued = true :: true fi
#else
			queued = true
#endif
#endif
		fi
	od
}

proctype firer()
{
	due = true;
	interrupt();
	ended++
}

proctype rester()
{
end:	do
	:: queued ->
#ifdef MUT_REST_ACTIVE
		/* asked for hrtimer_active(), which its callback is, too */
		interrupt();
		queued = false
#else
		queued = false;
#ifdef MUT_REST_ONCE
		if :: ask() :: true fi
#else
		interrupt()
#endif
#endif
	od
}

inline expire_turn()
{
	due = false
}

/* Plain looks, but for the xchg(), which is a full barrier. */
inline run_turn()
{
	if
	:: run_queue == 0 && inbox == 0
	:: else ->
#ifdef MUT_TAKE_ALWAYS
		atomic { mb_pass(); run_queue = inbox; inbox = 0 };
#else
		atomic {
			if
			:: run_queue == 0 ->
				mb_pass(); run_queue = inbox; inbox = 0
			:: else
			fi
		};
#endif
		atomic {
			if
			:: taken = taken + run_queue; run_queue = 0
			:: run_queue > 1 -> taken++; run_queue--
			fi
		};
#ifdef MUT_MORE_OF_RUN_QUEUE
		more = more || run_queue > 0
#else
		more = more || run_queue > 0 || inbox > 0
#endif
	fi
}

/* Whose turn it is first is where the pass before has stopped. */
inline look()
{
	if
	:: expire_turn(); if :: run_turn() :: more = true; goto cut fi
	:: run_turn(); if :: expire_turn() :: more = true; goto cut fi
	fi
}

proctype pass()
{
	bool more;

end:	do
	:: sched ->
		atomic { mb_pass(); sched = false };
		passing_on_late = true;
		do
		:: true ->
#ifdef MUT_CLEAR_LATE
			atomic { mb_pass() };
#else
			again_off_late = true;
#ifndef MUT_LOOK_UNORDERED
			atomic { mb_pass() };
#endif
#endif
			more = false;
			look();
#ifdef MUT_CLEAR_LATE
			again = false;
#endif
			more = more || again;
			if
			:: more
			:: true -> break
			fi
		od;
cut:
		passing_off_late = true;
#ifndef MUT_END_UNORDERED
		atomic { mb_pass() };
#endif
#ifdef MUT_NO_MORE
		more = false;
#endif
#ifndef MUT_NO_AGAIN
		if
		:: more || again -> interrupt()
		:: else
		fi;
#endif
		atomic { mb_pass(); more = false }
	od
}

proctype drain()
{
end:	do
	:: atomic { passing_on_late || passing_off_late || again_off_late ->
		mb_pass() }
	:: atomic { again_late -> again = true; again_late = false }
	:: atomic { due_late -> due = true; due_late = false }
	:: atomic { unlock_late -> locked = false; unlock_late = false }
	od
}

init
{
	atomic {
		byte n;

		for (n : 1 .. PUSHERS) {
			run pusher()
		}
#ifdef REST
		run firer();
		run rester();
#else
		run host_pusher();
#endif
		run placer();
		run irq();
		run pass();
		run drain()
	};
	timeout;
	assert(ended == PUSHERS + 2);
	assert(inbox == 0 && run_queue == 0);
#ifdef REST
	assert(taken == PUSHERS);
#else
	assert(taken == PUSHERS + 1);
#endif
	assert(!due);
	assert(!irqs && !kicked && !locked && !sched && !passing)
}
