/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Masks of allowed CPUs, shared with the kernel's constant ones where it can.
 */
#ifndef TWQ_AFFINITY_H
#define TWQ_AFFINITY_H

#include <linux/cpumask.h>
#include <linux/gfp.h>

const struct cpumask *twq_mask_get(const struct cpumask *mask, gfp_t gfp);
void twq_mask_put(const struct cpumask *mask);

#endif /* TWQ_AFFINITY_H */
