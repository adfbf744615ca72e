/* SPDX-License-Identifier: GPL-2.0 */
/* What every command of twqctl shares: options, exit statuses, the device. */
#ifndef TWQCTL_H
#define TWQCTL_H

#include <argp.h>
#include <stdbool.h>

enum twqctl_exit {
	TWQCTL_OK = 0,
	TWQCTL_BROKEN = 1,	/* a promise was broken or a line failed */
	TWQCTL_USAGE = 2,
	TWQCTL_TROUBLE = 3,	/* the device or the system said no */
};

/**
 * struct twqctl - the options that are no command's own
 * @device: path of the device
 * @json: print JSON instead of text
 */
struct twqctl {
	const char *device;
	bool json;
};

/*
 * Parses --device and --json, or --json alone where no device is opened, into
 * its input, a struct twqctl. A command lists one of them as a child and hands
 * its own struct twqctl over with common_input().
 */
extern const struct argp_child common_child[];
extern const struct argp_child json_child[];
void common_input(struct argp_state *state, struct twqctl *ctl);

/*
 * Opens the device and checks that it speaks our ABI. Returns the descriptor,
 * or a negative value after it has said on stderr what is wrong.
 */
int open_device(const struct twqctl *ctl, int open_flags);

/* Each command gets its own argv, argv[0] being "twqctl COMMAND". */
int cmd_info(struct twqctl *ctl, int argc, char **argv);
int cmd_stats(struct twqctl *ctl, int argc, char **argv);
int cmd_top(struct twqctl *ctl, int argc, char **argv);
int cmd_checks(struct twqctl *ctl, int argc, char **argv);
int cmd_storm(struct twqctl *ctl, int argc, char **argv);
int cmd_trace(struct twqctl *ctl, int argc, char **argv);
int cmd_run(struct twqctl *ctl, int argc, char **argv);

#endif /* TWQCTL_H */
