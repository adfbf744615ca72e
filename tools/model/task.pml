/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One task on two CPUs: wake-up, run, expiry, foreign schedule, end.
 *
 * What stands for what:
 *   wake, stop, ...       state_*() of module/state.h, each one atomic step
 *   lock, unlock          twq_shared_lock(); with -DLOCAL twq_cpu_lock(), which
 *                         is to be had on the owner, CPU 0, alone
 *   place                 twq_tree_place(), in the tree that the lock guards
 *   push                  twq_task_push(); kick.pml is the way from there to a
 *                         CPU
 *   take_due, expire      twq_task_take() and twq_task_due(); state_expire()
 *   run_due               twq_task_run_due(), when others that were taken with
 *                         it have run, for however long
 *   run_queued            twq_task_run_queued()
 *   run_task, queue, reap twq_task_run(), twq_task_queue(), twq_task_reap()
 *   scheduler             twq_task_schedule() with the lock, with -DSCHEDULE;
 *                         slot.pml has the way without
 *   queuer                twq_task_queue_at(), with -DQUEUE
 *   destroyer             twq_task_destroy(), with -DDESTROY
 *
 * A deadline is due at once (0), due later (1), or NEVER. process() uses up one
 * that is due (twq_task_expire()) or, once, sets one of its own with a plain
 * store (twq_task_set_expires()). What the waker and the scheduler write before
 * they call goes through a store buffer; full barriers and releases drain it.
 *
 * What must hold. process() is never on two CPUs; the task is in one run queue
 * or list of what is due at most; no run starts after destroy() has returned; no
 * CPU touches it after release(), which comes once and sees what was written
 * before destroy(). When
 * all is at rest: each wake-up and each schedule() of a task that was not ended
 * was followed by a run which started after it and which saw what was written
 * before it; no deadline waits outside of the tree; what was ended is released.
 */
#define NEVER	2

/* The state word; the reasons are one bit. */
bool running, queued, killed, woken;

/* Deadline, position, the lock of the tree, the clock. */
byte expires = NEVER, key = NEVER;
bool linked, tree_lock;
byte now;

bool runq[2];
bool gathered;		/* in a list of what is due, RUNNING */
bool released;
bool gone;		/* what the destroyer writes before */
bool destroyed;		/* destroy() has returned */
byte in_process, clients, ended;
bool own, moved;	/* what is done once */

/* Ghosts: a run is owed; what was written before still is in a buffer. */
bool owes_waker, owes_scheduler;
bool hides_waker, hides_scheduler;

#define TOUCH	assert(!released)

inline lock() { atomic { !tree_lock -> tree_lock = true } }
inline unlock() { tree_lock = false }

/* In one atomic step with what it belongs to, under the lock. */
inline place()
{
	if
	:: expires != NEVER && (!linked || expires < key) ->
		linked = true; key = expires
	:: else
	fi
}

inline push(to)
{
	atomic {
		TOUCH;
		assert(queued && !runq[0] && !runq[1] && !gathered);
#ifdef LOCAL
		runq[0] = true
#else
		runq[to] = true
#endif
	}
}

/* state_wake() */
inline wake(wins)
{
	wins = !running && !queued;
	woken = true;
	if :: wins -> queued = true :: else fi
}

/* state_stop() */
inline stop(force, put, requeued)
{
	atomic {
		TOUCH;
		requeued = force || woken || killed;
		woken = woken || put;
		running = false;
		if :: requeued -> queued = true :: else fi
	}
}

inline release()
{
	atomic {
		assert(killed && running && !queued && !linked);
		assert(!released && !in_process && !runq[0] && !runq[1]);
		assert(!gathered && saw_gone);
		released = true
	}
}

/* state_expire(), with what is certain to be seen by the run. */
inline expire(idle)
{
	TOUCH;
	idle = !running && !queued;
#ifdef MUT_EXPIRE_STORES
	idle = true;
#endif
	if
	:: idle -> running = true; sees_scheduler = !hides_scheduler
#ifndef MUT_EXPIRE_FORGETS
	:: !idle -> woken = true
#else
	:: !idle
#endif
	fi
}

