// SPDX-License-Identifier: GPL-2.0
/*
 * twqctl top: what the queues do now, a row for each CPU. On a terminal a screen
 * of ncurses, else plain lines or, with --json, an object on a line.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <ncurses.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fields.h"
#include "top.h"
#include "twqctl.h"
#include "units.h"

#define LOOK_NS		(100 * NSEC_PER_MSEC)

struct top_args {
	struct twqctl *ctl;
	int64_t delay_ns;
	uint64_t count;		/* 0: until interrupted */
};

static const struct argp_option options[] = {
	{ "delay", 'd', "TIME", 0, "Time between two looks (1s)", 0 },
	{ "count", 'n', "COUNT", 0, "End after COUNT looks", 0 },
	{ 0 }
};

static atomic_bool ended;

static void end(int signal)
{
	(void)signal;
	ended = true;
}

static error_t parse_top(int key, char *arg, struct argp_state *state)
{
	struct top_args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		common_input(state, args->ctl);
		return 0;
	case 'd':
		if (parse_period(arg, &args->delay_ns))
			argp_error(state, "--delay: expected " PERIOD_SYNTAX ", not '%s'",
				   arg);
		return 0;
	case 'n':
		if (parse_number(arg, 1, UINT32_MAX, &args->count))
			argp_error(state, "--count: expected a number above 0, not '%s'",
				   arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* -- as lines, on a screen or not ----------------------------------------- */

static bool on_screen;
static int screen_row;

enum {
	CPU, DEPTH, WAITING, QUEUED, EXPIRED, RUNS, KICKS, REFUSED, LATE_P50,
	LATE_P99, LOCK, COLUMNS
};

/* A screen leaves out those of the least weight until the others have room. */
static const struct column {
	const char *name;
	int width;		/* < 0: to the left */
	int weight;
} columns[COLUMNS] = {
	[CPU] = { "CPU", -8, 10 },
	[DEPTH] = { "depth", 7, 7 },
	[WAITING] = { "waiting", 7, 2 },
	[QUEUED] = { "queued/s", 8, 4 },
	[EXPIRED] = { "expired/s", 9, 8 },
	[RUNS] = { "runs/s", 7, 5 },
	[KICKS] = { "kicks/s", 7, 0 },
	[REFUSED] = { "refused/s", 9, 1 },
	[LATE_P50] = { "late p50", 8, 3 },
	[LATE_P99] = { "late p99", 8, 9 },
	[LOCK] = { "lock", 7, 6 },
};

struct cell {
	char text[24];
};

/* Of what is on a screen the last column stays free: no line goes on. */
static int screen_width(void)
{
	return COLS - 1;
}

static bool is_shown(const struct column *column)
{
	int width = -1, i;

	if (!on_screen)
		return true;
	for (i = 0; i < COLUMNS; i++)
		if (columns[i].weight >= column->weight)
			width += 1 + abs(columns[i].width);
	return width <= screen_width();
}

/* What does not fit is cut off. */
static void line(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!on_screen) {
		puts(text);
		return;
	}
	if (mvaddnstr(screen_row++, 0, text, screen_width()) == OK)
		clrtoeol();
}

static void row(const struct cell cells[COLUMNS])
{
	char text[256];
	int len = 0, i;

	for (i = 0; i < COLUMNS; i++)
		if (is_shown(&columns[i]))
			len += snprintf(text + len, sizeof(text) - len, "%s%*s",
					len ? " " : "", columns[i].width,
					cells[i].text);
	line("%s", text);
}

static void put(struct cell *cell, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(cell->text, sizeof(cell->text), format, args);
	va_end(args);
}

/* Lateness is known to a power of two, told in three digits: "<1.05 ms". */
static void put_bound(struct cell *cell, uint64_t ns)
{
	static const char * const units[] = { "ns", "us", "ms", "s" };
	double size = ns;
	int unit = 0;

	if (ns == TOP_UNKNOWN) {
		put(cell, "-");
		return;
	}
	for (; size >= 1000 && unit < 3; unit++)
		size /= 1000;
	put(cell, "<%.*f %s", size < 10 ? 2 : size < 100 ? 1 : 0, size,
	    units[unit]);
}

static void show_cpu(const struct top *top, const struct top_cpu *cpu)
{
	const struct twq_cpu_stats *now = &cpu->now.stats;
	const struct twq_cpu_stats *before = &cpu->before.stats;
	struct cell cells[COLUMNS] = { [WAITING] = { "-" }, [LOCK] = { "-" } };

	put(&cells[CPU], "%u", cpu->cpu);
	if (cpu->serving_cpu != cpu->cpu)
		put(&cells[CPU], "%u (by %u)", cpu->cpu, cpu->serving_cpu);
	put(&cells[DEPTH], "%llu", (unsigned long long)now->local_depth);
	if (cpu->waiting != TOP_UNKNOWN)
		put(&cells[WAITING], "%llu", (unsigned long long)cpu->waiting);
	put(&cells[QUEUED], "%.0f", top_rate(top, before->queued, now->queued));
	put(&cells[EXPIRED], "%.0f",
	    top_rate(top, before->expired, now->expired));
	put(&cells[RUNS], "%.0f", top_rate(top, before->runs, now->runs));
	put(&cells[KICKS], "%.0f", top_rate(top, before->kicks, now->kicks));
	put(&cells[REFUSED], "%.0f",
	    top_rate(top, before->refused, now->refused));
	put_bound(&cells[LATE_P50], top_late_ns(cpu, .5));
	put_bound(&cells[LATE_P99], top_late_ns(cpu, .99));
	if (top_measures(top))
		put(&cells[LOCK], "%.2f%%", 100 * top_held_share(top, cpu));
	row(cells);
}

/* How many have a line, one for the heading and those below them kept. */
static size_t nr_shown(const struct top *top)
{
	size_t others = top->trouble[0] ? 3 : 2, lines;

	if (!on_screen)
		return top->nr_cpus;
	lines = LINES > (int)others ? LINES - others : 0;
	if (top->nr_cpus <= lines)
		return top->nr_cpus;
	return lines ? lines - 1 : 0;	/* and one that says how many more */
}

static void show_cpus(const struct top *top)
{
	size_t shown = nr_shown(top), i;
	struct cell cells[COLUMNS];

	for (i = 0; i < COLUMNS; i++)
		put(&cells[i], "%s", columns[i].name);
	row(cells);
	for (i = 0; i < shown; i++)
		show_cpu(top, &top->cpus[i]);
	if (shown < top->nr_cpus)
		line("and %zu more CPUs: no room for them", top->nr_cpus - shown);
}

static void show_text(const struct top *top)
{
	double held = 0;
	size_t i;

	show_cpus(top);
	for (i = 0; i < top->nr_cpus; i++)
		held += top_held_share(top, &top->cpus[i]);
	if (top_measures(top))
		line("shared tree: %llu tasks, lock held %.2f%% of the time, longest %s",
		     (unsigned long long)top->shared_depth, 100 * held,
		     format_duration(top->longest_ns).text);
	else
		line("shared tree: %llu tasks",
		     (unsigned long long)top->shared_depth);
	if (top->trouble[0])
		line("%s", top->trouble);
}

/* -- as JSON -------------------------------------------------------------- */

static json_t *known(uint64_t value)
{
	return value == TOP_UNKNOWN ? json_null() : json_integer(value);
}

static json_t *cpu_to_json(const struct top *top, const struct top_cpu *cpu)
{
	const struct twq_cpu_stats *now = &cpu->now.stats;
	const struct twq_cpu_stats *before = &cpu->before.stats;

	return json_pack("{s:i, s:i, s:I, s:o, s:f, s:f, s:f, s:f, s:f, s:o, s:o, s:o}",
			 "cpu", cpu->cpu, "serving_cpu", cpu->serving_cpu,
			 "depth", (json_int_t)now->local_depth, "waiting",
			 known(cpu->waiting),
			 "queued_per_s", top_rate(top, before->queued,
						  now->queued),
			 "expired_per_s", top_rate(top, before->expired,
						   now->expired),
			 "runs_per_s", top_rate(top, before->runs, now->runs),
			 "kicks_per_s", top_rate(top, before->kicks,
						 now->kicks),
			 "refused_per_s", top_rate(top, before->refused,
						   now->refused),
			 "late_p50_below_ns", known(top_late_ns(cpu, .5)),
			 "late_p99_below_ns", known(top_late_ns(cpu, .99)),
			 "lock_held_ns", known(top_measures(top) ?
					       cpu->now.held_ns -
					       cpu->before.held_ns :
					       TOP_UNKNOWN));
}

static void show_json(const struct top *top)
{
	json_t *cpus = json_array(), *object;
	size_t i;

	for (i = 0; i < top->nr_cpus; i++)
		json_array_append_new(cpus, cpu_to_json(top, &top->cpus[i]));
	object = json_pack("{s:I, s:I, s:o, s:I, s:o}",
			   "at_ns", (json_int_t)top->at_ns,
			   "length_ns", (json_int_t)top->length_ns,
			   "cpus", cpus, "shared_depth",
			   (json_int_t)top->shared_depth,
			   "lock_longest_ns",
			   known(top_measures(top) ? top->longest_ns :
						     TOP_UNKNOWN));
	print_json(object);
	json_decref(object);
}

/* -- the loop ------------------------------------------------------------- */

/* A key or a signal ends it early; true when that is the end of all. */
static bool wait_for(int64_t delay_ns)
{
	int64_t end_ns = monotonic_ns() + delay_ns;
	struct timespec pause;
	int64_t left_ns;

	while (!ended) {
		left_ns = end_ns - monotonic_ns();
		if (left_ns <= 0)
			return false;
		if (on_screen) {
			/* A signal does not end it: look now and then. */
			timeout(left_ns < LOOK_NS ? left_ns / NSEC_PER_MSEC + 1 :
				LOOK_NS / NSEC_PER_MSEC);
			if (getch() == 'q')
				return true;
			continue;
		}
		pause.tv_sec = left_ns / NSEC_PER_SEC;
		pause.tv_nsec = left_ns % NSEC_PER_SEC;
		nanosleep(&pause, NULL);
	}
	return true;
}

static void show(const struct top_args *args, const struct top *top,
		 bool first)
{
	if (args->ctl->json) {
		show_json(top);
		return;
	}
	if (on_screen)
		screen_row = 0;
	else if (!first)
		putchar('\n');
	show_text(top);
	if (on_screen) {
		clrtobot();
		refresh();
	}
}

static int loop(const struct top_args *args, struct top *top, int fd)
{
	uint64_t n;
	int ret;

	for (n = 0; !args->count || n < args->count; n++) {
		if (wait_for(args->delay_ns))
			return 0;
		ret = top_sample(top, fd);
		if (ret < 0)
			return ret;
		show(args, top, !n);
		if (ferror(stdout))
			return 0;	/* main.c tells of it */
	}
	return 0;
}

static void open_screen(const struct top_args *args)
{
	if (args->ctl->json || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return;
	if (!newterm(NULL, stdout, stdin)) {
		warnx("top: TERM=%s names no terminal that is known here: plain lines",
		      getenv("TERM") ?: "");
		return;
	}
	on_screen = true;
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
}

static int run_top(const struct top_args *args, int fd)
{
	/* Not restarted: the wait ends. */
	struct sigaction action = { .sa_handler = end };
	struct top top = { .measure = -1 };
	int ret;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	ret = top_open(&top, fd);
	if (!ret) {
		if (top.trouble[0] && args->ctl->json)
			warnx("top: %s", top.trouble);
		open_screen(args);
		ret = loop(args, &top, fd);
		if (on_screen)
			endwin();
	}
	top_close(&top);
	if (ret)
		warnx("top: %s", strerror(-ret));
	return ret;
}

int cmd_top(struct twqctl *ctl, int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_top,
		.doc = "Show what the queues do now, a row for each CPU. On a\n"
		       "terminal q ends it. Lateness and the shared lock are\n"
		       "measured meanwhile, if debugfs can be read (by root).\n"
		       "\013TIME is " DURATION_SYNTAX ", or\n"
		       "digits alone, which are seconds.",
		.children = common_child,
	};
	struct top_args args = { .ctl = ctl, .delay_ns = NSEC_PER_SEC };
	int fd, ret;

	if (argp_parse(&argp, argc, argv, 0, NULL, &args))
		return TWQCTL_USAGE;
	fd = open_device(ctl, O_RDONLY);
	if (fd < 0)
		return TWQCTL_TROUBLE;
	ret = run_top(&args, fd);
	close(fd);
	return ret ? TWQCTL_TROUBLE : TWQCTL_OK;
}
