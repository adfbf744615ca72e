// SPDX-License-Identifier: GPL-2.0
/*
 * twqctl: drive /dev/twq by hand. The table below names the commands; each
 * stands in the file of its name and parses its own options.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "twqctl.h"

static const struct command {
	const char *name;
	int (*run)(struct twqctl *ctl, int argc, char **argv);
} commands[] = {
	{ "info", cmd_info },
	{ "stats", cmd_stats },
	{ "top", cmd_top },
	{ "checks", cmd_checks },
	{ "storm", cmd_storm },
	{ "trace", cmd_trace },
	{ "run", cmd_run },
	{ NULL, NULL }
};

struct main_args {
	struct twqctl ctl;
	const struct command *command;
	int index;		/* of the command in argv */
};

const char *argp_program_version = "twqctl " TWQ_VERSION;

static const char doc[] =
	"Drive /dev/twq, the per-CPU timer queues of the twq module.\n"
	"\013Commands:\n"
	"  info    limits and version of the module\n"
	"  stats   what the queues did on each CPU\n"
	"  top     what the queues do now, on a screen or in lines\n"
	"  checks  a load of health checks, with a report and a verdict\n"
	"  storm   random calls beside a model of what must happen\n"
	"  trace   a timeline of tasks over CPUs, as a page and as JSON\n"
	"  run     execute a script of device calls\n"
	"\n"
	"`twqctl COMMAND --help' lists the options of a command.\n"
	"\n"
	"Exit status:\n"
	"  0  all is well\n"
	"  1  a promise was broken or a script line failed\n"
	"  2  wrong usage\n"
	"  3  trouble with the device or the system, or with the output";

static const struct command *find_command(const char *name)
{
	const struct command *command;

	for (command = commands; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

static error_t parse_main(int key, char *arg, struct argp_state *state)
{
	struct main_args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		common_input(state, &args->ctl);
		return 0;
	case ARGP_KEY_ARG:
		args->command = find_command(arg);
		if (!args->command)
			argp_error(state, "expected info, stats, top, checks, storm, trace or run, not '%s'",
				   arg);
		args->index = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "expected a command: info, stats, top, checks, storm, trace or run");
		return ARGP_ERR_UNKNOWN;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/*
 * At the end, however it came, so that help is looked at, too: success is none
 * if what was to be printed is not there. Worse that is known already remains.
 */
static void check_output(int status, void *unused)
{
	int error;

	(void)unused;
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return;
	error = errno;	/* 0 if it was an earlier line that failed */
	warnx("standard output: %s",
	      error ? strerror(error) : "a line could not be written");
	if (status == TWQCTL_OK)
		_exit(TWQCTL_TROUBLE);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse_main,
		.args_doc = "COMMAND [OPTION...]",
		.doc = doc,
		.children = common_child,
	};
	struct main_args args = { .ctl.device = "/dev/twq" };
	char *name;

	argp_err_exit_status = TWQCTL_USAGE;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (on_exit(check_output, NULL))
		err(TWQCTL_TROUBLE, "on_exit");
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &args))
		return TWQCTL_USAGE;
	if (asprintf(&name, "twqctl %s", args.command->name) < 0)
		err(TWQCTL_TROUBLE, "asprintf");
	argv[args.index] = name;
	return args.command->run(&args.ctl, argc - args.index,
				 argv + args.index);
}
