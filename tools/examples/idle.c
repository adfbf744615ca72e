// SPDX-License-Identifier: GPL-2.0
/*
 * idle: a server that closes connections which were idle for too long.
 *
 * One thread, one epoll set, 100,000 connections, a timeout each. Whenever
 * something is read, the timeout moves later, which is a store to memory: no
 * system call. Of a connection that stays idle, /dev/twq tells by an event, and
 * its file is one more descriptor in the epoll set.
 *
 * The clients are a second process at the other ends of socketpairs. Every
 * other one talks for a while; then all fall silent and are closed in the end.
 *
 * cc idle.c $(pkg-config --cflags --libs libtwq) -o idle
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <libtwq.h>

#define NSEC_PER_SEC	1000000000LL
#define SPARE_FILES	32	/* descriptors that are no connections */
#define BATCH		64

struct settings {
	unsigned int nr;	/* of connections */
	int64_t idle_ns;
	int64_t talk_ns;	/* how long the clients talk */
};

struct connection {
	int fd;			/* -1 when closed */
	uint64_t id;		/* its task */
	int64_t idle_until_ns;
};

struct server {
	int twq;
	int epoll;
	struct twq_map map;
	int64_t idle_ns;
	struct connection *connections;
	unsigned int nr_open;
	unsigned long nr_reads, nr_expired, nr_late_reads;
	int64_t most_late_ns;
};

/* The library answers with -errno. */
static int check(int ret, const char *what)
{
	if (ret < 0)
		errx(1, "%s: %s", what, strerror(-ret));
	return ret;
}

/* A batch tells here of each operation that it has made. */
static void made(const struct twq_op *op, void *arg)
{
	struct connection *conn;

	(void)arg;
	check(op->result, op->opcode == TWQ_OP_CREATE ? "create" : "queue");
	if (op->opcode == TWQ_OP_CREATE) {
		conn = (struct connection *)(uintptr_t)op->user_data;
		conn->id = op->id;
	}
}

static void watch(struct server *srv, int fd, void *ptr)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = ptr };

	if (epoll_ctl(srv->epoll, EPOLL_CTL_ADD, fd, &event))
		err(1, "epoll_ctl");
}

/* A task for each connection, BATCH / 2 connections in one call. */
static void start_timeouts(struct server *srv, unsigned int nr)
{
	struct connection *conn;
	struct twq_batch batch;

	check(twq_batch_init(&batch, NULL, BATCH), "batch");
	twq_batch_set_flush(&batch, srv->twq, made, NULL);
	for (conn = srv->connections; conn < srv->connections + nr; conn++) {
		conn->idle_until_ns = twq_now_ns() + srv->idle_ns;
		check(twq_batch_add_create(&batch, NULL, 0, 0, 0,
					   (uintptr_t)conn), "create");
		check(twq_batch_add_queue(&batch, TWQ_ID_CREATED,
					  conn->idle_until_ns, 0), "queue");
		watch(srv, conn->fd, conn);
	}
	check(twq_batch_flush(&batch), "submit");
	twq_batch_free(&batch);
	srv->nr_open = nr;
}

static void close_connection(struct server *srv, struct connection *conn)
{
	check(twq_destroy(srv->twq, conn->id), "destroy");
	close(conn->fd);
	conn->fd = -1;	/* an event of it may still be in one of our arrays */
	srv->nr_open--;
}

/* This is what happens for each byte that arrives: a read and a store. */
static void handle_input(struct server *srv, struct connection *conn)
{
	char buffer[256];
	ssize_t len;

	if (conn->fd < 0)
		return;
	len = read(conn->fd, buffer, sizeof(buffer));
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		close_connection(srv, conn);
		return;
	}
	srv->nr_reads++;
	conn->idle_until_ns = twq_now_ns() + srv->idle_ns;
	check(twq_set_deadline(&srv->map, conn->id, conn->idle_until_ns),
	      "set_deadline");
}

static void handle_timeout(struct server *srv, struct connection *conn)
{
	int64_t late_ns = twq_now_ns() - conn->idle_until_ns;

	if (conn->fd < 0)
		return;
	if (late_ns < 0) {
		/*
		 * Something was read after the timeout had fired, and before
		 * its event was looked at. The deadline stands as it was stored
		 * then; there is nothing to do for this event.
		 */
		srv->nr_late_reads++;
		return;
	}
	srv->nr_expired++;
	if (late_ns > srv->most_late_ns)
		srv->most_late_ns = late_ns;
	close_connection(srv, conn);
}

static void handle_timeouts(struct server *srv)
{
	struct twq_event events[256];
	int i, nr;

	nr = twq_read_events(srv->twq, events, 256);
	if (nr == -EAGAIN || nr == -EINTR)
		return;
	check(nr, "read_events");
	for (i = 0; i < nr; i++)
		handle_timeout(srv, (struct connection *)
				    (uintptr_t)events[i].user_data);
}

