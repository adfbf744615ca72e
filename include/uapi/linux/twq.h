/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/twq: per-CPU timer wait queues.
 *
 * One open file is one namespace of tasks. A task is one deadline, one set of
 * allowed CPUs and one event; its id is valid in the file that created it.
 * Every structure has a fixed size, no implicit padding and the same layout
 * for 32-bit and 64-bit callers. Reserved members must be zero.
 */
#ifndef _UAPI_LINUX_TWQ_H
#define _UAPI_LINUX_TWQ_H

#include <linux/ioctl.h>
#include <linux/types.h>

/** TWQ_ABI_VERSION - raised when a call or a structure is added. */
#define TWQ_ABI_VERSION		2

/** TWQ_ETERNITY - no deadline; not a time that can be reached. */
#define TWQ_ETERNITY		0x7fffffffffffffffLL

/*
 * Wake-up reasons, as delivered in struct twq_event and given to
 * TWQ_IOC_WAKEUP. TWQ_WOKEN_TIMER is set by expiry alone.
 */
#define TWQ_WOKEN_INIT		0x0100
#define TWQ_WOKEN_TIMER		0x0200
#define TWQ_WOKEN_IO		0x0400
#define TWQ_WOKEN_SIGNAL	0x0800
#define TWQ_WOKEN_MSG		0x1000
#define TWQ_WOKEN_RES		0x2000
#define TWQ_WOKEN_OTHER		0x4000
#define TWQ_WOKEN_ANY		0x7f00

/* Bits of struct twq_query.state besides the reasons above. */
#define TWQ_STATE_RUNNING	0x0001
#define TWQ_STATE_QUEUED	0x0002
#define TWQ_STATE_SHARED_WQ	0x0004

/* struct twq_create.flags */
#define TWQ_CREATE_SHARED	0x0001	/* set SHARED_WQ on a one-CPU task */
#define TWQ_CREATE_FLAGS	0x0001

/* struct twq_deadline.flags */
#define TWQ_RELATIVE		0x0001	/* deadline_ns counts from now */
#define TWQ_DEADLINE_FLAGS	0x0001

/* struct twq_op.opcode */
#define TWQ_OP_CREATE		1
#define TWQ_OP_DESTROY		2
#define TWQ_OP_SET_AFFINITY	3
#define TWQ_OP_QUEUE		4
#define TWQ_OP_SCHEDULE		5
#define TWQ_OP_CANCEL		6
#define TWQ_OP_WAKEUP		7
#define TWQ_OP_REQUEUE		8

/* struct twq_op.id: the task of the last TWQ_OP_CREATE in the same call */
#define TWQ_ID_CREATED		0

/* The slot of a task in the array that mmap() gives: part of its id. */
#define TWQ_SLOT_BITS		24
#define TWQ_SLOT(id)		((id) & ((1ULL << TWQ_SLOT_BITS) - 1))

/* struct twq_stats.cpu: the sum over all CPUs */
#define TWQ_STATS_ALL_CPUS	0xffffffffU

/**
 * struct twq_info - limits and version, filled by TWQ_IOC_INFO
 * @abi_version: TWQ_ABI_VERSION of the module
 * @event_size: size in bytes of struct twq_event
 * @nr_cpus: CPU numbers are below this
 * @budget: most tasks that one pass takes, due ones and woken ones
 * @max_tasks: most tasks that one open file may hold
 * @min_interval_ns: smallest interval of a periodic task
 * @now_ns: CLOCK_MONOTONIC as the module reads it
 * @slot_size: size in bytes of struct twq_slot; 0 before version 2
 * @op_size: size in bytes of struct twq_op; 0 before version 2
 * @reserved: zero
 */
struct twq_info {
	__u32 abi_version;
	__u32 event_size;
	__u32 nr_cpus;
	__u32 budget;
	__u64 max_tasks;
	__s64 min_interval_ns;
	__s64 now_ns;
	__u32 slot_size;
	__u32 op_size;
	__u64 reserved[2];
};

