/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A deadline that is moved by a store while its position moves.
 *
 * What stands for what:
 *   store, look           a program's store to twq_slot.deadline_ns, its fence
 *                         and its load of position_ns, see the uapi header;
 *                         and twq_task_store_expires(), which does the same
 *   program               any thread; 'kernel': twq_task_extend(), whose first
 *                         look is before the store
 *   requeue               TWQ_IOC_REQUEUE: twq_task_requeue(); with -DLOCAL on
 *                         the owner or elsewhere
 *   tell, settle, place   twq_task_tell(), twq_tree_settle(), twq_tree_place()
 *   take_due              twq_cpu_expire() or twq_shared_take(), twq_task_due()
 *   run_task              twq_task_run() with twq_utask_process()
 *   scheduler             twq_task_queue_before(), with -DSCHEDULE
 *   unlinker              twq_task_unlink(), with -DUNLINK
 *   destroyer             twq_utask_destroy(), with -DDESTROY; who calls holds
 *                         a reference, the last one to go frees task and slot
 *
 * Time goes from 0 to 2 or stops before; FRONT is S64_MIN. A store by a program
 * or by twq_task_extend() waits in a buffer of its process, a position that is
 * told in one of its own, until a full barrier of that process, the release of
 * the lock, or 'drain'. Atomic steps with a value are full barriers. How often
 * the module tries again is less here, so that the last try is reached. The
 * other ways from a wake-up to a run are in task.pml.
 *
 * What must hold. A run uses up a deadline that is due, and that is the last
 * one stored, and each once. Nothing touches the task, or its slot from within
 * the module, after the last reference. When all is at rest, the deadline is
 * the last one stored or used up, the position told is that in the tree, and a
 * deadline is in the tree, not later than itself, unless it was unlinked.
 */
#ifndef STORES
#define STORES	1	/* by the program */
#endif

#define FRONT	0
#define LAST	2
#define NEVER	3

/* The slot, as memory has it, and stores that it has not got yet. */
byte expires = NEVER, told = NEVER;
byte late[2];		/* of each program: deadline + 1, or 0 */
byte told_late;		/* of who has the lock: position + 1, or 0 */

/* The tree, its lock, the state word, the clock. */
byte key = NEVER, now;
bool linked, tree_lock;
bool running, queued, killed, again;
bool runq;

/* References; those who have gone; what is done once. */
byte refs = 1, ended, clients;
bool gone, freed, repeats;

/* Ghosts: the last deadline stored or used up; unlinked since. */
byte want = NEVER;
bool unlinked;

#define TOUCH	assert(!freed)

/* A store reaches the memory. After the end of the task it is another's. */
inline arrive(deadline)
{
	if
	:: !freed -> expires = deadline; want = deadline; unlinked = false
	:: else
	fi
}

inline drain_mine(me)
{
	if
	:: late[me] -> arrive(late[me] - 1); late[me] = 0
	:: else
	fi
}

inline drain_told()
{
	if
	:: told_late -> told = told_late - 1; told_late = 0
	:: else
	fi
}

inline lock() { atomic { !tree_lock -> tree_lock = true } }
inline unlock() { atomic { drain_told(); tree_lock = false } }

/* state_wake() without a reason, and with one where no run is lost by it */
inline wake()
{
	atomic {
		TOUCH;
		won = !running && !queued;
#ifndef MUT_WAKE_UNMARKED
		if :: running -> again = true :: else fi;
#endif
		if
		:: won -> queued = true; assert(!runq); runq = true
		:: else
		fi;
		won = false
	}
}

inline tell(position)
{
	atomic {
		TOUCH;
		assert(tree_lock);
#ifdef MUT_TELL_NO_BARRIER
		told_late = position + 1
#else
		drain_told();
		told = position
#endif
	}
}

