/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel tells of its memory and of an open file. */
#ifndef MACHINE_H
#define MACHINE_H

#include "device.h"

/* The number after @key in @path, -1 when there is none. */
static inline long value_in(const char *path, const char *key)
{
	FILE *f = fopen(path, "r");
	size_t len = strlen(key);
	char line[512];
	long value = -1;

	while (f && value < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, len))
			value = strtol(line + len, NULL, 10);
	if (f)
		fclose(f);
	return value;
}

static inline long slab_kb(void)
{
	return value_in("/proc/meminfo", "Slab:");
}

static inline long free_kb(void)
{
	return value_in("/proc/meminfo", "MemFree:");
}

static inline long live_objects(void)
{
	return value_in("/proc/slabinfo", "twq_utask ");
}

static inline void expect_fdinfo(long tasks)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dev);
	EXPECT_EQ(value_in(path, "twq-tasks:"), tasks);
}

#endif /* MACHINE_H */
