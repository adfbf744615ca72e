// SPDX-License-Identifier: GPL-2.0
/*
 * PID 1 of a test machine: mounts the usual file systems, runs /cmd with its
 * output on one serial port, and writes what became of it to another, which
 * nothing else writes to: "init" on entry and "status N taint N" at the end.
 * Whoever reads that port takes a machine that ends without the second line for
 * failed. The ports are ttyS1 and ttyS2 or, on the kernel's command line,
 * output=NAME and verdict=NAME, which the kernel hands on in the environment.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define KLOG_CONSOLE_LEVEL	8
#define KLOG_ALL		8
#define KMEMLEAK_MIN_AGE	6	/* seconds; younger objects are no leaks */
#define STATUS_SIGNAL		128

static const struct {
	const char *type;
	const char *where;
} mounts[] = {
	{ "proc", "/proc" },
	{ "sysfs", "/sys" },
	{ "devtmpfs", "/dev" },
	{ "devpts", "/dev/pts" },
	{ "debugfs", "/sys/kernel/debug" },
	{ "tracefs", "/sys/kernel/tracing" },
	{ "cgroup2", "/sys/fs/cgroup" },
	{ "tmpfs", "/tmp" },
};

/* A kernel may lack any of these; the commands find out what they need. */
static void mount_all(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i].where, 0755);
		mount("none", mounts[i].where, mounts[i].type, 0, NULL);
	}
}

/* Opens a serial port that passes bytes on as they are; -1 if there is none. */
static int open_port(const char *variable, const char *name)
{
	struct termios tio;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", getenv(variable) ?: name);
	fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (!tcgetattr(fd, &tio)) {
		cfmakeraw(&tio);
		cfsetspeed(&tio, B115200);
		tcsetattr(fd, TCSANOW, &tio);
	}
	return fd;
}

/* By way of a pipe: programs should not take the port for a terminal. */
static void run_child(int out)
{
	int null = open("/dev/null", O_RDONLY);

	setsid();
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	setenv("PATH", "/bin:/twq", 1);
	setenv("HOME", "/tmp", 1);
	if (!chdir("/twq"))
		execl("/bin/sh", "sh", "-c",
		      "set -o pipefail; sh /cmd 2>&1 | cat", (char *)NULL);
	_exit(127);
}

/* Runs /cmd to its end, reaps what it leaves behind, returns its status. */
static int run(int out)
{
	pid_t child = fork();
	pid_t pid;
	int status;

	if (!child)
		run_child(out);
	do {
		pid = wait(&status);
		if (pid < 0 && errno != EINTR)
			return 127;
	} while (pid != child);
	if (WIFSIGNALED(status))
		return STATUS_SIGNAL + WTERMSIG(status);
	return WEXITSTATUS(status);
}

/*
 * Where the kernel looks for leaks: twice, since one scan may meet an object on
 * its way from one list to the next. The kernel's log tells what was found.
 */
static void scan_for_leaks(void)
{
	int fd = open("/sys/kernel/debug/kmemleak", O_WRONLY);
	int i;

	if (fd < 0)
		return;
	for (i = 0; i < 2; i++) {
		sleep(KMEMLEAK_MIN_AGE);
		if (write(fd, "scan", 4) != 4)
			perror("kmemleak");
	}
	close(fd);
}

static long read_taint(void)
{
	char buf[32] = "";
	int fd = open("/proc/sys/kernel/tainted", O_RDONLY);

	if (fd < 0 || read(fd, buf, sizeof(buf) - 1) <= 0)
		return -1;
	close(fd);
	return strtol(buf, NULL, 10);
}

int main(void)
{
	int out, verdict, status;

	mount_all();
	out = open_port("output", "ttyS1");
	verdict = open_port("verdict", "ttyS2");
	dprintf(verdict, "init\n");
	klogctl(KLOG_CONSOLE_LEVEL, NULL, KLOG_ALL);
	status = run(out);
	tcdrain(out);
	scan_for_leaks();
	sync();
	dprintf(verdict, "status %d taint %ld\n", status, read_taint());
	tcdrain(verdict);
	reboot(RB_POWER_OFF);
	return 1;
}