/**
 * struct twq_create - argument of TWQ_IOC_CREATE
 * @id: out: the id of the new task, never used again in this file
 * @user_data: returned unchanged in each event
 * @cpus: pointer to the allowed CPUs: __u64 words, CPU n is bit n % 64 of word
 *	n / 64; 0 together with a zero @cpus_len means every CPU
 * @cpus_len: length of the mask in bytes, a multiple of 8; bits of CPUs that
 *	the kernel cannot have are ignored
 * @flags: TWQ_CREATE_*
 * @interval_ns: 0 for one shot, else the period on whose grid the deadline
 *	moves on after each expiry
 * @reserved: must be zero
 *
 * More than one allowed CPU sets SHARED_WQ by itself. A task without that flag
 * takes QUEUE, SCHEDULE and CANCEL from its owner CPU only. @id is written
 * before the task exists: after -EFAULT there is no task.
 */
struct twq_create {
	__u64 id;
	__u64 user_data;
	__u64 cpus;
	__u32 cpus_len;
	__u32 flags;
	__s64 interval_ns;
	__u64 reserved[3];
};

/**
 * struct twq_task_id - argument of TWQ_IOC_DESTROY, CANCEL and REQUEUE
 * @id: the task
 * @reserved: must be zero
 */
struct twq_task_id {
	__u64 id;
	__u64 reserved;
};

/**
 * struct twq_affinity - argument of TWQ_IOC_SET_AFFINITY
 * @id: the task
 * @cpus: pointer to the allowed CPUs, as in struct twq_create
 * @cpus_len: length of the mask in bytes, as in struct twq_create
 * @flags: must be zero
 * @reserved: must be zero
 */
struct twq_affinity {
	__u64 id;
	__u64 cpus;
	__u32 cpus_len;
	__u32 flags;
	__u64 reserved;
};

/**
 * struct twq_deadline - argument of TWQ_IOC_QUEUE and TWQ_IOC_SCHEDULE
 * @id: the task
 * @deadline_ns: nanoseconds of CLOCK_MONOTONIC, or from now with TWQ_RELATIVE
 *	(saturating); the past is due now; TWQ_ETERNITY is no deadline
 * @flags: TWQ_RELATIVE or 0
 * @pad: must be zero
 * @reserved: must be zero
 */
struct twq_deadline {
	__u64 id;
	__s64 deadline_ns;
	__u32 flags;
	__u32 pad;
	__u64 reserved;
};

/**
 * struct twq_wakeup - argument of TWQ_IOC_WAKEUP
 * @id: the task
 * @reasons: TWQ_WOKEN_* bits, at least one, TWQ_WOKEN_TIMER excepted
 * @pad: must be zero
 * @reserved: must be zero
 */
struct twq_wakeup {
	__u64 id;
	__u32 reasons;
	__u32 pad;
	__u64 reserved;
};

/**
 * struct twq_query - argument of TWQ_IOC_QUERY
 * @id: in: the task
 * @user_data: as given to CREATE
 * @deadline_ns: the deadline, TWQ_ETERNITY when there is none
 * @position_ns: the task's position in its tree, never later than the
 *	deadline that it was last queued for; TWQ_ETERNITY when in no tree
 * @interval_ns: as given to CREATE
 * @overruns: expiries that the unread event stands for, beyond the first
 * @state: TWQ_STATE_* and TWQ_WOKEN_* bits
 * @pending: 1 when an event of the task waits to be read
 * @cpu: the first allowed CPU
 * @nr_cpus: number of allowed CPUs
 * @reserved: must be zero
 */
struct twq_query {
	__u64 id;
	__u64 user_data;
	__s64 deadline_ns;
	__s64 position_ns;
	__s64 interval_ns;
	__u64 overruns;
	__u32 state;
	__u32 pending;
	__u32 cpu;
	__u32 nr_cpus;
	__u64 reserved[2];
};

/**
 * struct twq_ledger - what became of a file's tasks, armings and events
 * @created: tasks created
 * @destroyed: tasks destroyed
 * @armed: times that a task got a deadline, re-arming by an interval included
 * @expired: armings that came due
 * @moved: armings replaced by another deadline before they came due
 * @cancelled: armings taken back before they came due
 * @dropped: armings that ended because their task was destroyed
 * @fired: runs of a task that had something to tell
 * @delivered: events returned by read()
 * @coalesced: runs that added to an event not yet read
 * @pending: events that wait to be read
 * @discarded: events unread when their task was destroyed
 *
 * For a file at rest: fired == delivered + coalesced + pending + discarded and
 * armed == expired + moved + cancelled + dropped + tasks with a deadline; the
 * latter, where a program arms or disarms by a store to a slot, once the tasks
 * concerned have ended: only then are such stores counted.
 */
