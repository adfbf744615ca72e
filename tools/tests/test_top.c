// SPDX-License-Identifier: GPL-2.0
/*
 * twqctl top on a pseudo terminal: what is on its screen while a task of a known
 * interval runs, that it ends by a key and by a signal with the terminal as it
 * was, and that it goes without a screen where the terminal is none. In a pipe
 * it is tested by test_twqctl. TWQCTL names the program; descriptions of
 * terminals are in the folder terminfo beside this program.
 */
#define _GNU_SOURCE
#include <libgen.h>
#include <pty.h>
#include <signal.h>
#include <termios.h>
#include "device.h"

#define SCREEN		65536

static char screen[SCREEN];
static size_t screen_len;
static int terminal;
static pid_t child;

/* The program, on a terminal of that kind. */
static void start_top(const char *term, const char *delay)
{
	const struct winsize size = { .ws_row = 24, .ws_col = 120 };
	const char *program = getenv("TWQCTL") ?: "twqctl";
	char path[4096];

	EXPECT_GT(readlink("/proc/self/exe", path, sizeof(path) - 1), 0);
	snprintf(path + strlen(dirname(path)), 32, "/terminfo");
	child = forkpty(&terminal, NULL, NULL, &size);
	EXPECT_GE(child, 0);
	if (child)
		return;
	setenv("TERMINFO", path, 1);
	setenv("TERM", term, 1);
	execlp(program, program, "top", delay, (char *)NULL);
	_exit(127);
}

/* Reads until @want was there or too long has passed. */
static bool see(const char *want)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;
	ssize_t got;

	while (!strstr(screen, want) && now_ns() < limit &&
	       screen_len < SCREEN - 1) {
		if (!readable(terminal, 100))
			continue;
		got = read(terminal, screen + screen_len,
			   SCREEN - 1 - screen_len);
		if (got <= 0)
			break;
		screen_len += got;
	}
	if (strstr(screen, want))
		return true;
	printf("# no '%s' on the screen\n", want);
	return EXPECT_TRUE(!"it is on the screen");
}

static void expect_status(int want)
{
	int status = -1;

	/* What it writes last has to be read, or it waits. */
	while (readable(terminal, 200) && screen_len < SCREEN - 1) {
		ssize_t got = read(terminal, screen + screen_len,
				   SCREEN - 1 - screen_len);

		if (got <= 0)
			break;
		screen_len += got;
	}
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), want);
}

/* What is typed is shown again, a line at a time. */
static void expect_cooked(void)
{
	struct termios tio;

	EXPECT_EQ(tcgetattr(terminal, &tio), 0);
	EXPECT_EQ(tio.c_lflag & (ECHO | ICANON), ECHO | ICANON);
}

static void screen_shows_the_load(void)
{
	struct termios tio;
	uint64_t id = make(dev, 0, 0, 50 * NSEC_PER_MSEC, 0);

	EXPECT_EQ(queue_in(id, NSEC_PER_MSEC), 0);
	start_top("vt100", "-d1");
	see("runs/s");
	see("shared tree: 1 tasks");
	EXPECT_EQ(tcgetattr(terminal, &tio), 0);
	EXPECT_EQ(tio.c_lflag & (ECHO | ICANON), 0);
	EXPECT_EQ(write(terminal, "q", 1), 1);
	expect_status(0);
	expect_cooked();
	EXPECT_EQ(destroy(id), 0);
}

static void signal_ends_it(void)
{
	start_top("vt100", "-d1");
	see("shared tree: 0 tasks");
	EXPECT_EQ(kill(child, SIGTERM), 0);
	expect_status(0);
	expect_cooked();
}

static void interrupt_ends_a_long_wait(void)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;
	struct termios tio;

	start_top("vt100", "-d1000");
	/* Its screen is there when what is typed is not shown. */
	do {
		pause_ms(10);
		EXPECT_EQ(tcgetattr(terminal, &tio), 0);
	} while (tio.c_lflag & ECHO && now_ns() < limit);
	EXPECT_EQ(write(terminal, "\003", 1), 1);
	expect_status(0);
	expect_cooked();
}

static void unknown_terminal_gets_lines(void)
{
	start_top("nothing", "-n2");
	see("TERM=nothing names no terminal");
	see("shared tree: 0 tasks");
	expect_status(0);
	EXPECT_TRUE(!strchr(screen, '\033'));
}

static const struct tap_case cases[] = {
	TAP_CASE(screen_shows_the_load),
	TAP_CASE(signal_ends_it),
	TAP_CASE(interrupt_ends_a_long_wait),
	TAP_CASE(unknown_terminal_gets_lines),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = open_case,
		.after = close_case,
	};

	return tap_main(argc, argv, &suite);
}
