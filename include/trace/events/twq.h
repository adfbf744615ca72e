/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of twq: each step of a task's life, and the holds of the shared
 * tree's lock. A task is named by its address, which is another task's after
 * twq_end. Times are nanoseconds of CLOCK_MONOTONIC; the trace clock "mono" has
 * the same. A deadline that a store has moved leaves no trace before somebody
 * looks at it.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM twq

#if !defined(_TRACE_TWQ_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_TWQ_H

#include <linux/tracepoint.h>
#include <linux/twq.h>

#ifndef _TRACE_TWQ_NAMES
#define _TRACE_TWQ_NAMES

/* What the state word has in its low half, and the reasons apart. */
#define twq_trace_reasons(reasons)				\
	__print_flags((reasons) & TWQ_WOKEN_ANY, "|",		\
		      { TWQ_WOKEN_INIT,		"init" },	\
		      { TWQ_WOKEN_TIMER,	"timer" },	\
		      { TWQ_WOKEN_IO,		"io" },		\
		      { TWQ_WOKEN_SIGNAL,	"signal" },	\
		      { TWQ_WOKEN_MSG,		"msg" },	\
		      { TWQ_WOKEN_RES,		"res" },	\
		      { TWQ_WOKEN_OTHER,	"other" })

#define twq_trace_state(state)					\
	__print_flags((state) & 0x000f, "|",			\
		      { TWQ_STATE_RUNNING,	"running" },	\
		      { TWQ_STATE_QUEUED,	"queued" },	\
		      { TWQ_STATE_SHARED_WQ,	"shared_wq" },	\
		      { 0x0008,			"killed" })

/* The owner CPU of a task, -1 with SHARED_WQ. */
static inline int twq_trace_owner(u32 state)
{
	return state & TWQ_STATE_SHARED_WQ ? -1 : (int)(state >> 16);
}

#endif /* _TRACE_TWQ_NAMES */

/**
 * twq_init - called when a task has been made
 * @task: the task, idle and in no tree
 */
TRACE_EVENT(twq_init,

	TP_PROTO(const struct twq_task *task),

	TP_ARGS(task),

	TP_STRUCT__entry(
		__field(const void *,	task)
		__field(const void *,	function)
		__field(int,		owner)
	),

	TP_fast_assign(
		__entry->task		= task;
		__entry->function	= task->ops->process;
		__entry->owner		=
			twq_trace_owner(atomic_read(&task->state));
	),

	TP_printk("task=%p function=%ps owner=%d", __entry->task,
		  __entry->function, __entry->owner)
);

/**
 * twq_create - called when a program has created a task, after twq_init
 * @task: the task
 * @id: its id in the program's file
 * @user_data: what the program knows it by
 */
TRACE_EVENT(twq_create,

	TP_PROTO(const struct twq_task *task, u64 id, u64 user_data),

	TP_ARGS(task, id, user_data),

	TP_STRUCT__entry(
		__field(const void *,	task)
		__field(u64,		id)
		__field(u64,		user_data)
		__field(int,		owner)
	),

	TP_fast_assign(
		__entry->task		= task;
		__entry->id		= id;
		__entry->user_data	= user_data;
		__entry->owner		=
			twq_trace_owner(atomic_read(&task->state));
	),

	TP_printk("task=%p id=%#llx user_data=%#llx owner=%d", __entry->task,
		  __entry->id, __entry->user_data, __entry->owner)
);

/**
 * twq_queue - called when a task is about to get a position for its deadline
 * @task: the task, its tree held. RUNNING in its state: its own run does it.
 * @position_ns: the position; it gets an earlier one if a store lowers the
 *	deadline meanwhile
 *
 * A call that found the position early enough, and a store that moved the
 * deadline later, are none.
 */
