/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One CPU's part (CPU 0's) while the CPU goes down and comes back.
 *
 * What stands for what:
 *   pusher    twq_task_push(): preemption off from the choice of the part to
 *             the end of twq_cpu_kick(); on the CPU itself or another one
 *   irq       twq_cpu_kicked() with twq_cpu_interrupt()
 *   pass      twq_cpu_pass(); what it does on the host is in kick.pml
 *   hotplug   twq_cpu_offline(), the death of the CPU, twq_cpu_online()
 *
 * CPU 1 is the stand-in and always there. A CPU dies when its interrupts have
 * been taken and nobody on it has preemption off; its tasklets go to another.
 *
 * What must hold: no kick is sent to a CPU that is dead; at rest nothing is in
 * the inbox or waits in the run queue. This holds without the second kick of
 * twq_cpu_offline(), too: a kick to a former host is passed on.
 */
#define PUSHERS	2

byte host, inbox, ended;
bool waits = true;	/* in the run queue, or in a tree without a timer */
bool dead, kicked, irqs[2], sched[2];
bool off[PUSHERS], there[PUSHERS];	/* preemption off; on CPU 0 */

inline kick(here)
{
	h = host;
	if
	:: h == here -> sched[here] = true
	:: else ->
		atomic { won = !kicked; kicked = true };
		if
		:: won -> atomic { assert(!dead || h != 0); irqs[h] = true }
		:: else
		fi
	fi;
	h = 0
}

proctype pusher(byte me)
{
	bool first, won;
	byte h, here = 2;

	/* Whoever pushes into an empty inbox kicks; so perhaps nobody does. */
	if :: true -> goto done :: true fi;
	atomic {
		off[me] = true;
		if
		:: !dead -> here = 0; there[me] = true
		:: true
		fi
	};
	atomic { first = (inbox == 0); inbox++ };
	if :: first -> kick(here) :: else fi;
	atomic { off[me] = false; there[me] = false };
done:
	ended++
}

proctype cpu(byte me)
{
	bool won;
	byte h;

end:	do
	:: irqs[me] ->
		atomic { irqs[me] = false; kicked = false };
#ifdef MUT_NOT_PASSED_ON
		sched[me] = true
#else
		if
		:: host == me -> sched[me] = true
		:: else -> kick(me)
		fi
#endif
	:: sched[me] ->
		sched[me] = false;
		atomic {
			won = (host == me);
			if :: won -> inbox = 0; waits = false :: else fi
		};
#ifdef MUT_NOT_PASSED_ON
		won = true;
#endif
		if :: !won -> kick(me) :: else fi;
		won = false
	od
}

proctype hotplug()
{
	bool old[PUSHERS], won;
	byte h;

	host = 1;
#ifndef MUT_NO_KICKS
	kick(0);
#endif
#ifndef MUT_NO_WAIT
	/* synchronize_rcu() */
	atomic { old[0] = off[0]; old[1] = off[1] };
	(!old[0] || !off[0]) && (!old[1] || !off[1]);
#endif
#if !defined(MUT_NO_KICKS) && !defined(MUT_NO_SECOND)
	kick(0);
#endif
	atomic {
		!irqs[0] && !there[0] && !there[1] ->
		dead = true;
		sched[1] = sched[1] || sched[0];
		sched[0] = false
	};
	if
	:: true
	:: true ->
		/* As on the way down: the queue's timer is stopped. */
		atomic { dead = false; host = 0; waits = true };
		/* On the CPU that has come back. */
#ifndef MUT_ONLINE_SILENT
		kick(0)
#endif
	fi;
	ended++
}

init
{
	atomic {
		run cpu(0);
		run cpu(1);
		run pusher(0);
		run pusher(1);
		run hotplug()
	};
	timeout;
	assert(ended == PUSHERS + 1);
	assert(!inbox && !waits);
	assert(!kicked && !irqs[0] && !irqs[1] && !sched[0] && !sched[1])
}
