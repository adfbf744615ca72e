/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /dev/twq.
 */
#ifndef TWQ_CHARDEV_H
#define TWQ_CHARDEV_H

int twq_chardev_init(void);
void twq_chardev_exit(void);

#endif /* TWQ_CHARDEV_H */