TRACE_EVENT(twq_queue,

	TP_PROTO(const struct twq_task *task, s64 position_ns),

	TP_ARGS(task, position_ns),

	TP_STRUCT__entry(
		__field(const void *,	task)
		__field(s64,		expires)
		__field(s64,		position)
		__field(int,		owner)
		__field(u32,		state)
	),

	TP_fast_assign(
		__entry->task		= task;
		__entry->expires	= twq_task_expires(task);
		__entry->position	= position_ns;
		__entry->state		= atomic_read(&task->state) & 0xffff;
		__entry->owner		=
			twq_trace_owner(atomic_read(&task->state));
	),

	TP_printk("task=%p expires=%lld position=%lld owner=%d state=%s",
		  __entry->task, __entry->expires, __entry->position,
		  __entry->owner, twq_trace_state(__entry->state))
);

/**
 * twq_move - called when a stale position has come, or soon would have
 * @task: the task, its tree held
 * @from_ns: where it was
 * @to_ns: where it is now; TWQ_ETERNITY when it has been dropped
 */
TRACE_EVENT(twq_move,

	TP_PROTO(const struct twq_task *task, s64 from_ns, s64 to_ns),

	TP_ARGS(task, from_ns, to_ns),

	TP_STRUCT__entry(
		__field(const void *,	task)
		__field(s64,		from)
		__field(s64,		to)
	),

	TP_fast_assign(
		__entry->task		= task;
		__entry->from		= from_ns;
		__entry->to		= to_ns;
	),

	TP_printk("task=%p from=%lld to=%lld", __entry->task, __entry->from,
		  __entry->to)
);

/**
 * twq_expire - called when a deadline has been found due
 * @task: the task, its tree held; it is taken out. Idle and allowed here, it is
 *	run next; else it is woken, or runs again after the run under way
 * @expires_ns: the deadline
 * @now_ns: the time of the look
 */
TRACE_EVENT(twq_expire,

	TP_PROTO(const struct twq_task *task, s64 expires_ns, s64 now_ns),

	TP_ARGS(task, expires_ns, now_ns),

	TP_STRUCT__entry(
		__field(const void *,	task)
		__field(s64,		expires)
		__field(s64,		now)
	),

	TP_fast_assign(
		__entry->task		= task;
		__entry->expires	= expires_ns;
		__entry->now		= now_ns;
	),

	TP_printk("task=%p expires=%lld now=%lld", __entry->task,
		  __entry->expires, __entry->now)
);

/**
 * twq_wakeup - called when a task is about to be woken
 * @task: the task
 * @reasons: TWQ_WOKEN_*, or none. A task that is neither queued nor running in
 *	the state of this moment is then sent to a run queue.
 */
TRACE_EVENT(twq_wakeup,

	TP_PROTO(const struct twq_task *task, u32 reasons),

	TP_ARGS(task, reasons),

	TP_STRUCT__entry(
		__field(const void *,	task)
		__field(u32,		reasons)
		__field(u32,		state)
	),

	TP_fast_assign(
		__entry->task		= task;
		__entry->reasons	= reasons;
		__entry->state		= atomic_read(&task->state) & 0xffff;
	),

	TP_printk("task=%p reasons=%s state=%s", __entry->task,
		  twq_trace_reasons(__entry->reasons),
		  twq_trace_state(__entry->state))
);

/**
 * twq_run_begin - called immediately before the callback of a task
 * @task: the task
 * @reasons: TWQ_WOKEN_* since its last run
 *
 * With the deadline as it is now and the time of the run, from which lateness
 * is taken.
 */
TRACE_EVENT(twq_run_begin,

	TP_PROTO(const struct twq_task *task, u32 reasons),

	TP_ARGS(task, reasons),

	TP_STRUCT__entry(
		__field(const void *,	task)
		__field(const void *,	function)
		__field(s64,		expires)
		__field(s64,		now)
		__field(u32,		reasons)
	),

	TP_fast_assign(
		__entry->task		= task;
		__entry->function	= task->ops->process;
		__entry->expires	= twq_task_expires(task);
		__entry->now		= twq_task_run_time(task);
		__entry->reasons	= reasons;
	),

	TP_printk("task=%p function=%ps expires=%lld now=%lld reasons=%s",
		  __entry->task, __entry->function, __entry->expires,
		  __entry->now, twq_trace_reasons(__entry->reasons))
);

/**
 * twq_run_end - called when a run is over, before another CPU may begin one
 * @task: the task; only its address, since it may have been freed
 * @freed: the callback has freed it
 */