inline settle(position)
{
	do
	:: true ->
		atomic {
			assert(tree_lock);
			linked = (position != NEVER);
			key = position
		};
#ifdef MUT_TOLD_AFTER_LOOK
		seen = expires;
		tell(position);
#else
		tell(position);
		seen = expires;
#endif
#ifdef MUT_SETTLE_ONCE
		break;
#endif
		atomic {
			if
			:: seen >= position -> break
			:: seen < position && !tried ->
				position = seen; tried = true
			:: seen < position && tried -> position = FRONT
			fi
		}
	od;
	atomic { tried = false; seen = 0; position = 0 }
}

inline place()
{
	atomic { TOUCH; pos = expires };
	if
	:: pos == NEVER || (linked && pos >= key) -> pos = 0
	:: else -> settle(pos)
	fi
}

inline queue()
{
	atomic { TOUCH; nothing = (expires == NEVER) };
	if
	:: nothing
	:: !nothing ->
		lock();
		if :: killed :: !killed -> place() fi;
		unlock()
	fi;
	nothing = false
}

/* A reference, if the task is still to be found. */
inline get() { atomic { found = !gone; if :: found -> refs++ :: else fi } }

/* The last one has the slot cleared and frees. */
inline put()
{
	atomic {
		TOUCH;
		refs--;
		if
		:: refs == 0 -> freed = true; expires = NEVER; want = NEVER
		:: else
		fi
	}
}

inline requeue()
{
#ifdef LOCAL
	if
	:: true -> queue()
	:: true ->
#ifndef MUT_REQUEUE_NOTHING
		wake()
#else
		skip
#endif
	fi
#else
	queue()
#endif
}

proctype program(byte me; byte stores; bool kernel)
{
	byte deadline, position, pos, seen;
	bool won, found, tried, nothing;

	do
	:: stores > 0 ->
		stores--;
		get();
		if :: !found -> break :: found fi;
		if
		:: deadline = 1
		:: deadline = LAST
		:: deadline = NEVER
		fi;
		if
		:: kernel && deadline < told -> goto refused
		:: else
		fi;
		/* What was stored before is seen no later than this. */
		atomic { drain_mine(me); late[me] = deadline + 1 };
#ifdef MUT_EXTEND_ONCE
		if :: kernel -> goto refused :: else fi;
#endif
#ifndef MUT_NO_FENCE
		atomic { drain_mine(me) };
#endif
		position = told;
		if
		:: deadline < position ->
			/* The way into the kernel is at least this. */
			atomic { drain_mine(me) };
			if :: kernel -> wake() :: !kernel -> requeue() fi
		:: else
		fi;
refused:
		atomic { position = 0; deadline = 0 };
		put()
	:: stores == 0 -> break
	od;
	atomic { stores = 0; found = false; ended++ }
}

proctype drain()
{
end:	do
	:: atomic { late[0] -> drain_mine(0) }
	:: atomic { late[1] -> drain_mine(1) }
	:: atomic { told_late -> drain_told() }
	od
}

/* twq_utask_expire(): again where the deadline has changed, but not for ever */
inline process()
{
	began = now;
	do
	:: true ->
		atomic { TOUCH; seen = expires };
		if
		:: seen > began -> break
		:: else
		fi;
		atomic {
			TOUCH;
			pos = NEVER;
			if
			:: !repeats -> repeats = true; pos = LAST
			:: true
			fi;
#ifdef MUT_EXPIRE_STORES
			won = true;
#else
			won = (expires == seen);
#endif
			if
			:: won ->
				assert(want == seen && seen <= now);
				expires = pos; want = pos
			:: else
			fi;
			pos = 0
		};
		atomic {
			if
			:: won || tried -> break
			:: else -> tried = true
			fi
		}
	od;
	atomic { seen = 0; won = false; tried = false; began = 0 }
}

inline reap()
{
	lock();
	atomic { TOUCH; linked = false; told_late = NEVER + 1 };
	unlock();
	put()
}

