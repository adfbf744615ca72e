/* SPDX-License-Identifier: GPL-2.0 */
/* Threads of the device tests: start, join, wait until one sleeps in a call. */
#ifndef THREADS_H
#define THREADS_H

#include <signal.h>
#include <sys/syscall.h>
#include "device.h"

static inline pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	if (!EXPECT_EQ(pthread_create(&thread, NULL, fn, arg), 0))
		exit(1);
	return thread;
}

static inline void join(pthread_t thread)
{
	EXPECT_EQ(pthread_join(thread, NULL), 0);
}

/* The scheduler's letter for a thread: R, S, D, ... */
static inline char thread_state(pid_t tid)
{
	char path[64], line[256] = "", *paren;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	paren = strrchr(line, ')');
	return paren && paren[1] ? paren[2] : 0;
}

/* Waits until the thread that stores its id in @tid sleeps. */
static inline bool wait_asleep(pid_t *tid)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;
	pid_t who;

	do {
		pause_ms(2);
		who = __atomic_load_n(tid, __ATOMIC_ACQUIRE);
		if (who && thread_state(who) == 'S')
			return true;
	} while (now_ns() < limit);
	return EXPECT_TRUE(!"the thread never slept");
}

static inline void tell_tid(pid_t *tid)
{
	__atomic_store_n(tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
}

static inline void set_blocking(int fd, bool blocking)
{
	int flags = fcntl(fd, F_GETFL);

	flags = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
	EXPECT_EQ(fcntl(fd, F_SETFL, flags), 0);
}

static inline void on_signal(int signal)
{
	(void)signal;
}

static inline void handle_signal(int flags)
{
	struct sigaction action = {
		.sa_handler = on_signal,
		.sa_flags = flags,
	};

	EXPECT_EQ(sigaction(SIGUSR1, &action, NULL), 0);
}

#endif /* THREADS_H */
