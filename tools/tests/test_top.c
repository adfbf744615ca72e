// SPDX-License-Identifier: GPL-2.0
/*
 * twqctl top on a pseudo terminal: what is on its screen while a task of a known
 * interval runs, what of it on a small one, that it ends by a key and by a signal
 * with the terminal as it was, and that it goes without a screen where the
 * terminal is none. In a pipe it is tested by test_twqctl. TWQCTL names the
 * program; descriptions of terminals are in the folder terminfo beside this
 * program.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <libgen.h>
#include <pty.h>
#include <signal.h>
#include <termios.h>
#include "device.h"

#define SCREEN		65536
#define MAX_LINES	64
#define MAX_COLUMNS	160

static char screen[SCREEN];
static size_t screen_len;
static int terminal;
static struct winsize size = { .ws_row = 24, .ws_col = 80 };
static pid_t child;

/* What a terminal would show of what is in screen[]: see render(). */
static struct {
	char lines[MAX_LINES][MAX_COLUMNS + 1];
	int row, column;
	bool wrapped;
} shown;

/* The program, on a terminal of that kind and of that size. */
static void start_top(const char *term, const char *delay)
{
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

/* -- the terminal --------------------------------------------------------- */

static void clear_line(int row, int from)
{
	memset(shown.lines[row] + from, ' ', size.ws_col - from);
	shown.lines[row][size.ws_col] = '\0';
}

static void show_char(char c)
{
	if (shown.column >= size.ws_col) {
		shown.wrapped = true;
		shown.column = 0;
		shown.row++;
	}
	/* It would scroll. */
	if (shown.row >= size.ws_row) {
		shown.wrapped = true;
		shown.row = size.ws_row - 1;
	}
	shown.lines[shown.row][shown.column++] = c;
}

/* Behind ESC [: digits, which may be missing, and a letter. */
static const char *show_sequence(const char *at)
{
	int numbers[2] = { 0 }, n = 0, row;

	for (; *at && !isalpha((unsigned char)*at); at++) {
		if (*at == ';' && !n)
			n++;
		else if (isdigit((unsigned char)*at))
			numbers[n] = 10 * numbers[n] + *at - '0';
	}
	switch (*at) {
	case 'H':
		shown.row = numbers[0] ? numbers[0] - 1 : 0;
		shown.column = numbers[1] ? numbers[1] - 1 : 0;
		break;
	case 'A':
		shown.row -= numbers[0] ?: 1;
		break;
	case 'B':
		shown.row += numbers[0] ?: 1;
		break;
	case 'C':
		shown.column += numbers[0] ?: 1;
		break;
	case 'D':
		shown.column -= numbers[0] ?: 1;
		break;
	case 'J':
		for (row = shown.row + 1; row < size.ws_row; row++)
			clear_line(row, 0);
		clear_line(shown.row, shown.column);
		break;
	case 'K':
		clear_line(shown.row, shown.column);
		break;
	}
	return *at ? at + 1 : at;
}

static const char *show_escape(const char *at)
{
	if (*at == '[')
		return show_sequence(at + 1);
	if (*at == 'M')
		shown.row--;
	if (*at && strchr("()", *at))	/* and a set of characters */
		at++;
	return *at ? at + 1 : at;
}

/* As much of a vt100 as ncurses uses. */
static void render(void)
{
	const char *at = screen;
	int row;

	memset(&shown, 0, sizeof(shown));
	for (row = 0; row < size.ws_row; row++)
		clear_line(row, 0);
	while (*at) {
		char c = *at++;

		if (c == '\033')
			at = show_escape(at);
		else if (c == '\r')
			shown.column = 0;
		else if (c == '\n')
			shown.row++;
		else if (c == '\b')
			shown.column--;
		else if (c == '\t')
			shown.column = (shown.column | 7) + 1;
		else if (isprint((unsigned char)c))
			show_char(c);
	}
}

static bool expect_line(int row, const char *begin)
{
	if (!strncmp(shown.lines[row], begin, strlen(begin)))
		return true;
	printf("# line %d is not '%s...': '%s'\n", row, begin,
	       shown.lines[row]);
	return EXPECT_TRUE(!"it is as it should be");
}

/* -- the end of it -------------------------------------------------------- */

/* Until nothing comes for a while. */
static void read_rest(void)
{
	while (readable(terminal, 200) && screen_len < SCREEN - 1) {
		ssize_t got = read(terminal, screen + screen_len,
				   SCREEN - 1 - screen_len);

		if (got <= 0)
			break;
		screen_len += got;
	}
}

static void expect_status(int want)
{
	int status = -1;

	read_rest();	/* what it writes last, or it waits */
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
	uint64_t id = make(dev, bit(nth_cpu(0)), 0, 50 * NSEC_PER_MSEC, 0);

	/* This one runs, and so the other one is in the tree at each look. */
	pin(nth_cpu(0));
	EXPECT_EQ(queue_in(id, NSEC_PER_MSEC), 0);
	EXPECT_EQ(queue_in(make_any(1), HOUR_NS), 0);
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

/* Looked at while it waits: at its end it goes to the last line. */
static void look_at_screen(int rows, int columns)
{
	size.ws_row = rows;
	size.ws_col = columns;
	start_top("vt100", "-d1");
	see("shared tree: 0 tasks");
	read_rest();
	render();
	EXPECT_TRUE(!shown.wrapped);
	EXPECT_EQ(write(terminal, "q", 1), 1);
	expect_status(0);
}

static void screen_of_80_columns_has_whole_lines(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	char begin[16];
	int cpu;

	look_at_screen(24, 80);
	expect_line(0, "CPU        depth waiting queued/s expired/s  runs/s");
	EXPECT_TRUE(strstr(shown.lines[0], " late p50 late p99    lock"));
	EXPECT_TRUE(!strstr(shown.lines[0], "kicks/s"));
	for (cpu = 0; cpu < cpus && cpu < 20; cpu++) {
		snprintf(begin, sizeof(begin), "%-8d ", cpu);
		expect_line(1 + cpu, begin);
	}
	if (cpus < 20)
		expect_line(1 + cpus, "shared tree: 0 tasks");
}

static void wide_screen_has_all_columns(void)
{
	look_at_screen(24, 120);
	EXPECT_TRUE(strstr(shown.lines[0], " kicks/s refused/s "));
}

static void narrow_screen_has_the_most_important(void)
{
	look_at_screen(24, 40);
	expect_line(0, "CPU        depth expired/s late p99    ");
	expect_line(1, "0   ");
}

/* A line for the heading, for CPU 0, for how many more, for what is below. */
static void low_screen_says_how_many_more(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	int below = access("/sys/kernel/debug/twq/measure", W_OK) ? 2 : 1;
	char more[48];

	if (cpus < 3)
		tap_skip("needs 3 CPUs");
	look_at_screen(3 + below, 80);
	snprintf(more, sizeof(more), "and %ld more CPUs", cpus - 1);
	expect_line(0, "CPU ");
	expect_line(1, "0   ");
	expect_line(2, more);
	expect_line(3, "shared tree: 0 tasks");
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
	TAP_CASE(screen_of_80_columns_has_whole_lines),
	TAP_CASE(wide_screen_has_all_columns),
	TAP_CASE(narrow_screen_has_the_most_important),
	TAP_CASE(low_screen_says_how_many_more),
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