/* state_start() */
inline start()
{
	TOUCH;
	assert(queued && !running);
	queued = false; running = true; again = false;
	dead = killed
}

inline run_task()
{
	if
	:: dead -> reap()
	:: !dead ->
		process();
		if
		:: again || killed
		:: else -> queue()
		fi;
		atomic {
			TOUCH;
			running = false;
			if
			:: again || killed -> queued = true; runq = true
			:: else
			fi;
			again = false
		}
	fi;
	dead = false
}

inline take_due()
{
	lock();
	if
	:: linked && key <= now ->
		atomic { TOUCH; pos = expires };
		if
		:: pos <= now ->
			linked = false;
#ifndef MUT_DUE_UNTOLD
			tell(NEVER);
#endif
			wake()
		:: pos > now -> settle(pos)
		fi
	:: else
	fi;
	pos = 0;
	unlock()
}

proctype cpu()
{
	byte pos, seen, began;
	bool won, tried, nothing, dead;

end:	do
	:: atomic { runq -> runq = false; start() } -> run_task()
	:: linked && key <= now -> take_due()
	od
}

proctype clock()
{
	do
	:: now < LAST -> now++
	:: true -> break
	od
}

#ifdef SCHEDULE
proctype scheduler()
{
	byte when = 1, old, pos, seen, position;
	bool tried, nothing, found, won;

	get();
	if :: !found -> goto done :: found fi;
#ifdef LOCAL
	/* On the owner: with bottom halves off. */
	lock();
	if :: killed -> goto leave :: !killed fi;
#endif
#ifdef MUT_SCHEDULE_LOOKS_EARLY
	position = told;
#endif
	/* twq_expires_lower() */
	old = expires;
	do
	:: old <= when -> break
	:: old > when -> atomic {
		if
		:: expires == old -> expires = when; want = when;
			unlinked = false; break
		:: else -> old = expires
		fi
	}
	od;
	old = 0;
#ifdef LOCAL
	place();
leave:
	unlock();
#else
	/* twq_position_is_late() */
	seen = expires;
#ifndef MUT_SCHEDULE_LOOKS_EARLY
	position = told;
#endif
	if
	:: seen < position -> queue()
	:: else
	fi;
#endif
	put();
done:
	ended++
}
#endif

#ifdef UNLINK
proctype unlinker()
{
	lock();
	atomic {
		if
		:: linked -> linked = false; told_late = NEVER + 1
		:: else
		fi
	};
	atomic { unlock(); unlinked = true; ended++ }
}
#endif

#ifdef DESTROY
proctype destroyer()
{
	bool idle, found;

	get();
	/* Not to be found any more; state_kill() */
	gone = true;
	atomic {
		TOUCH;
		idle = !running && !queued;
		killed = true;
		if :: idle -> running = true :: else fi
	};
	if
#ifdef LOCAL
	/* On the owner it is done here, elsewhere by a run. */
	:: idle -> atomic { running = false; queued = true; runq = true }
#endif
	:: idle -> reap()
	:: !idle
	fi;
	put();
	ended++
}
#endif

init
{
	atomic {
		if
		:: expires = 2; want = 2; key = 2; told = 2; linked = true
		:: true
		fi;
		run cpu();
#ifndef LOCAL
		run cpu();
#endif
		run clock();
		run drain();
		run program(0, STORES, false);
		clients++;
#ifdef EXTEND
		run program(1, 1, true);
		clients++;
#endif
#ifdef SECOND
		run program(1, 1, false);
		clients++;
#endif
#ifdef SCHEDULE
		run scheduler();
		clients++;
#endif
#ifdef UNLINK
		run unlinker();
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
	assert(!queued && !runq && (!again || killed));
	if
	:: killed -> assert(freed && !linked && told == NEVER)
	:: else ->
		assert(!running && expires == want);
		assert(told == (linked -> key : NEVER));
		assert(expires == NEVER || unlinked ||
		       (linked && key <= expires))
	fi
}
