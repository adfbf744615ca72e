// SPDX-License-Identifier: GPL-2.0
/*
 * twqctl storm: random calls on all kinds of tasks, beside a model of what
 * must happen. This file holds the options, the course and the faults; storm.h
 * says how the parts divide the work. The main thread takes SIGINT, SIGTERM
 * and SIGHUP, which end the storm early and nothing else.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "storm.h"
#include "twqctl.h"
#include "units.h"

#define MAX_TASKS	1000000
#define MAX_THREADS	1000
#define MAX_DURATION_NS	(365 * 86400 * NSEC_PER_SEC)
#define MAX_BROKEN	8		/* messages that are kept */
#define LOOK_NS		(50 * NSEC_PER_MSEC)

enum { OPT_SEED = 0x200, OPT_HOTPLUG, OPT_OPERATIONS };

static const struct argp_option options[] = {
	{ "seed", OPT_SEED, "N", 0, "What is drawn depends on it (the time)",
	  0 },
	{ "duration", 'd', "TIME", 0,
	  "How long to make calls (60s; no limit with --operations)", 0 },
	{ "operations", OPT_OPERATIONS, "N", 0,
	  "Stop after N operations of each thread", 0 },
	{ "tasks", 'n', "N", 0, "Number of tasks (400)", 0 },
	{ "threads", 't', "N", 0, "Number of threads (one each CPU)", 0 },
	{ "hotplug", OPT_HOTPLUG, NULL, 0,
	  "Turn CPUs off and on meanwhile, all but CPU 0", 0 },
	{ 0 }
};

struct storm_args {
	struct twqctl *ctl;
	struct storm_options *options;
};

static uint64_t number_of(struct argp_state *state, const char *name,
			  const char *arg, uint64_t min, uint64_t max)
{
	uint64_t number;

	if (parse_number(arg, min, max, &number))
		argp_error(state, "--%s: expected a number from %llu to %llu, not '%s'",
			   name, (unsigned long long)min,
			   (unsigned long long)max, arg);
	return number;
}

static int64_t time_of(struct argp_state *state, const char *arg)
{
	int64_t ns;

	if (parse_duration(arg, &ns) || ns <= 0 || ns > MAX_DURATION_NS)
		argp_error(state, "--duration: expected " DURATION_SYNTAX ", not '%s'",
			   arg);
	return ns;
}