struct twq_ledger {
	__u64 created;
	__u64 destroyed;
	__u64 armed;
	__u64 expired;
	__u64 moved;
	__u64 cancelled;
	__u64 dropped;
	__u64 fired;
	__u64 delivered;
	__u64 coalesced;
	__u64 pending;
	__u64 discarded;
};

/**
 * struct twq_cpu_stats - what the queues did on one CPU, or on all
 * @queued: tree positions taken (insertions and moves)
 * @kept: queue or schedule calls that found the position early enough
 * @expired: deadlines found due and woken
 * @stale: positions dropped or moved later when they came due
 * @runs: times a task ran
 * @passed_on: tasks handed on because their mask had lost the CPU
 * @passes: passes over the queues
 * @cut: passes that ended with work left to a further one
 * @kicks: interrupts sent to another CPU
 * @refused: foreign operations refused with -EXDEV
 * @rehomed: tasks that changed the CPU serving them by hotplug; of those that
 *	waited to run some thousands at most are counted
 * @local_depth: tasks in the CPU's local tree now
 * @shared_depth: tasks in the shared tree now (one tree, whatever the CPU)
 */
struct twq_cpu_stats {
	__u64 queued;
	__u64 kept;
	__u64 expired;
	__u64 stale;
	__u64 runs;
	__u64 passed_on;
	__u64 passes;
	__u64 cut;
	__u64 kicks;
	__u64 refused;
	__u64 rehomed;
	__u64 local_depth;
	__u64 shared_depth;
};

/**
 * struct twq_stats - argument of TWQ_IOC_STATS
 * @cpu: in: a CPU number, or TWQ_STATS_ALL_CPUS
 * @serving_cpu: the CPU that serves @cpu's queue: @cpu itself while it is
 *	online, its stand-in while it is not; TWQ_STATS_ALL_CPUS for all
 * @ledger: the file's ledger
 * @cpu_stats: counters of @cpu since the module was loaded
 * @reserved: must be zero
 */
struct twq_stats {
	__u32 cpu;
	__u32 serving_cpu;
	struct twq_ledger ledger;
	struct twq_cpu_stats cpu_stats;
	__u64 reserved[4];
};

/**
 * struct twq_event - what read() returns, one or more whole ones
 * @user_data: as given to CREATE
 * @id: the task
 * @deadline_ns: the first deadline that the event stands for, TWQ_ETERNITY
 *	when the task was only woken
 * @fired_ns: CLOCK_MONOTONIC when that run of the task began
 * @overruns: expiries and wake-ups since, and periods skipped
 * @reasons: TWQ_WOKEN_* bits
 * @cpu: the CPU on which that run took place
 */
struct twq_event {
	__u64 user_data;
	__u64 id;
	__s64 deadline_ns;
	__s64 fired_ns;
	__u64 overruns;
	__u32 reasons;
	__u32 cpu;
};

/**
 * struct twq_slot - a task's deadline, in the array that mmap() gives
 * @deadline_ns: the deadline, TWQ_ETERNITY when there is none. The program may
 *	store any value at any time, from any CPU; the module stores what it is
 *	after a call and after an expiry
 * @position_ns: the task's position in its tree, TWQ_ETERNITY when in none;
 *	stored by the module alone and never looked at by it
 *
 * A store of a @deadline_ns that is not earlier than @position_ns is all that
 * it takes to move the deadline. @position_ns is to be read after the store and
 * a full barrier (a sequentially consistent fence): if it is later than the
 * deadline then, TWQ_IOC_REQUEUE has to follow. Who stores looks, each for the
 * deadline that he has stored. A release store and no fence does not do: the
 * load may come first, and the module may have moved the position in between.
 *
 * A store is one access of 64 bits; half of one is a deadline, too. After
 * DESTROY the slot is another task's, and a store moves the deadline of that.
 */
