/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The invariants of the trees, checked node by node.
 */
#ifndef TWQ_KUNIT_CHECK_H
#define TWQ_KUNIT_CHECK_H

#include "queue.h"

bool twq_queue_valid(const struct twq_queue *q,
		     bool (*node_valid)(const struct twq_node *node));
const char *twq_trees_flaw(void);

#endif /* TWQ_KUNIT_CHECK_H */