static error_t parse_storm(int key, char *arg, struct argp_state *state)
{
	struct storm_args *args = state->input;
	struct storm_options *to = args->options;

	switch (key) {
	case ARGP_KEY_INIT:
		common_input(state, args->ctl);
		return 0;
	case OPT_SEED:
		to->seed = number_of(state, "seed", arg, 0, INT64_MAX);
		return 0;
	case OPT_OPERATIONS:
		to->operations = number_of(state, "operations", arg, 1,
					   INT64_MAX);
		return 0;
	case 'd':
		to->duration_ns = time_of(state, arg);
		return 0;
	case 'n':
		to->nr_tasks = number_of(state, "tasks", arg, 1, MAX_TASKS);
		return 0;
	case 't':
		to->nr_threads = number_of(state, "threads", arg, 1,
					   MAX_THREADS);
		return 0;
	case OPT_HOTPLUG:
		to->has_hotplug = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* -- faults --------------------------------------------------------------- */

void storm_fault(struct storm *storm, json_t *message)
{
	pthread_mutex_lock(&storm->lock);
	if (json_array_size(storm->broken) < MAX_BROKEN)
		json_array_append(storm->broken, message);
	pthread_mutex_unlock(&storm->lock);
	json_decref(message);
	atomic_store(&storm->stop, true);
}

static void print_note(const struct storm *storm, const struct note *note,
		       FILE *to)
{
	if (note->actor < 0)
		fputs("\n  the end:", to);
	else
		fprintf(to, "\n  thread %d, operation %llu:", note->actor,
			(unsigned long long)note->operation);
	fprintf(to, " %s %lld = %d, at %lld (%+.3f ms)", note->call,
		(long long)note->value, note->answer, (long long)note->at_ns,
		(double)(note->at_ns - storm->started_ns) / NSEC_PER_MSEC);
}

void slot_fault(struct actor *actor, struct file *file, struct slot *slot,
		json_t *message)
{
	static const char *const kinds[] = { "own", "common", "raced" };
	unsigned int i = 0, nr = slot->nr_notes;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		err(TWQCTL_TROUBLE, "open_memstream");
	fprintf(to, "thread %d, operation %llu, %s file, slot %td: %s; ",
		actor->index, (unsigned long long)actor->operation,
		kinds[file->kind], slot - file->slots,
		json_string_value(message));
	json_decref(message);
	fprintf(to, "task 0x%llx, interval %lld; the last calls on it:",
		(unsigned long long)atomic_load(&slot->id),
		(long long)slot->model.interval_ns);
	if (nr > SLOT_NOTES)
		i = nr - SLOT_NOTES;
	for (; i < nr; i++)
		print_note(actor->storm, &slot->notes[i % SLOT_NOTES], to);
	fclose(to);
	storm_fault(actor->storm, json_string(text));
	free(text);
}

void slot_note(struct actor *actor, struct slot *slot, const char *call,
	       int64_t value, int answer)
{
	slot->notes[slot->nr_notes++ % SLOT_NOTES] = (struct note){
		.actor = actor->index,
		.operation = actor->operation,
		.call = call,
		.value = value,
		.answer = answer,
		.at_ns = monotonic_ns(),
	};
}

void slot_check(struct actor *actor, struct file *file, struct slot *slot)
{
	if (!slot->model.fault[0])
		return;
	slot_broken(actor, file, slot, "%s", slot->model.fault);
	slot->model.fault[0] = '\0';
}

/* -- course --------------------------------------------------------------- */

static void *actor_main(void *arg)
{
	struct actor *actor = arg;
	struct storm *storm = actor->storm;
	uint64_t last = storm->options.operations;

	actor_bind(actor, draw_cpu(actor, storm->cpus));
	while (!atomic_load(&storm->stop) &&
	       (!last || actor->operation < last)) {
		actor->operation++;
		actor_operate(actor);
	}
	return NULL;
}

static int init_file(struct storm *storm, struct file *file, enum kind kind,
		     unsigned int nr_slots)
{
	unsigned int i;

	file->kind = kind;
	file->fd = -1;
	file->nr_slots = nr_slots ? nr_slots : 1;
	file->slots = calloc(file->nr_slots, sizeof(*file->slots));
	if (!file->slots)
		return -ENOMEM;
	pthread_rwlock_init(&file->use, NULL);
	pthread_mutex_init(&file->reading, NULL);
	for (i = 0; i < file->nr_slots; i++)
		pthread_mutex_init(&file->slots[i].lock, NULL);
	for (i = 0; i < file->nr_slots; i++)
		pthread_rwlock_init(&file->slots[i].stores, NULL);
	return file_open(storm, file);
}

/* A quarter of the tasks is common, a quarter raced, the rest is divided. */
static int init_files(struct storm *storm)
{
	const struct storm_options *options = &storm->options;
	unsigned int i, quarter = options->nr_tasks / 4;
	unsigned int own = options->nr_tasks - 2 * quarter;
	int ret;

	storm->nr_files = 2 + options->nr_threads;
	storm->files = calloc(storm->nr_files, sizeof(*storm->files));
	storm->actors = calloc(options->nr_threads, sizeof(*storm->actors));
	if (!storm->files || !storm->actors)
		return -ENOMEM;
	for (i = 0; i < storm->nr_files; i++)
		storm->files[i].fd = -1;
	ret = init_file(storm, &storm->files[0], KIND_COMMON, quarter);
	if (!ret)
		ret = init_file(storm, &storm->files[1], KIND_RACED, quarter);
	for (i = 2; i < storm->nr_files && !ret; i++)
		ret = init_file(storm, &storm->files[i], KIND_OWN,
				own / options->nr_threads);
	return ret;
}

static int start_actors(struct storm *storm)
{
	struct actor *actor;
	unsigned int i;
	int ret;

	for (i = 0; i < storm->options.nr_threads; i++) {
		actor = &storm->actors[i];
		actor->storm = storm;
		actor->index = i;
		ret = pthread_create(&actor->thread, NULL, actor_main, actor);
		if (ret) {
			warnx("cannot start a thread: %s", strerror(ret));
			return -ret;
		}
		actor->is_started = true;
	}
	return 0;
}

/* Whether the threads have stopped by themselves. */
static bool are_actors_done(struct storm *storm)
{
	unsigned int i;

	for (i = 0; i < storm->options.nr_threads; i++) {
		struct actor *actor = &storm->actors[i];

		if (actor->is_started &&
		    pthread_tryjoin_np(actor->thread, NULL))
			return false;
		actor->is_started = false;
	}
	return true;
}

static void stop_actors(struct storm *storm)
{
	unsigned int i;

	atomic_store(&storm->stop, true);
	for (i = 0; i < storm->options.nr_threads; i++) {
		if (storm->actors[i].is_started)
			pthread_join(storm->actors[i].thread, NULL);
		storm->nr_operations += storm->actors[i].operation;
	}
}

static void wait_for_end(struct storm *storm, const sigset_t *signals)
{
	struct timespec pause = { .tv_nsec = LOOK_NS };
	int64_t end_ns = storm->started_ns + storm->options.duration_ns;

	while (monotonic_ns() < end_ns && !atomic_load(&storm->stop) &&
	       !are_actors_done(storm))
		if (sigtimedwait(signals, NULL, &pause) > 0) {
			storm->is_interrupted = true;
			break;
		}
}

static int storm_run(struct storm *storm)
{
	sigset_t signals, before;
	int ret = 0;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, &before);
	storm->started_ns = monotonic_ns();
	if (storm->options.has_hotplug) {
		storm->hotplug = hotplug_start(storm->options.seed, NULL, NULL);
		if (!storm->hotplug)
			ret = -ENODEV;
	}
	if (!ret)
		ret = start_actors(storm);
	if (!ret)
		wait_for_end(storm, &signals);
	stop_actors(storm);
	storm->ran_ns = monotonic_ns() - storm->started_ns;
	if (storm->hotplug && hotplug_stop(storm->hotplug))
		ret = -EIO;
	if (!ret && !json_array_size(storm->broken))
		storm_rest(storm);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}

/* Those that are open still: something is broken. */
static void close_files(struct storm *storm)
{
	unsigned int i;

	for (i = 0; storm->files && i < storm->nr_files; i++)
		file_close(storm, &storm->files[i]);
}

static void storm_free(struct storm *storm)
{
	unsigned int i;

	close_files(storm);
	for (i = 0; storm->files && i < storm->nr_files; i++)
		free(storm->files[i].slots);
	free(storm->files);
	free(storm->actors);
	if (storm->hotplug)
		hotplug_free(storm->hotplug);
	json_decref(storm->broken);
}

/* What was not asked for: as long as there are operations, all CPUs. */
static void set_defaults(struct storm *storm)
{
	struct storm_options *options = &storm->options;

	if (!options->duration_ns)
		options->duration_ns = options->operations ?
				       MAX_DURATION_NS : 60 * NSEC_PER_SEC;
	if (!options->nr_threads)
		options->nr_threads = __builtin_popcountll(storm->cpus);
}

static int tell(struct storm *storm, const struct twqctl *ctl)
{
	size_t i, nr_broken = json_array_size(storm->broken);
	char command[200];

	close_files(storm);
	if (ctl->json)
		storm_report_json(storm);
	else
		storm_report_text(storm);
	for (i = 0; i < nr_broken; i++)
		warnx("storm: %s",
		      json_string_value(json_array_get(storm->broken, i)));
	if (!nr_broken)
		return TWQCTL_OK;
	storm_command(storm, command, sizeof(command));
	warnx("storm: again by: %s", command);
	return TWQCTL_BROKEN;
}

/* Bit n for CPU n, of those that the program may use. */
static int find_cpus(struct storm *storm)
{
	struct twq_stats stats;
	struct twq_info info;
	cpu_set_t set;
	int cpu, fd = twq_open(storm->device, O_RDWR);

	if (fd < 0 || twq_get_info(fd, &info) ||
	    twq_get_stats(fd, TWQ_STATS_ALL_CPUS, &stats) ||
	    sched_getaffinity(0, sizeof(set), &set))
		return -EIO;
	close(fd);
	storm->nr_cpus = info.nr_cpus;
	storm->before = stats.cpu_stats;
	for (cpu = 0; cpu < 64; cpu++)
		if (CPU_ISSET(cpu, &set))
			storm->cpus |= 1ULL << cpu;
	return storm->cpus ? 0 : -EINVAL;
}

int cmd_storm(struct twqctl *ctl, int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_storm,
		.doc = "Make random calls on all kinds of tasks, and check each answer\n"
		       "and each event against a model.\n"
		       "\013TIME is " DURATION_SYNTAX ".",
		.children = common_child,
	};
	struct storm storm = {
		.options = {
			.seed = time(NULL),
			.nr_tasks = 400,
		},
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	struct storm_args args = { .ctl = ctl, .options = &storm.options };
	int fd, status = TWQCTL_TROUBLE;

	if (argp_parse(&argp, argc, argv, 0, NULL, &args))
		return TWQCTL_USAGE;
	storm.device = ctl->device;
	storm.broken = json_array();
	fd = open_device(ctl, O_RDWR);
	if (fd < 0)
		return TWQCTL_TROUBLE;
	close(fd);
	if (find_cpus(&storm)) {
		warnx("cannot find out about the CPUs");
		return TWQCTL_TROUBLE;
	}
	set_defaults(&storm);
	if (init_files(&storm))
		warnx("cannot open the files of the storm");
	else if (!storm_run(&storm))
		status = tell(&storm, ctl);
	storm_free(&storm);
	return status;
}