inline reap(cpu, tmp)
{
#ifdef LOCAL
	if
	:: cpu != 0 -> stop(true, false, tmp); push(0)
	:: else ->
#endif
		lock();
		linked = false;
		unlock();
		release()
#ifdef LOCAL
	fi
#endif
}

inline queue()
{
	atomic { TOUCH; nothing = (expires == NEVER) };
	if
	:: nothing
	:: !nothing ->
		lock();
		atomic { TOUCH; if :: !killed -> place() :: else fi };
		unlock()
	fi;
	nothing = false
}

inline process()
{
	atomic { TOUCH; in_process++; assert(in_process == 1) };
	seen = expires;
	if
	:: seen <= now ->
		atomic { if :: expires == seen -> expires = NEVER :: else fi }
	:: !own -> atomic { own = true; expires = 1 }
	:: else
	fi;
	seen = 0;
	atomic { TOUCH; in_process-- }
}

/* The look at KILLED and at the mask, with which a run starts. */
inline look(dies)
{
	dead = dies;
	assert(dead || !destroyed);
	if
	:: !dead && !moved -> moved = true; away = true
	:: true
	fi
}

/* QUEUED to RUNNING, and the look; sees what has left the buffers. */
inline start()
{
	assert(queued && !running);
	saw_gone = gone;
	look(killed);
	running = true; queued = false; had_woken = woken; woken = false;
#ifdef MUT_START_STORES
	killed = false;
#endif
	if
	:: !dead && !away ->
		owes_waker = owes_waker && (hides_waker || !had_woken);
		owes_scheduler = owes_scheduler && hides_scheduler
	:: else
	fi
}

inline run_task(cpu)
{
	if
	:: dead -> reap(cpu, again)
	:: !dead && away ->
#ifdef MUT_PASS_ON_FORGETS
		stop(true, false, again);
#else
		stop(true, had_woken, again);
#endif
		push(1 - cpu)
	:: !dead && !away ->
		process();
#ifdef MUT_RUNNING_FIRST
		stop(false, false, again);
		if :: !again -> queue() :: else fi;
#else
		if
		:: woken || killed
		:: !woken && !killed -> queue()
		fi;
		stop(false, false, again);
#endif
		if :: again -> push(cpu) :: else fi
	fi;
	atomic {
		dead = false; away = false; again = false; had_woken = false;
		saw_gone = false
	}
}

inline run_queued(cpu)
{
	atomic { runq[cpu] = false; TOUCH };
	atomic { start() };
	run_task(cpu)
}

/*
 * RUNNING since it was taken; so a plain look. Other reads may come before that,
 * unless there is a barrier where it has seen KILLED.
 */
inline run_due(cpu)
{
	saw_gone = gone;
	atomic {
		TOUCH;
		assert(gathered && running && !queued);
		gathered = false; here = false; had_woken = true;
#ifdef MUT_DUE_UNLOOKED
		look(false);
#else
		look(killed);
#endif
		if
		:: !dead && !away && sees_scheduler -> owes_scheduler = false
		:: else
		fi;
		sees_scheduler = false
	};
#ifndef MUT_REAP_UNORDERED
	if :: dead -> saw_gone = gone :: else fi;
#endif
	run_task(cpu)
}

inline take_due(cpu)
{
#ifdef MUT_LOOK_UNLOCKED
	/* the caller has looked */
	lock();
#else
	lock();
	if
	:: linked && key <= now ->
#endif
	TOUCH;
	if
	:: expires <= now ->
		atomic { TOUCH; assert(linked); linked = false };
		if
		:: true ->
#ifdef MUT_RUNNING_UNLOCKED
			unlock();
#endif
			atomic { expire(here) };
			/* The link is the task's, and RUNNING keeps it. */
			if :: here -> atomic { TOUCH; gathered = true } :: else fi
#ifndef LOCAL
		:: true -> /* the mask does not allow this CPU */
#ifdef MUT_WAKE_UNLOCKED
			unlock();
#endif
			atomic { TOUCH; wake(won) };
			if :: won -> push(1 - cpu) :: else fi
#endif
		fi
	:: expires > now ->
		atomic {
			if
			:: expires == NEVER -> linked = false
			:: else -> key = expires
			fi
		}
	fi
#ifndef MUT_LOOK_UNLOCKED
	:: else
	fi
#endif
	;
	atomic { tree_lock = false; won = false };
	if :: here -> run_due(cpu) :: else fi
}

