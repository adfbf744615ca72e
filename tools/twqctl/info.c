// SPDX-License-Identifier: GPL-2.0
/* twqctl info: the limits and the version of the module. */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "fields.h"
#include "libtwq.h"
#include "twqctl.h"
#include "units.h"

static error_t parse_info(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		common_input(state, state->input);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void print_info_json(const struct twq_info *info)
{
	json_t *object = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I}",
				   "abi_version", info->abi_version,
				   "event_size", info->event_size,
				   "slot_size", info->slot_size,
				   "op_size", info->op_size,
				   "nr_cpus", info->nr_cpus,
				   "budget", info->budget,
				   "max_tasks", (json_int_t)info->max_tasks,
				   "min_interval_ns",
				   (json_int_t)info->min_interval_ns,
				   "now_ns", (json_int_t)info->now_ns);

	print_json(object);
	json_decref(object);
}

static void print_info(const struct twq_info *info)
{
	printf("abi version       %u\n", info->abi_version);
	printf("event size        %u bytes\n", info->event_size);
	printf("slot size         %u bytes\n", info->slot_size);
	printf("operation size    %u bytes\n", info->op_size);
	printf("CPU numbers       0 to %u\n", info->nr_cpus - 1);
	printf("budget            %u tasks a pass\n", info->budget);
	printf("max tasks         %llu a file\n",
	       (unsigned long long)info->max_tasks);
	printf("smallest interval %s\n",
	       format_duration(info->min_interval_ns).text);
	printf("now               %lld ns\n", (long long)info->now_ns);
}

int cmd_info(struct twqctl *ctl, int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse_info,
		.doc = "Print the limits and the version of the module.",
		.children = common_child,
	};
	struct twq_info info;
	int fd;

	if (argp_parse(&argp, argc, argv, 0, NULL, ctl))
		return TWQCTL_USAGE;
	fd = open_device(ctl, O_RDONLY);
	if (fd < 0)
		return TWQCTL_TROUBLE;
	if (twq_get_info(fd, &info) < 0) {
		close(fd);
		return TWQCTL_TROUBLE;
	}
	if (ctl->json)
		print_info_json(&info);
	else
		print_info(&info);
	close(fd);
	return TWQCTL_OK;
}
