// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading: refused while a file is open, possible as soon as it
 * is closed, and again and again. TWQ_MODULE names the module file, /twq.ko if
 * unset. Whatever happens, the module is loaded at the end.
 */
#define _GNU_SOURCE
#include <sys/stat.h>
#include "module.h"

static void need_module_file(void)
{
	if (access(module_file(), R_OK))
		tap_skip("no module file: set TWQ_MODULE");
	if (access(DEV_PATH, F_OK) && load())
		EXPECT_TRUE(!"the module is not loaded, and cannot be");
}

static void unload_refused_while_open(void)
{
	int fd = open_dev(O_NONBLOCK), ret, i;

	for (i = 0; i < 3; i++) {
		ret = unload();
		EXPECT_TRUE(ret == -EWOULDBLOCK || ret == -EBUSY);
	}
	/* And the file works as before. */
	EXPECT_EQ(deadline_call(fd, TWQ_IOC_QUEUE, make(fd, 0, 0, 0, 0), 1, 0),
		  0);
	EXPECT_EQ(readable(fd, GUARD_MS), 1);
	close(fd);
}

static void unload_after_close_with_tasks_alive(void)
{
	int fd = open_dev(O_NONBLOCK), i;
	uint64_t id;

	for (i = 0; i < 1000; i++) {
		id = make(fd, 0, 0, i % 2 ? NSEC_PER_SEC : 0, i);
		EXPECT_EQ(deadline_call(fd, TWQ_IOC_QUEUE, id, i * 100000LL,
					TWQ_RELATIVE), 0);
	}
	close(fd);
	EXPECT_EQ(unload_soon(), 0);
	EXPECT_EQ(open_dev(0), -ENOENT);
	EXPECT_EQ(load(), 0);
}

/* Hrtimers that nobody waits for any more must not fire into nothing. */
static void unload_with_hrtimers_armed(void)
{
	int fd = open_dev(O_NONBLOCK);

	pin(nth_cpu(0));
	EXPECT_EQ(deadline_call(fd, TWQ_IOC_QUEUE, make(fd, 0, 0, 0, 0),
				300 * NSEC_PER_MSEC, TWQ_RELATIVE), 0);
	EXPECT_EQ(deadline_call(fd, TWQ_IOC_QUEUE,
				make(fd, bit(nth_cpu(0)), 0, 0, 0),
				300 * NSEC_PER_MSEC, TWQ_RELATIVE), 0);
	close(fd);
	EXPECT_EQ(unload_soon(), 0);
	usleep(600 * 1000);
	EXPECT_EQ(load(), 0);
}

static void load_makes_the_node(void)
{
	struct stat st;

	EXPECT_EQ(unload_soon(), 0);
	EXPECT_EQ(access(DEV_PATH, F_OK), -1);
	EXPECT_EQ(load(), 0);
	EXPECT_EQ(stat(DEV_PATH, &st), 0);
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(st.st_mode & 07777, 0600);
	EXPECT_EQ(st.st_uid, 0);
}

static void load_twice_is_refused(void)
{
	EXPECT_EQ(load(), -EEXIST);
	EXPECT_EQ(access(DEV_PATH, R_OK | W_OK), 0);
}

static void load_and_unload_20_times(void)
{
	struct twq_event event;
	int fd, i;

	for (i = 0; i < 20 && !tap_failures; i++) {
		fd = open_dev(O_NONBLOCK);
		EXPECT_EQ(deadline_call(fd, TWQ_IOC_QUEUE,
					make(fd, 0, 0, 0, i), 1, 0), 0);
		if (next_event(fd, &event))
			EXPECT_EQ(event.user_data, i);
		make(fd, 0, 0, 0, 0);
		EXPECT_EQ(close(fd), 0);
		EXPECT_EQ(unload_soon(), 0);
		EXPECT_EQ(load(), 0);
	}
}

static const struct tap_case cases[] = {
	TAP_CASE(unload_refused_while_open),
	TAP_CASE(unload_after_close_with_tasks_alive),
	TAP_CASE(unload_with_hrtimers_armed),
	TAP_CASE(load_makes_the_node),
	TAP_CASE(load_twice_is_refused),
	TAP_CASE(load_and_unload_20_times),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = need_module_file,
	};
	int ret = tap_main(argc, argv, &suite);

	if (access(DEV_PATH, F_OK))
		load();
	return ret;
}
