/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The calls on a task, for those who have copied their arguments in.
 */
#ifndef TWQ_CALLS_H
#define TWQ_CALLS_H

#include <linux/twq.h>

#include "utask.h"

int twq_call_create(struct twq_file *file, struct twq_create *args,
		    __u64 __user *id);
int twq_call_set_affinity(struct twq_file *file,
			  const struct twq_affinity *args);
int twq_call_destroy(struct twq_file *file, u64 id);
int twq_call_queue(struct twq_file *file, u64 id, s64 deadline_ns, u32 flags);
int twq_call_schedule(struct twq_file *file, u64 id, s64 deadline_ns,
		      u32 flags);
int twq_call_cancel(struct twq_file *file, u64 id);
int twq_call_requeue(struct twq_file *file, u64 id);
int twq_call_wakeup(struct twq_file *file, u64 id, u64 reasons);

#endif /* TWQ_CALLS_H */