proctype cpu(byte me)
{
	bool dead, away, again, had_woken, won, nothing, here;
	bool sees_scheduler, saw_gone;
	byte seen;

end:	do
	:: runq[me] -> run_queued(me)
#ifdef LOCAL
	:: me == 0 && linked && key <= now -> take_due(me)
#else
	:: linked && key <= now -> take_due(me)
#endif
	od
}

proctype clock()
{
	now = 1
}

proctype waker()
{
	bool won;

	atomic { owes_waker = true; hides_waker = true };
#ifdef MUT_WAKE_SHORTCUT
	/* 'already there': a plain look instead of a step */
	if
	:: woken && queued -> goto done
	:: else
	fi;
#endif
	atomic { hides_waker = false; wake(won) };
	if
	:: won -> if :: push(0) :: push(1) fi
	:: else
	fi;
done:
	atomic { hides_waker = false; ended++ }
}

#ifdef SCHEDULE
proctype scheduler()
{
	bool won, saw_running, saw_queued;
	byte seen;

	atomic { owes_scheduler = true; hides_scheduler = true };
	lock();
	if :: killed -> goto leave :: else fi;
#ifdef MUT_READ_EARLY
	seen = expires;
#endif
	/* state_look(), ordered on both sides */
	atomic {
#ifndef MUT_LOOK_LATE_WRITE
		hides_scheduler = false;
#endif
		saw_running = running; saw_queued = queued
	};
	if
	:: !saw_running && !saw_queued ->
#ifndef MUT_READ_EARLY
		seen = expires;
#endif
		/* twq_expires_lower(): no later than 0 */
		if :: seen > 0 -> expires = 0 :: else fi;
#ifdef MUT_PLACE_UNLOCKED
		unlock();
#endif
		atomic { place() }
	:: else
	fi;
leave:
	/* A release drains the buffer, too. */
	atomic { hides_scheduler = false; unlock() };
#ifndef MUT_NO_WAKE
	if
	:: saw_running && !saw_queued ->
		atomic { wake(won) };
		if :: won -> push(0) :: else fi
	:: else
	fi;
#endif
	ended++
}
#endif

#ifdef QUEUE
proctype queuer()
{
#ifdef MUT_KILLED_EARLY
	if :: killed -> goto done :: else fi;
	lock();
#else
	lock();
	if :: killed -> goto leave :: else fi;
#endif
	if :: expires = 1 :: expires = 0 fi;
	atomic { place() };
leave:
	unlock();
done:
	ended++
}
#endif

#ifdef DESTROY
proctype destroyer()
{
	bool idle, tmp, saw_gone;

	gone = true;
	/* state_kill(), before which nothing stays in a buffer */
	atomic {
		idle = !running && !queued;
#ifdef MUT_KILL_RUNNING
		idle = !queued;
#endif
		killed = true;
		if :: idle -> running = true :: else fi
	};
	if :: idle -> saw_gone = true; reap(1, tmp) :: else fi;
	atomic { destroyed = true; ended++ }
}
#endif

init
{
	atomic {
		if
		:: expires = 0; key = 0; linked = true
		:: true
		fi;
		run cpu(0);
		run cpu(1);
		run clock();
		run waker();
		clients++;
#ifdef SCHEDULE
		run scheduler();
		clients++;
#endif
#ifdef QUEUE
		run queuer();
		clients++;
#endif
#ifdef DESTROY
		run destroyer();
		clients++;
#endif
	};
	/* When nothing moves any more. */
	timeout;
	assert(ended == clients && !tree_lock);
	assert(!queued && !runq[0] && !runq[1] && !gathered && !in_process);
	if
	:: killed -> assert(released && !linked)
	:: else ->
		assert(!running && !woken);
		assert(!owes_waker);
		assert(!owes_scheduler);
		assert(expires == NEVER || (linked && key <= expires))
	fi
}
