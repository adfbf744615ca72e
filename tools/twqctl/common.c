// SPDX-License-Identifier: GPL-2.0
/* What every command shares: --device, --json and the way to the device. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "libtwq.h"
#include "twqctl.h"

enum { OPT_DEVICE = 0x100, OPT_JSON };

static const struct argp_option json_options[] = {
	{ "json", OPT_JSON, NULL, 0, "Print JSON instead of text", 1 },
	{ 0 }
};

static const struct argp_option common_options[] = {
	{ "device", OPT_DEVICE, "PATH", 0, "The device (/dev/twq)", 1 },
	{ 0 }
};

static error_t parse_json(int key, char *arg, struct argp_state *state)
{
	struct twqctl *ctl = state->input;

	(void)arg;
	if (key != OPT_JSON)
		return ARGP_ERR_UNKNOWN;
	ctl->json = true;
	return 0;
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
	struct twqctl *ctl = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		common_input(state, ctl);
		return 0;
	case OPT_DEVICE:
		ctl->device = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp json_argp = {
	.options = json_options,
	.parser = parse_json,
};

const struct argp_child json_child[] = {
	{ .argp = &json_argp },
	{ 0 }
};

static const struct argp common_argp = {
	.options = common_options,
	.parser = parse_common,
	.children = json_child,
};

const struct argp_child common_child[] = {
	{ .argp = &common_argp },
	{ 0 }
};

void common_input(struct argp_state *state, struct twqctl *ctl)
{
	state->child_inputs[0] = ctl;
}

static int check_abi(const struct twqctl *ctl, int fd)
{
	struct twq_info info;
	int ret = twq_get_info(fd, &info);

	if (ret < 0) {
		warnx("%s is not a twq device: %s", ctl->device,
		      strerror(-ret));
		return ret;
	}
	if (info.abi_version < TWQ_ABI_VERSION ||
	    info.event_size != sizeof(struct twq_event)) {
		warnx("%s: ABI %u, events of %u bytes; needed: ABI %d, %zu bytes",
		      ctl->device, info.abi_version, info.event_size,
		      TWQ_ABI_VERSION, sizeof(struct twq_event));
		return -EPROTO;
	}
	return 0;
}

int open_device(const struct twqctl *ctl, int open_flags)
{
	int fd = twq_open(ctl->device, open_flags | O_CLOEXEC);
	int ret;

	if (fd < 0) {
		warnx("cannot open %s: %s%s", ctl->device, strerror(-fd),
		      fd == -ENOENT ? " (is the twq module loaded?)" : "");
		return fd;
	}
	ret = check_abi(ctl, fd);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return fd;
}
