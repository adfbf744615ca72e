// SPDX-License-Identifier: GPL-2.0
/*
 * twqctl run: a script of device calls from a file or from standard input. All
 * lines work on one open file, since tasks live as long as that.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "script.h"
#include "twqctl.h"
#include "units.h"

struct run_args {
	struct twqctl *ctl;
	bool keep_going;
	const char *path;	/* NULL: standard input */
};

static const struct argp_option options[] = {
	{ "keep-going", 'k', NULL, 0, "Go on after a line that failed", 0 },
	{ 0 }
};

static const char run_doc[] =
	"Run a script of device calls from FILE or standard input.\n"
	"\013One command a line, # starts a comment:\n"
	"  create NAME [cpus=LIST] [shared] [interval=DURATION]\n"
	"  queue NAME TIME\n"
	"  schedule NAME TIME\n"
	"  affinity NAME LIST\n"
	"  cancel NAME\n"
	"  wakeup NAME init|io|signal|msg|res|other[,...]\n"
	"  query NAME\n"
	"  destroy NAME\n"
	"  events [N [within DURATION]]\n"
	"  sleep DURATION\n"
	"  stats\n"
	"`on CPU' before a command makes its call from that CPU. DURATION is\n"
	DURATION_SYNTAX ". TIME is\n"
	"+DURATION or -DURATION from now, now, never, or a DURATION without a\n"
	"sign: a time of CLOCK_MONOTONIC.";

static error_t parse_run(int key, char *arg, struct argp_state *state)
{
	struct run_args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		common_input(state, args->ctl);
		return 0;
	case 'k':
		args->keep_going = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "expected one FILE, not '%s' too",
				   arg);
		if (strcmp(arg, "-"))
			args->path = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int run_lines(struct script *script, FILE *file)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, file) >= 0) {
		script->line++;
		if (!script_run_line(script, line))
			continue;
		script->has_failed = true;
		if (!script->keep_going)
			break;
	}
	free(line);
	if (ferror(file)) {
		warn("line %u", script->line + 1);
		return TWQCTL_TROUBLE;
	}
	return script->has_failed ? TWQCTL_BROKEN : TWQCTL_OK;
}

static int run_file(const struct run_args *args, FILE *file)
{
	struct script script = {
		.json = args->ctl->json,
		.keep_going = args->keep_going,
	};
	int ret;

	script.fd = open_device(args->ctl, O_RDWR | O_NONBLOCK);
	if (script.fd < 0)
		return TWQCTL_TROUBLE;
	ret = twq_get_info(script.fd, &script.info);
	if (ret < 0) {
		warnx("info: %s", strerror(-ret));
		ret = TWQCTL_TROUBLE;
	} else {
		ret = run_lines(&script, file);
	}
	script_free(&script);
	close(script.fd);
	return ret;
}

int cmd_run(struct twqctl *ctl, int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_run,
		.args_doc = "[FILE]",
		.doc = run_doc,
		.children = common_child,
	};
	struct run_args args = { .ctl = ctl };
	FILE *file = stdin;
	int ret;

	if (argp_parse(&argp, argc, argv, 0, NULL, &args))
		return TWQCTL_USAGE;
	if (args.path)
		file = fopen(args.path, "re");
	if (!file) {
		warn("%s", args.path);
		return TWQCTL_TROUBLE;
	}
	ret = run_file(&args, file);
	if (args.path)
		fclose(file);
	return ret;
}
