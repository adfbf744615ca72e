/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A trace of the module's events, in an instance of tracefs of its own, so that
 * nobody else's settings are touched. Addresses are hashed: with the option that
 * prints them as they are, 6.1 leaves the names of flags out.
 */
#ifndef TRACE_H
#define TRACE_H

#include <sys/stat.h>
#include "device.h"

#define TRACEFS		"/sys/kernel/tracing"
#define INSTANCE	TRACEFS "/instances/twq-test"
#define TRACE_SIZE	(1024 * 1024)

/* What one line says: the event, its CPU, the rest behind the name. */
struct trace_line {
	char name[32];
	int cpu;
	const char *rest;
};

static inline int write_file(const char *path, const char *text)
{
	ssize_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, len) == len ? 0 : -errno;
	close(fd);
	return ret;
}

/* The whole of a file; what it held before is overwritten. */
static inline const char *read_file(const char *path)
{
	static char text[TRACE_SIZE];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = 0, got;

	EXPECT_GE(fd, 0);
	while ((got = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += got;
	EXPECT_EQ(got, 0);
	text[len] = '\0';
	close(fd);
	return text;
}

static inline void trace_start(void)
{
	if (access(TRACEFS "/events", F_OK))
		tap_skip("the kernel has no files for events");
	/*
	 * No names of threads, which an instance is told when it is made: for
	 * them the kernel patches its scheduler while it runs, on which
	 * emulated CPUs were seen to stumble.
	 */
	EXPECT_EQ(write_file(TRACEFS "/options/record-cmd", "0"), 0);
	EXPECT_TRUE(!mkdir(INSTANCE, 0700) || errno == EEXIST);
	EXPECT_EQ(write_file(INSTANCE "/trace_clock", "mono"), 0);
	EXPECT_EQ(write_file(INSTANCE "/trace", ""), 0);
	EXPECT_EQ(write_file(INSTANCE "/events/twq/enable", "1"), 0);
}

static inline void trace_stop(void)
{
	write_file(INSTANCE "/events/twq/enable", "0");
	rmdir(INSTANCE);
}

/* The next line from *@at on that tells of the module; false at the end. */
static inline bool trace_next(const char **at, struct trace_line *line)
{
	const char *cpu, *name, *end;

	for (; (end = strchr(*at, '\n')); *at = end + 1) {
		name = strstr(*at, ": twq_");
		cpu = strstr(*at, " [");
		if (**at == '#' || !name || name > end || !cpu || cpu > name)
			continue;
		line->cpu = atoi(cpu + 2);
		name += 2;
		snprintf(line->name, sizeof(line->name), "%.*s",
			 (int)strcspn(name, ":"), name);
		line->rest = name + strcspn(name, ":") + 1;
		*at = end + 1;
		return true;
	}
	return false;
}

/* The value of a field in a line, as text; "" when it has none. */
static inline const char *trace_field(const struct trace_line *line,
				      const char *name)
{
	static char value[64];
	const char *at = line->rest;
	char key[32];

	snprintf(key, sizeof(key), " %s=", name);
	at = strstr(at, key);
	if (!at || at > line->rest + strcspn(line->rest, "\n"))
		return "";
	at += strlen(key);
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\n "), at);
	return value;
}

#endif /* TRACE_H */
