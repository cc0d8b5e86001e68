#include "common/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/message.h"

static volatile sig_atomic_t stop;
static volatile sig_atomic_t descriptor = -1;

static void on_stop(int number)
{
	int saved = errno;
	uint64_t one = 1;

	(void)number;
	stop = 1;
	/* Cannot fail for want of room: the counter would have to reach 2^64. */
	if (write(descriptor, &one, sizeof(one)) < 0)
		(void)0;
	errno = saved;
}

static void on_write(int number)
{
	(void)number;
}

void signals_init(void)
{
	static const int stops[] = {SIGTERM, SIGINT, SIGHUP};
	/* Once only, and system calls are interrupted: the second signal must end what the first could not. */
	struct sigaction action = {.sa_handler = on_stop, .sa_flags = (int)SA_RESETHAND};
	struct sigaction ignored;

	if (descriptor >= 0)
		return;
	descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (descriptor < 0)
		fail("cannot make an eventfd:");
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		/* What was started with a signal ignored (nohup, a job in the background) keeps ignoring it. */
		if (sigaction(stops[i], NULL, &ignored) == 0 && ignored.sa_handler == SIG_IGN && stops[i] != SIGTERM)
			continue;
		sigaction(stops[i], &action, NULL);
	}
	action = (struct sigaction){.sa_handler = on_write, .sa_flags = SA_RESTART};
	sigaction(SIGPIPE, &action, NULL);
	sigaction(SIGXFSZ, &action, NULL);
}

bool signals_stop(void)
{
	return stop;
}

int signals_fd(void)
{
	return descriptor;
}
