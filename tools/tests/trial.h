/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A call is tried while something that it needs fails: it answers -ENOMEM or
 * -EFAULT and has changed nothing. Beside what it is about stand tasks of every
 * class and state, which nothing may touch.
 */
#ifndef TRIAL_H
#define TRIAL_H

#include <sys/stat.h>
#include "inject.h"
#include "refused.h"

#define MAX_PLACES	500	/* where one call may fail; there are far fewer */
#define CGROUP		"/sys/fs/cgroup/"

/* The classes of task, by their masks and flags. */
enum class { LOCAL, PINNED, SOME_CPUS, ALL_CPUS, NR_CLASSES };
enum state { IDLE, ARMED, PENDING, NR_STATES };

/*
 * A call to try. @prepare makes what it works on, while nothing fails; @call
 * returns 0 or more, or -errno; @check is for a call that has succeeded: all of
 * it has happened; @clean takes away what @prepare has made. NULL: nothing to
 * do.
 */
struct subject {
	void (*prepare)(void);
	int (*call)(void);
	void (*check)(int ret);
	void (*clean)(void);
};

/* What the call under test is about. */
static struct {
	enum class class;
	enum state state;
	unsigned long nr;
	uint64_t mask;		/* of SET_AFFINITY; 0: all CPUs */
	uint64_t id;
	union argument arg;
	int fd;
	char buffer[4096];
} now;

/* All that a call which fails must leave as it is. */
struct picture {
	struct twq_ledger ledger;
	struct twq_query task[NR_CLASSES * NR_STATES + 1];
	long references;
};

static uint64_t bystander[NR_CLASSES * NR_STATES];

/* -- tasks ---------------------------------------------------------------- */

static inline uint64_t some_cpus(void)
{
	return bit(nth_cpu(0)) | bit(nth_cpu(1));
}

static inline uint64_t class_mask(enum class class)
{
	switch (class) {
	case SOME_CPUS:
		return some_cpus();
	case ALL_CPUS:
		return 0;
	default:
		return bit(nth_cpu(0));
	}
}

/* Its event waits to be read, and its run is over. */
static inline bool is_pending(uint64_t id)
{
	struct twq_query query = task(id);

	return query.pending && !(query.state & STATE_BUSY);
}

static inline void wait_pending(uint64_t id)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;

	while (!is_pending(id) && now_ns() < limit)
		pause_ms(1);
	EXPECT_TRUE(is_pending(id));
}

static inline uint64_t make_in(enum class class, enum state state)
{
	uint64_t id = make(dev, class_mask(class),
			   class == PINNED ? TWQ_CREATE_SHARED : 0, 0, 0);

	if (state == ARMED)
		EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	if (state == PENDING) {
		EXPECT_EQ(wake(id, TWQ_WOKEN_IO), 0);
		wait_pending(id);
	}
	return id;
}

static inline void take_picture(struct picture *p)
{
	int i;

	memset(p, 0, sizeof(*p));
	p->ledger = ledger(dev);
	for (i = 0; i < TAP_COUNT(bystander); i++)
		if (bystander[i])
			p->task[i] = task(bystander[i]);
	if (now.id)
		p->task[i] = task(now.id);
	p->references = read_long(REFERENCES);
}

/* -- the trials ----------------------------------------------------------- */

/* One call while something fails. Returns whether it was refused for that. */
static inline bool try_once(const struct subject *s, enum fault kind, int n,
			    bool *hit)
{
	struct picture before, after;
	union argument given;
	int ret;

	if (s->prepare)
		s->prepare();
	given = now.arg;
	take_picture(&before);
	inject(kind, n);
	ret = s->call();
	*hit = inject_end(kind);
	if (ret >= 0) {
		if (s->check)
			s->check(ret);
	} else {
		if (!EXPECT_TRUE(*hit && (ret == -ENOMEM || ret == -EFAULT)))
			printf("# %s %d: -%s\n", fault_names[kind], n,
			       strerrorname_np(-ret));
		take_picture(&after);
		EXPECT_EQ(memcmp(&before, &after, sizeof(after)), 0);
		EXPECT_EQ(memcmp(&given, &now.arg, sizeof(given)), 0);
	}
	if (s->clean)
		s->clean();
	return ret < 0;
}

/* Each place in turn, until the call comes through without an injection. */
static inline int try_each_place(const struct subject *s)
{
	int n, refused = 0;
	bool hit = true;

	for (n = 1; n < MAX_PLACES && hit && !tap_failures; n++)
		refused += try_once(s, FAULT_NTH, n, &hit);
	EXPECT_LT(n, MAX_PLACES);
	return refused;
}

/* The first ones of a kind, up to all of them. */
static inline int try_kind(const struct subject *s, enum fault fault)
{
	static const int firsts[] = { 1, 2, 3, EVERY };
	int i, refused = 0;
	bool hit;

	EXPECT_TRUE(set_knob(fault, "probability", "100"));
	for (i = 0; i < TAP_COUNT(firsts) && !tap_failures; i++)
		refused += try_once(s, fault, firsts[i], &hit);
	EXPECT_TRUE(set_knob(fault, "probability", "0"));
	return refused;
}

/* Returns how often the call was refused. */
static inline int try_all(const struct subject *s)
{
	enum fault fault;
	int refused = try_each_place(s);

	for (fault = FAULT_SLAB; fault < NR_FAULTS; fault++)
		refused += try_kind(s, fault);
	if (tap_failures)
		printf("# class %d, state %d, call %lu\n", now.class,
		       now.state, _IOC_NR(now.nr));
	return refused;
}

static inline int call_device(void)
{
	return call(dev, now.nr, &now.arg);
}

/* -- around each case ----------------------------------------------------- */

/* In a memory cgroup, since charging to one may fail, too. */
static inline void open_trials(void)
{
	int class, state;

	pin(nth_cpu(0));
	mkdir(CGROUP "twq-trials", 0755);
	EXPECT_TRUE(write_text(CGROUP "cgroup.subtree_control", "+memory"));
	EXPECT_TRUE(write_text(CGROUP "twq-trials/cgroup.procs", "0"));
	open_case();
	now.fd = -1;
	for (class = 0; class < NR_CLASSES; class++)
		for (state = 0; state < NR_STATES; state++)
			bystander[class * NR_STATES + state] =
				make_in(class, state);
	inject_open();
}

#endif /* TRIAL_H */
