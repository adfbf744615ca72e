/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernel versions, 6.1 to the newest; nowhere else.
 */
#ifndef TWQ_COMPAT_H
#define TWQ_COMPAT_H

#include <linux/bottom_half.h>
#include <linux/hrtimer.h>
#include <linux/local_lock.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*fn)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = fn;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void twq_vm_flags_set(struct vm_area_struct *vma,
				    vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#else
static inline void twq_vm_flags_set(struct vm_area_struct *vma,
				    vm_flags_t flags)
{
	vm_flags_set(vma, flags);
}
#endif

/*
 * What guards a CPU's own trees: bottom halves off. On PREEMPT_RT that is a
 * per-CPU lock up to the kernels that have local_lock_nested_bh(); where that
 * exists, bottom halves off may be no more than a promise not to migrate, and
 * the nested lock is what excludes. Elsewhere it costs nothing and tells
 * lockdep. The lock is this CPU's: no other CPU ever takes it.
 */
struct twq_bh {
	local_lock_t lock;
};

DECLARE_PER_CPU(struct twq_bh, twq_bh);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
/* Within local_bh_disable() */
static inline void twq_bh_enter(void)
{
	local_lock_nested_bh(&twq_bh.lock);
}

static inline void twq_bh_leave(void)
{
	local_unlock_nested_bh(&twq_bh.lock);
}

static inline void twq_bh_assert_held(void)
{
	lockdep_assert_held(this_cpu_ptr(&twq_bh.lock));
}
#else
/* Within local_bh_disable(), which is the lock. */
static inline void twq_bh_enter(void)
{
}

static inline void twq_bh_leave(void)
{
}

static inline void twq_bh_assert_held(void)
{
	lockdep_assert_in_softirq();
}
#endif

static inline void twq_bh_lock(void)
{
	local_bh_disable();
	twq_bh_enter();
}

static inline void twq_bh_unlock(void)
{
	twq_bh_leave();
	local_bh_enable();
}

#endif /* TWQ_COMPAT_H */