TRACE_EVENT(twq_run_end,

	TP_PROTO(const struct twq_task *task, bool freed),

	TP_ARGS(task, freed),

	TP_STRUCT__entry(
		__field(const void *,	task)
		__field(bool,		freed)
	),

	TP_fast_assign(
		__entry->task		= task;
		__entry->freed		= freed;
	),

	TP_printk("task=%p freed=%d", __entry->task, __entry->freed)
);

/**
 * twq_foreign - called when an operation met a tree of another CPU
 * @task: the task, without SHARED_WQ
 * @handed_on: the owner does it by a run; otherwise it was refused with -EXDEV
 */
TRACE_EVENT(twq_foreign,

	TP_PROTO(const struct twq_task *task, bool handed_on),

	TP_ARGS(task, handed_on),

	TP_STRUCT__entry(
		__field(const void *,	task)
		__field(int,		owner)
		__field(bool,		handed_on)
	),

	TP_fast_assign(
		__entry->task		= task;
		__entry->owner		=
			twq_trace_owner(atomic_read(&task->state));
		__entry->handed_on	= handed_on;
	),

	TP_printk("task=%p owner=%d handed_on=%d", __entry->task,
		  __entry->owner, __entry->handed_on)
);

/**
 * twq_rehome - called when a CPU's queues get another host, by CPU hotplug
 * @cpu: whose queues they are
 * @from: the host so far, which is the present CPU
 * @to: the next one
 * @depth: tasks in the CPU's tree
 */
TRACE_EVENT(twq_rehome,

	TP_PROTO(int cpu, int from, int to, unsigned int depth),

	TP_ARGS(cpu, from, to, depth),

	TP_STRUCT__entry(
		__field(int,		cpu)
		__field(int,		from)
		__field(int,		to)
		__field(unsigned int,	depth)
	),

	TP_fast_assign(
		__entry->cpu		= cpu;
		__entry->from		= from;
		__entry->to		= to;
		__entry->depth		= depth;
	),

	TP_printk("cpu=%d from=%d to=%d depth=%u", __entry->cpu, __entry->from,
		  __entry->to, __entry->depth)
);

/**
 * twq_destroy - called when somebody asks for the end of a task
 * @task: the task
 */
TRACE_EVENT(twq_destroy,

	TP_PROTO(const struct twq_task *task),

	TP_ARGS(task),

	TP_STRUCT__entry(
		__field(const void *,	task)
		__field(u32,		state)
	),

	TP_fast_assign(
		__entry->task		= task;
		__entry->state		= atomic_read(&task->state) & 0xffff;
	),

	TP_printk("task=%p state=%s", __entry->task,
		  twq_trace_state(__entry->state))
);

/**
 * twq_end - called when no CPU will touch a task any more
 * @task: the task, out of its tree; its memory is given back next
 */
TRACE_EVENT(twq_end,

	TP_PROTO(const struct twq_task *task),

	TP_ARGS(task),

	TP_STRUCT__entry(
		__field(const void *,	task)
	),

	TP_fast_assign(
		__entry->task		= task;
	),

	TP_printk("task=%p", __entry->task)
);

DECLARE_EVENT_CLASS(twq_shared,

	TP_PROTO(const unsigned int *depth),

	TP_ARGS(depth),

	TP_STRUCT__entry(
		__field(unsigned int,	depth)
	),

	TP_fast_assign(
		__entry->depth		= *depth;
	),

	TP_printk("depth=%u", __entry->depth)
);

/**
 * twq_shared_acquired - called when the shared tree's lock has been taken
 * @depth: number of tasks in the tree, by address: nothing is loaded for it
 *	while nobody listens
 */
DEFINE_EVENT(twq_shared, twq_shared_acquired,
	     TP_PROTO(const unsigned int *depth),
	     TP_ARGS(depth)
);

/**
 * twq_shared_release - called when the shared tree's lock is about to be left
 * @depth: number of tasks in the tree, by address: nothing is loaded for it
 *	while nobody listens
 */
DEFINE_EVENT(twq_shared, twq_shared_release,
	     TP_PROTO(const unsigned int *depth),
	     TP_ARGS(depth)
);

#endif /* _TRACE_TWQ_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
