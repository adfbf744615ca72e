// SPDX-License-Identifier: GPL-2.0
/*
 * twqctl stats: what the queues did on each CPU since the module was loaded.
 * Rows are the CPUs that serve themselves (the online ones) and those that
 * have counted something before.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fields.h"
#include "libtwq.h"
#include "twqctl.h"
#include "units.h"

struct stats_args {
	struct twqctl *ctl;
	int64_t watch_ns;	/* 0: print once */
};

struct stats_rows {
	struct twq_stats *cpus;
	size_t nr_cpus;
	struct twq_stats total;
};

static const struct argp_option options[] = {
	{ "watch", 'w', "TIME", OPTION_ARG_OPTIONAL,
	  "Print again every TIME (1s) until interrupted", 0 },
	{ 0 }
};

static error_t parse_stats(int key, char *arg, struct argp_state *state)
{
	struct stats_args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		common_input(state, args->ctl);
		return 0;
	case 'w':
		args->watch_ns = NSEC_PER_SEC;
		if (arg && parse_period(arg, &args->watch_ns))
			argp_error(state, "--watch: expected " PERIOD_SYNTAX ", not '%s'",
				   arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static bool has_counted(const struct twq_stats *stats)
{
	const struct field *field;

	for (field = cpu_stats_fields; field->name; field++)
		if (strcmp(field->name, "shared_depth") &&
		    field_value(&stats->cpu_stats, field))
			return true;
	return false;
}

static int collect(int fd, unsigned int nr_cpus, struct stats_rows *rows)
{
	struct twq_stats *row;
	unsigned int cpu;
	int ret;

	rows->nr_cpus = 0;
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		row = &rows->cpus[rows->nr_cpus];
		ret = twq_get_stats(fd, cpu, row);
		if (ret == -EINVAL)
			continue;	/* a hole in the CPU numbers */
		if (ret < 0)
			return ret;
		if (row->serving_cpu == cpu || has_counted(row))
			rows->nr_cpus++;
	}
	return twq_get_stats(fd, TWQ_STATS_ALL_CPUS, &rows->total);
}

static void print_rows_json(const struct stats_rows *rows)
{
	json_t *cpus = json_array(), *cpu, *object;
	size_t i;

	for (i = 0; i < rows->nr_cpus; i++) {
		cpu = json_pack("{s:i, s:i}", "cpu", rows->cpus[i].cpu,
				"serving_cpu", rows->cpus[i].serving_cpu);
		object = fields_to_json(&rows->cpus[i].cpu_stats,
					cpu_stats_fields);
		json_object_update(cpu, object);
		json_decref(object);
		json_array_append_new(cpus, cpu);
	}
	object = json_pack("{s:o, s:o}", "cpus", cpus, "total",
			   fields_to_json(&rows->total.cpu_stats,
					  cpu_stats_fields));
	print_json(object);
	json_decref(object);
}

static int column_width(const struct stats_rows *rows,
			const struct field *field)
{
	int width = strlen(field->name);
	int digits = snprintf(NULL, 0, "%llu", (unsigned long long)
			      field_value(&rows->total.cpu_stats, field));

	return digits > width ? digits : width;
}

static void print_row(const struct stats_rows *rows, const char *name,
		      const struct twq_stats *row)
{
	const struct field *field;

	printf("%-8s", name);
	for (field = cpu_stats_fields; field->name; field++)
		printf("  %*llu", column_width(rows, field),
		       (unsigned long long)field_value(&row->cpu_stats, field));
	printf("\n");
}

static void print_rows(const struct stats_rows *rows)
{
	const struct field *field;
	char name[32];
	size_t i;

	printf("%-8s", "CPU");
	for (field = cpu_stats_fields; field->name; field++)
		printf("  %*s", column_width(rows, field), field->name);
	printf("\n");
	for (i = 0; i < rows->nr_cpus; i++) {
		const struct twq_stats *row = &rows->cpus[i];

		if (row->serving_cpu == row->cpu)
			snprintf(name, sizeof(name), "%u", row->cpu);
		else
			snprintf(name, sizeof(name), "%u (by %u)", row->cpu,
				 row->serving_cpu);
		print_row(rows, name, row);
	}
	print_row(rows, "all", &rows->total);
}

static int show(const struct stats_args *args, int fd, unsigned int nr_cpus,
		struct stats_rows *rows)
{
	bool screen = args->watch_ns && isatty(STDOUT_FILENO);
	int ret = collect(fd, nr_cpus, rows);

	if (ret < 0) {
		warnx("stats: %s", strerror(-ret));
		return ret;
	}
	if (args->ctl->json) {
		print_rows_json(rows);
		return 0;
	}
	if (screen)
		printf("\033[H\033[J");
	print_rows(rows);
	if (args->watch_ns && !screen)
		printf("\n");
	return ferror(stdout) ? -EIO : 0;	/* main.c tells of it */
}

static int show_again(const struct stats_args *args, int fd)
{
	const struct timespec pause = {
		.tv_sec = args->watch_ns / NSEC_PER_SEC,
		.tv_nsec = args->watch_ns % NSEC_PER_SEC,
	};
	struct stats_rows rows;
	struct twq_info info;
	int ret;

	ret = twq_get_info(fd, &info);
	if (ret < 0)
		return ret;
	rows.cpus = calloc(info.nr_cpus, sizeof(*rows.cpus));
	if (!rows.cpus)
		return -ENOMEM;
	do {
		ret = show(args, fd, info.nr_cpus, &rows);
	} while (!ret && args->watch_ns && !nanosleep(&pause, NULL));
	free(rows.cpus);
	return ret;
}

int cmd_stats(struct twqctl *ctl, int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_stats,
		.doc = "Print what the queues did on each CPU since the module was\n"
		       "loaded.\n"
		       "\013TIME is " DURATION_SYNTAX ", or\n"
		       "digits alone, which are seconds.",
		.children = common_child,
	};
	struct stats_args args = { .ctl = ctl };
	int fd, ret;

	if (argp_parse(&argp, argc, argv, 0, NULL, &args))
		return TWQCTL_USAGE;
	fd = open_device(ctl, O_RDONLY);
	if (fd < 0)
		return TWQCTL_TROUBLE;
	ret = show_again(&args, fd);
	close(fd);
	return ret < 0 ? TWQCTL_TROUBLE : TWQCTL_OK;
}
