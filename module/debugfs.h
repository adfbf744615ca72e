/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the queues hold, in debugfs.
 */
#ifndef TWQ_DEBUGFS_H
#define TWQ_DEBUGFS_H

void twq_debugfs_init(void);
void twq_debugfs_exit(void);

#endif /* TWQ_DEBUGFS_H */
