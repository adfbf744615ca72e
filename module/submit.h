/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TWQ_IOC_SUBMIT: many operations in one call, then events.
 */
#ifndef TWQ_SUBMIT_H
#define TWQ_SUBMIT_H

#include <linux/fs.h>
#include <linux/twq.h>

long twq_submit(struct file *filp, struct twq_submit __user *arg);

#endif /* TWQ_SUBMIT_H */