static void serve(struct server *srv)
{
	struct epoll_event events[256];
	int i, nr;

	while (srv->nr_open) {
		nr = epoll_wait(srv->epoll, events, 256, -1);
		if (nr < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (i = 0; i < nr; i++) {
			if (events[i].data.ptr == srv)
				handle_timeouts(srv);
			else
				handle_input(srv, events[i].data.ptr);
		}
	}
}

static void run_server(struct server *srv, unsigned int nr)
{
	srv->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (srv->epoll < 0)
		err(1, "epoll_create1");
	srv->twq = check(twq_open(NULL, O_RDWR | O_NONBLOCK | O_CLOEXEC),
			 "/dev/twq");
	check(twq_map(srv->twq, 0, &srv->map), "map");
	watch(srv, srv->twq, srv);
	start_timeouts(srv, nr);
	serve(srv);
	check(twq_unmap(&srv->map), "unmap");
	close(srv->twq);
	close(srv->epoll);
	printf("%u connections: %lu reads, %lu closed as idle, the last %.3f ms late, %lu used just in time\n",
	       nr, srv->nr_reads, srv->nr_expired, srv->most_late_ns / 1e6,
	       srv->nr_late_reads);
}

/* Every other client says a byte, four times in the idle time, for a while. */
static void run_clients(const int *fds, const struct settings *set)
{
	int64_t until_ns = twq_now_ns() + set->talk_ns;
	struct timespec pause;
	unsigned int i;

	pause.tv_sec = set->idle_ns / 4 / NSEC_PER_SEC;
	pause.tv_nsec = set->idle_ns / 4 % NSEC_PER_SEC;
	do {
		for (i = 0; i < set->nr; i += 2)
			if (send(fds[i], "x", 1, MSG_NOSIGNAL) < 0 &&
			    errno != EPIPE && errno != EAGAIN)
				err(1, "a client");
		nanosleep(&pause, NULL);
	} while (twq_now_ns() < until_ns);
	for (;;)
		sleep(1000);	/* silent, but there, until the server ends */
}

/* Raises the limit of open files as far as @nr connections need and it goes. */
static unsigned int files_allow(unsigned int nr)
{
	rlim_t need = 2 * (rlim_t)nr + SPARE_FILES;
	struct rlimit limit, more = { need, need };

	if (getrlimit(RLIMIT_NOFILE, &limit))
		err(1, "getrlimit");
	if (limit.rlim_cur >= need)
		return nr;
	if (limit.rlim_max > need)
		more.rlim_max = limit.rlim_max;
	if (!setrlimit(RLIMIT_NOFILE, &more))
		return nr;
	/* Only the privileged may go beyond the hard limit, all others to it. */
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(1, "setrlimit");
	if (limit.rlim_cur >= need)
		return nr;
	return limit.rlim_cur > SPARE_FILES ?
		(limit.rlim_cur - SPARE_FILES) / 2 : 0;
}

/* Makes up to @nr socketpairs and returns how many there are. */
static unsigned int connect_all(struct connection *connections, int *clients,
				unsigned int nr)
{
	unsigned int i;
	int pair[2];

	for (i = 0; i < nr; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
			       SOCK_CLOEXEC, 0, pair)) {
			warn("socketpair");
			break;
		}
		connections[i].fd = pair[0];
		clients[i] = pair[1];
	}
	return i;
}

static unsigned long parse_count(const char *arg, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(arg, &end, 10);

	if (*arg < '0' || *arg > '9' || *end || !value || value > max)
		errx(2, "expected a number from 1 to %lu, not '%s'", max, arg);
	return value;
}

static void refuse(void)
{
	errx(2, "usage: idle [--connections=N] [--idle=SECONDS] [--talk=SECONDS]");
}

static void parse(struct settings *set, int argc, char **argv)
{
	static const struct option options[] = {
		{ "connections", required_argument, NULL, 'c' },
		{ "idle", required_argument, NULL, 'i' },
		{ "talk", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 }
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'c')
			set->nr = parse_count(optarg, 10000000);
		else if (option == 'i')
			set->idle_ns = parse_count(optarg, 86400) * NSEC_PER_SEC;
		else if (option == 't')
			set->talk_ns = parse_count(optarg, 86400) * NSEC_PER_SEC;
		else
			refuse();
	}
	if (optind != argc)
		refuse();
}

/* Starts the clients at the other ends and returns their process. */
static pid_t start_clients(const struct connection *connections,
			   const int *clients, const struct settings *set)
{
	pid_t child;
	unsigned int i;

	fflush(stdout);
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);	/* not to be left over */
		for (i = 0; i < set->nr; i++)
			close(connections[i].fd);
		run_clients(clients, set);
	}
	for (i = 0; i < set->nr; i++)
		close(clients[i]);
	return child;
}

int main(int argc, char **argv)
{
	struct settings set = {
		.nr = 100000,
		.idle_ns = 5 * NSEC_PER_SEC,
		.talk_ns = 10 * NSEC_PER_SEC,
	};
	struct server srv = { 0 };
	unsigned int wanted;
	int *clients;
	pid_t child;

	parse(&set, argc, argv);
	wanted = set.nr;
	srv.idle_ns = set.idle_ns;
	srv.connections = calloc(wanted, sizeof(*srv.connections));
	clients = calloc(wanted, sizeof(*clients));
	if (!srv.connections || !clients)
		err(1, "calloc");
	set.nr = connect_all(srv.connections, clients, files_allow(wanted));
	if (set.nr < wanted)
		printf("%u of %u connections: there may be no more open files\n",
		       set.nr, wanted);
	if (!set.nr)
		errx(1, "no connection");
	child = start_clients(srv.connections, clients, &set);
	run_server(&srv, set.nr);
	kill(child, SIGTERM);
	waitpid(child, NULL, 0);
	free(clients);
	free(srv.connections);
	return srv.nr_expired == set.nr ? 0 : 1;
}
