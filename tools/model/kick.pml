/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a push to the pass: the inbox, the kick, 'again' and 'passing'.
 *
 * What stands for what:
 *   pusher      twq_cpu_push() on another CPU: llist_add(), twq_cpu_send_kick()
 *   host_pusher twq_cpu_push() on the host: llist_add(), twq_cpu_ask()
 *   placer      a store that a pass has to see, by who has not made a step
 *               before (twq_timer_arm()), then twq_cpu_ask()
 *   irq         the kernel's csd_unlock(), then twq_cpu_kicked()
 *   pass        twq_cpu_pass() with twq_cpu_look() and twq_cpu_collect(); it
 *               may be cut short; 'sched' is the SCHED bit of the tasklet
 *
 * None excludes another, as if each were on a CPU of its own: so it is with a
 * pass on a former host, and nearly so with PREEMPT_RT. Atomic steps with a
 * value are ordered on both sides. A plain store goes to a buffer ('_late') and
 * becomes visible at the next barrier of its process or, by 'drain', before.
 *
 * What must hold: a csd is not sent while it is locked; at rest the inbox is
 * empty, and what was stored before a request was seen by a look.
 */
#define PUSHERS	2

byte inbox, ended;
bool again, passing, kicked, sched, locked, due;
byte irqs;

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
		ask()
	od
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
			/* The look. Only the inbox is taken by a step. */
			due = false;
#ifdef MUT_LOOK_UNORDERED
			if
			:: inbox == 0
			:: inbox > 0 -> inbox = 0
			fi;
#else
			inbox = 0;
#endif
#ifdef MUT_CLEAR_LATE
			again = false;
#endif
			more = again;
			if
			:: more
			:: true -> break
			fi
		od;
		passing_off_late = true;
#ifndef MUT_END_UNORDERED
		atomic { mb_pass() };
#endif
#ifndef MUT_NO_AGAIN
		if
		:: more || again -> ask()
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
		run host_pusher();
		run placer();
		run irq();
		run pass();
		run drain()
	};
	timeout;
	assert(ended == PUSHERS + 2);
	assert(inbox == 0);
	assert(!due);
	assert(!irqs && !kicked && !locked && !sched && !passing)
}
