/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loading and unloading, for the tests that do it themselves. TWQ_MODULE names
 * the module file, /twq.ko if unset.
 */
#ifndef MODULE_H
#define MODULE_H

#include <sys/syscall.h>
#include "device.h"

#define MODULE	"twq"

static inline const char *module_file(void)
{
	const char *path = getenv("TWQ_MODULE");

	return path ? path : "/twq.ko";
}

static inline int unload(void)
{
	return syscall(SYS_delete_module, MODULE, O_NONBLOCK) ? -errno : 0;
}

/*
 * Where all files are closed: a task that ended on another CPU, or a process
 * whose mappings have yet to go, holds the module a moment longer.
 */
static inline int unload_soon(void)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;
	int ret;

	while ((ret = unload()) && now_ns() < limit)
		pause_ms(5);
	return ret;
}

static inline int load(void)
{
	int fd = open(module_file(), O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return ret;
}

#endif /* MODULE_H */