struct twq_slot {
	__s64 deadline_ns;
	__s64 position_ns;
};

/**
 * struct twq_op - one operation of TWQ_IOC_SUBMIT
 * @opcode: TWQ_OP_*, each like the call of that name
 * @flags: as in the structure of that call
 * @id: the task, or TWQ_ID_CREATED; out: of TWQ_OP_CREATE
 * @value: deadline_ns of QUEUE and SCHEDULE, interval_ns of CREATE, reasons of
 *	WAKEUP; else zero
 * @user_data: of CREATE; else zero
 * @cpus: of CREATE and SET_AFFINITY; else zero
 * @cpus_len: of CREATE and SET_AFFINITY; else zero
 * @result: out: what the call would have returned: 0 or more, or -errno
 * @reserved: must be zero
 */
struct twq_op {
	__u32 opcode;
	__u32 flags;
	__u64 id;
	__s64 value;
	__u64 user_data;
	__u64 cpus;
	__u32 cpus_len;
	__s32 result;
	__u64 reserved[2];
};

/**
 * struct twq_submit - argument of TWQ_IOC_SUBMIT
 * @ops: pointer to @nr_ops struct twq_op, made one after the other
 * @events: pointer to room for @max_events struct twq_event
 * @until_ns: how long to wait for the first event: nanoseconds of
 *	CLOCK_MONOTONIC, or from now with TWQ_RELATIVE; the past does not wait,
 *	TWQ_ETERNITY has no limit
 * @nr_ops: number of operations, may be 0
 * @max_events: number of events that there is room for; 0 to read none
 * @nr_events: out: number of events read
 * @flags: TWQ_RELATIVE or 0
 * @reserved: must be zero
 *
 * A bad operation stops nothing but itself. The batch ends early, with the
 * number made and without events, where the array can't be read or its next
 * result can't be written, or when a signal comes; none of the rest is made. If
 * none was: -EFAULT. A wait that a signal ends gives the number made and no
 * event; without operations -EINTR, or with SA_RESTART it goes on, unless it is
 * relative and has a limit.
 */
struct twq_submit {
	__u64 ops;
	__u64 events;
	__s64 until_ns;
	__u32 nr_ops;
	__u32 max_events;
	__u32 nr_events;
	__u32 flags;
	__u64 reserved[3];
};

#define TWQ_IOC_MAGIC		0xB7

#define TWQ_IOC_INFO		_IOR(TWQ_IOC_MAGIC, 0x00, struct twq_info)
#define TWQ_IOC_CREATE		_IOWR(TWQ_IOC_MAGIC, 0x01, struct twq_create)
#define TWQ_IOC_DESTROY		_IOW(TWQ_IOC_MAGIC, 0x02, struct twq_task_id)
#define TWQ_IOC_SET_AFFINITY	_IOW(TWQ_IOC_MAGIC, 0x03, struct twq_affinity)
#define TWQ_IOC_QUEUE		_IOW(TWQ_IOC_MAGIC, 0x04, struct twq_deadline)
#define TWQ_IOC_SCHEDULE	_IOW(TWQ_IOC_MAGIC, 0x05, struct twq_deadline)
/* Returns 1 when it stopped a pending deadline, 0 when there was none. */
#define TWQ_IOC_CANCEL		_IOW(TWQ_IOC_MAGIC, 0x06, struct twq_task_id)
#define TWQ_IOC_WAKEUP		_IOW(TWQ_IOC_MAGIC, 0x07, struct twq_wakeup)
#define TWQ_IOC_QUERY		_IOWR(TWQ_IOC_MAGIC, 0x08, struct twq_query)
#define TWQ_IOC_STATS		_IOWR(TWQ_IOC_MAGIC, 0x09, struct twq_stats)
/* Brings a task to the position of the deadline in its slot, from any CPU. */
#define TWQ_IOC_REQUEUE		_IOW(TWQ_IOC_MAGIC, 0x0a, struct twq_task_id)
/* Returns the number of operations that were made, whatever their results. */
#define TWQ_IOC_SUBMIT		_IOWR(TWQ_IOC_MAGIC, 0x0b, struct twq_submit)

#endif /* _UAPI_LINUX_TWQ_H */
