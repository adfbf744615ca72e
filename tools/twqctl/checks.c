// SPDX-License-Identifier: GPL-2.0
/*
 * twqctl checks: a load of health checks that are moved from all CPUs. This
 * file holds the options; load.c runs it, verdict.c judges, report.c reports.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "load.h"
#include "twqctl.h"
#include "units.h"
#include "verdict.h"

#define MAX_CHECKS	16777216
#define MAX_RATE	100000000
#define MAX_DURATION_NS	(365 * 86400 * NSEC_PER_SEC)

enum { OPT_HOTPLUG = 0x200, OPT_SEED };

struct checks_args {
	struct twqctl *ctl;
	struct load_options *options;
};

static const struct argp_option options[] = {
	{ "checks", 'n', "N", 0, "Number of checks (1000)", 0 },
	{ "inter", 'i', "TIME", 0, "A check is due TIME after it fired (100ms)",
	  0 },
	{ "fastinter", 'f', "TIME", 0,
	  "Observers want a check no later than TIME from now (10ms)", 0 },
	{ "rate", 'r', "N", 0, "Requeues a second in all; 0: none (20000)", 0 },
	{ "duration", 'd', "TIME", 0, "How long to run (10s)", 0 },
	{ "cpus", 'c', "LIST", 0,
	  "Put observers, readers and checks on these CPUs (all)", 0 },
	{ "pin", 'p', NULL, 0, "Allow each check on one CPU only, by turns", 0 },
	{ "hotplug", OPT_HOTPLUG, NULL, 0,
	  "Turn CPUs off and on meanwhile, all but CPU 0", 0 },
	{ "seed", OPT_SEED, "N", 0,
	  "Which CPU is turned off or on, and when (1)", 0 },
	{ "silence", 's', "TIME", 0,
	  "Longest silence of a check that is allowed (inter + 50ms)", 0 },
	{ 0 }
};

/* A time that is not negative, or the end with a usage message. */
static int64_t time_option(struct argp_state *state, const char *name,
			   const char *arg)
{
	int64_t ns;

	if (parse_duration(arg, &ns))
		argp_error(state, "--%s: expected " DURATION_SYNTAX ", not '%s'",
			   name, arg);
	if (ns <= 0 || ns > MAX_DURATION_NS)
		argp_error(state, "--%s: expected a time above 0 and up to 365 days, not '%s'",
			   name, arg);
	return ns;
}

static uint64_t number_option(struct argp_state *state, const char *name,
			      const char *arg, uint64_t min, uint64_t max)
{
	uint64_t number;

	if (parse_number(arg, min, max, &number))
		argp_error(state, "--%s: expected a number from %llu to %llu, not '%s'",
			   name, (unsigned long long)min,
			   (unsigned long long)max, arg);
	return number;
}

static error_t parse_checks(int key, char *arg, struct argp_state *state)
{
	struct checks_args *args = state->input;
	struct load_options *to = args->options;

	switch (key) {
	case ARGP_KEY_INIT:
		common_input(state, args->ctl);
		return 0;
	case 'n':
		to->nr_checks = number_option(state, "checks", arg, 1,
					      MAX_CHECKS);
		return 0;
	case 'i':
		to->inter_ns = time_option(state, "inter", arg);
		return 0;
	case 'f':
		to->fastinter_ns = time_option(state, "fastinter", arg);
		return 0;
	case 'r':
		to->rate = number_option(state, "rate", arg, 0, MAX_RATE);
		return 0;
	case 'd':
		to->duration_ns = time_option(state, "duration", arg);
		return 0;
	case 'c':
		if (parse_cpus(arg, &to->cpus))
			argp_error(state, "--cpus: expected " CPUS_SYNTAX ", not '%s'",
				   arg);
		to->bind_checks = true;
		return 0;
	case 'p':
		to->pin_checks = true;
		return 0;
	case OPT_HOTPLUG:
		to->has_hotplug = true;
		return 0;
	case OPT_SEED:
		to->seed = number_option(state, "seed", arg, 0, INT64_MAX);
		return 0;
	case 's':
		to->silence_ns = time_option(state, "silence", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int tell(struct load *load, const struct twqctl *ctl)
{
	struct verdict verdict;
	size_t i, nr_broken;

	if (verdict_reach(load, &verdict))
		return TWQCTL_TROUBLE;
	if (ctl->json)
		report_json(load, &verdict);
	else
		report_text(load, &verdict);
	nr_broken = json_array_size(verdict.broken);
	for (i = 0; i < nr_broken; i++)
		warnx("checks: %s",
		      json_string_value(json_array_get(verdict.broken, i)));
	json_decref(verdict.broken);
	return nr_broken ? TWQCTL_BROKEN : TWQCTL_OK;
}

static int run_checks(const struct twqctl *ctl,
		      const struct load_options *options)
{
	struct load load = { .options = *options };
	int status = TWQCTL_TROUBLE;

	/* The checks are armed from here: not from a CPU outside the list. */
	if (options->bind_checks &&
	    sched_setaffinity(0, sizeof(options->cpus), &options->cpus)) {
		warn("cannot run on the CPUs of --cpus");
		return TWQCTL_TROUBLE;
	}
	load.fd = open_device(ctl, O_RDWR | O_NONBLOCK);
	if (load.fd < 0)
		return TWQCTL_TROUBLE;
	if (!load_open(&load) && !load_run(&load))
		status = tell(&load, ctl);
	load_close(&load);
	close(load.fd);
	return status;
}

int cmd_checks(struct twqctl *ctl, int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_checks,
		.doc = "Run a load of health checks and report whether\n"
		       "every check fired in time, none was lost and the\n"
		       "device's ledger balances.\n"
		       "\013TIME is " DURATION_SYNTAX ".",
		.children = common_child,
	};
	struct load_options to = {
		.nr_checks = 1000,
		.inter_ns = 100 * NSEC_PER_MSEC,
		.fastinter_ns = 10 * NSEC_PER_MSEC,
		.duration_ns = 10 * NSEC_PER_SEC,
		.rate = 20000,
		.seed = 1,
	};
	struct checks_args args = { .ctl = ctl, .options = &to };

	if (sched_getaffinity(0, sizeof(to.cpus), &to.cpus))
		err(TWQCTL_TROUBLE, "sched_getaffinity");
	if (argp_parse(&argp, argc, argv, 0, NULL, &args))
		return TWQCTL_USAGE;
	if (!to.silence_ns)
		to.silence_ns = to.inter_ns + SILENCE_SLACK_NS;
	return run_checks(ctl, &to);
}
