// SPDX-License-Identifier: GPL-2.0
/*
 * The layout of include/uapi/linux/twq.h as programs have been compiled with
 * it: sizes, places and values that stay. abi.sh compiles this as C and C++,
 * for 64 and 32 bits, without padding by the compiler, so that places are sizes,
 * too, and looks that every structure, member and constant of the header is
 * named here. What is added to the header is added here.
 */
#include <assert.h>
#include <stddef.h>
#include <linux/twq.h>

#define SIZE(type, size) \
	static_assert(sizeof(struct type) == (size), #type)
#define AT(type, member, offset) \
	static_assert(offsetof(struct type, member) == (offset), #type "." #member)
#define VALUE(name, value) \
	static_assert((name) == (value), #name)

SIZE(twq_info, 64);
AT(twq_info, abi_version, 0);
AT(twq_info, event_size, 4);
AT(twq_info, nr_cpus, 8);
AT(twq_info, budget, 12);
AT(twq_info, max_tasks, 16);
AT(twq_info, min_interval_ns, 24);
AT(twq_info, now_ns, 32);
AT(twq_info, slot_size, 40);
AT(twq_info, op_size, 44);
AT(twq_info, reserved, 48);

SIZE(twq_create, 64);
AT(twq_create, id, 0);
AT(twq_create, user_data, 8);
AT(twq_create, cpus, 16);
AT(twq_create, cpus_len, 24);
AT(twq_create, flags, 28);
AT(twq_create, interval_ns, 32);
AT(twq_create, reserved, 40);

SIZE(twq_task_id, 16);
AT(twq_task_id, id, 0);
AT(twq_task_id, reserved, 8);

SIZE(twq_affinity, 32);
AT(twq_affinity, id, 0);
AT(twq_affinity, cpus, 8);
AT(twq_affinity, cpus_len, 16);
AT(twq_affinity, flags, 20);
AT(twq_affinity, reserved, 24);

SIZE(twq_deadline, 32);
AT(twq_deadline, id, 0);
AT(twq_deadline, deadline_ns, 8);
AT(twq_deadline, flags, 16);
AT(twq_deadline, pad, 20);
AT(twq_deadline, reserved, 24);

SIZE(twq_wakeup, 24);
AT(twq_wakeup, id, 0);
AT(twq_wakeup, reasons, 8);
AT(twq_wakeup, pad, 12);
AT(twq_wakeup, reserved, 16);

SIZE(twq_query, 80);
AT(twq_query, id, 0);
AT(twq_query, user_data, 8);
AT(twq_query, deadline_ns, 16);
AT(twq_query, position_ns, 24);
AT(twq_query, interval_ns, 32);
AT(twq_query, overruns, 40);
AT(twq_query, state, 48);
AT(twq_query, pending, 52);
AT(twq_query, cpu, 56);
AT(twq_query, nr_cpus, 60);
AT(twq_query, reserved, 64);

SIZE(twq_ledger, 96);
AT(twq_ledger, created, 0);
AT(twq_ledger, destroyed, 8);
AT(twq_ledger, armed, 16);
AT(twq_ledger, expired, 24);
AT(twq_ledger, moved, 32);
AT(twq_ledger, cancelled, 40);
AT(twq_ledger, dropped, 48);
AT(twq_ledger, fired, 56);
AT(twq_ledger, delivered, 64);
AT(twq_ledger, coalesced, 72);
AT(twq_ledger, pending, 80);
AT(twq_ledger, discarded, 88);

SIZE(twq_cpu_stats, 104);
AT(twq_cpu_stats, queued, 0);
AT(twq_cpu_stats, kept, 8);
AT(twq_cpu_stats, expired, 16);
AT(twq_cpu_stats, stale, 24);
AT(twq_cpu_stats, runs, 32);
AT(twq_cpu_stats, passed_on, 40);
AT(twq_cpu_stats, passes, 48);
AT(twq_cpu_stats, cut, 56);
AT(twq_cpu_stats, kicks, 64);
AT(twq_cpu_stats, refused, 72);
AT(twq_cpu_stats, rehomed, 80);
AT(twq_cpu_stats, local_depth, 88);
AT(twq_cpu_stats, shared_depth, 96);

SIZE(twq_stats, 240);
AT(twq_stats, cpu, 0);
AT(twq_stats, serving_cpu, 4);
AT(twq_stats, ledger, 8);
AT(twq_stats, cpu_stats, 104);
AT(twq_stats, reserved, 208);

SIZE(twq_event, 48);
AT(twq_event, user_data, 0);
AT(twq_event, id, 8);
AT(twq_event, deadline_ns, 16);
AT(twq_event, fired_ns, 24);
AT(twq_event, overruns, 32);
AT(twq_event, reasons, 40);
AT(twq_event, cpu, 44);

SIZE(twq_slot, 16);
AT(twq_slot, deadline_ns, 0);
AT(twq_slot, position_ns, 8);

SIZE(twq_op, 64);
AT(twq_op, opcode, 0);
AT(twq_op, flags, 4);
AT(twq_op, id, 8);
AT(twq_op, value, 16);
AT(twq_op, user_data, 24);
AT(twq_op, cpus, 32);
AT(twq_op, cpus_len, 40);
AT(twq_op, result, 44);
AT(twq_op, reserved, 48);

SIZE(twq_submit, 64);
AT(twq_submit, ops, 0);
AT(twq_submit, events, 8);
AT(twq_submit, until_ns, 16);
AT(twq_submit, nr_ops, 24);
AT(twq_submit, max_events, 28);
AT(twq_submit, nr_events, 32);
AT(twq_submit, flags, 36);
AT(twq_submit, reserved, 40);

VALUE(TWQ_ABI_VERSION, 2);
VALUE(TWQ_ETERNITY, 0x7fffffffffffffffLL);
VALUE(TWQ_WOKEN_INIT, 0x100);
VALUE(TWQ_WOKEN_TIMER, 0x200);
VALUE(TWQ_WOKEN_IO, 0x400);
VALUE(TWQ_WOKEN_SIGNAL, 0x800);
VALUE(TWQ_WOKEN_MSG, 0x1000);
VALUE(TWQ_WOKEN_RES, 0x2000);
VALUE(TWQ_WOKEN_OTHER, 0x4000);
VALUE(TWQ_WOKEN_ANY, 0x7f00);
VALUE(TWQ_STATE_RUNNING, 1);
VALUE(TWQ_STATE_QUEUED, 2);
VALUE(TWQ_STATE_SHARED_WQ, 4);
VALUE(TWQ_CREATE_SHARED, 1);
VALUE(TWQ_CREATE_FLAGS, 1);
VALUE(TWQ_RELATIVE, 1);
VALUE(TWQ_DEADLINE_FLAGS, 1);
VALUE(TWQ_OP_CREATE, 1);
VALUE(TWQ_OP_DESTROY, 2);
VALUE(TWQ_OP_SET_AFFINITY, 3);
VALUE(TWQ_OP_QUEUE, 4);
VALUE(TWQ_OP_SCHEDULE, 5);
VALUE(TWQ_OP_CANCEL, 6);
VALUE(TWQ_OP_WAKEUP, 7);
VALUE(TWQ_OP_REQUEUE, 8);
VALUE(TWQ_ID_CREATED, 0);
VALUE(TWQ_SLOT_BITS, 24);
VALUE(TWQ_STATS_ALL_CPUS, 0xffffffff);
VALUE(TWQ_IOC_MAGIC, 0xb7);
VALUE(TWQ_IOC_INFO, 0x8040b700);
VALUE(TWQ_IOC_CREATE, 0xc040b701);
VALUE(TWQ_IOC_DESTROY, 0x4010b702);
VALUE(TWQ_IOC_SET_AFFINITY, 0x4020b703);
VALUE(TWQ_IOC_QUEUE, 0x4020b704);
VALUE(TWQ_IOC_SCHEDULE, 0x4020b705);
VALUE(TWQ_IOC_CANCEL, 0x4010b706);
VALUE(TWQ_IOC_WAKEUP, 0x4018b707);
VALUE(TWQ_IOC_QUERY, 0xc050b708);
VALUE(TWQ_IOC_STATS, 0xc0f0b709);
VALUE(TWQ_IOC_REQUEUE, 0x4010b70a);
VALUE(TWQ_IOC_SUBMIT, 0xc040b70b);

VALUE(TWQ_SLOT(0x5000007ULL), 7);
