#include "common/clock.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "common/message.h"
#include "common/moment.h"
#include "common/signals.h"
#include "common/unit.h"

bool clock_speed(const char *string, double *speed)
{
	char *end;

	*speed = 0;
	if (strcmp(string, "max") == 0)
		return true;
	*speed = strtod(string, &end);
	return end != string && !*end && *speed >= 1e-6 && *speed <= 1e6;
}

void clock_init(struct clock *clock)
{
	*clock = (struct clock){.timer = -1};
}

void clock_make_up(struct clock *clock, int64_t start, double speed)
{
	*clock = (struct clock){
		.made_up = true,
		.speed = speed,
		.start = start,
		.monotonic = moment_now(),
		.timer = -1,
	};
}

void clock_free(struct clock *clock)
{
	if (clock->timer >= 0)
		close(clock->timer);
	clock->timer = -1;
}

int64_t clock_now(const struct clock *clock)
{
	double passed;
	int64_t now;

	if (!clock->made_up)
		return moment_unix();
	passed = (double)(moment_now() - clock->monotonic) * clock->speed;
	if (passed >= (double)INT64_MAX || __builtin_add_overflow(clock->start, (int64_t)passed, &now))
		return INT64_MAX;
	return now;
}

/* Arms the timer for the time; of a made-up clock for the instant at which it will show it, or a little later. */
static void arm(struct clock *clock, int64_t until)
{
	clockid_t id = clock->made_up ? CLOCK_MONOTONIC : CLOCK_REALTIME;
	int flags = TFD_TIMER_ABSTIME | (clock->made_up ? 0 : TFD_TIMER_CANCEL_ON_SET);
	struct itimerspec timer = {0};
	double pause;

	if (clock->timer < 0)
		clock->timer = timerfd_create(id, TFD_NONBLOCK | TFD_CLOEXEC);
	if (clock->made_up) {
		pause = ceil((double)((__int128)until - clock->start) / clock->speed) + 1;
		until = pause < (double)(INT64_MAX / 2) ? clock->monotonic + (int64_t)pause : INT64_MAX;
	}
	timer.it_value.tv_sec = until > 0 ? until / UNIT_S : 0;
	/* Never all zero, which would disarm it. */
	timer.it_value.tv_nsec = until > 0 ? until % UNIT_S : 1;
	if (clock->timer < 0 || timerfd_settime(clock->timer, flags, &timer, NULL) < 0)
		fail("cannot set a timer:");
}

enum clock_wake clock_wait(struct clock *clock, int64_t until, int fd)
{
	struct pollfd fds[] = {
		{.fd = signals_fd(), .events = POLLIN},
		{.fd = fd},
		{.fd = -1, .events = POLLIN},
	};
	uint64_t expired;

	if (signals_stop())
		return CLOCK_STOP;
	if (clock->made_up && clock->speed == 0) {
		if (clock->start < until)
			clock->start = until;
		return CLOCK_DUE;
	}
	arm(clock, until);
	fds[2].fd = clock->timer;
	while (poll(fds, 3, -1) < 0)
		if (errno != EINTR)
			fail("cannot wait:");
	if (fds[0].revents)
		return CLOCK_STOP;
	if (fds[1].revents)
		return CLOCK_GONE;
	return read(clock->timer, &expired, sizeof(expired)) < 0 && errno == ECANCELED ? CLOCK_SET : CLOCK_DUE;
}
