/*
 * clock: that a clock which is set while somebody waits is noticed. Setting the real one is not for tests: instead the
 * system calls are answered here as the kernel answers them then (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET).
 */
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/signals.h"
#include "common/unit.h"
#include "test/unit/tap.h"

static struct {
	int flags;
	struct itimerspec timer;
	int pipe[2];
} kernel;

int timerfd_create(int id, int flags)
{
	(void)id;
	(void)flags;
	return kernel.pipe[0];
}

int timerfd_settime(int fd, int flags, const struct itimerspec *timer, struct itimerspec *old)
{
	(void)fd;
	(void)old;
	kernel.flags = flags;
	kernel.timer = *timer;
	return write(kernel.pipe[1], "", 1) == 1 ? 0 : -1;
}

ssize_t read(int fd, void *buffer, size_t size)
{
	(void)fd;
	(void)buffer;
	(void)size;
	errno = ECANCELED;
	return -1;
}

int main(void)
{
	struct tap tap = {0};
	struct clock clock;
	int64_t now;

	if (pipe(kernel.pipe) < 0)
		return 1;
	signals_init();
	clock_init(&clock);
	now = clock_now(&clock);
	tap_ok(&tap, now > 1700000000 * UNIT_S, "the system's clock");
	tap_ok(&tap, clock_wait(&clock, now + UNIT_HOUR, -1) == CLOCK_SET, "the clock was set while waiting");
	tap_ok(&tap, kernel.flags == (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET), "which the timer was asked for");
	tap_ok(&tap, kernel.timer.it_value.tv_sec * UNIT_S + kernel.timer.it_value.tv_nsec == now + UNIT_HOUR,
	       "the timer is for the time of day");
	clock_wait(&clock, -5, -1);
	tap_ok(&tap, kernel.timer.it_value.tv_nsec == 1, "a time before 1970 does not disarm the timer");
	clock_make_up(&clock, 1000 * UNIT_S, 0);
	tap_ok(&tap, clock_wait(&clock, 5000 * UNIT_S, -1) == CLOCK_DUE && clock_now(&clock) == 5000 * UNIT_S,
	       "a made-up clock without speed is there at once");
	clock_make_up(&clock, 1000 * UNIT_S, 1e6);
	clock_wait(&clock, INT64_MAX - 1, -1);
	tap_ok(&tap, clock_now(&clock) >= 1000 * UNIT_S, "a time far away on a made-up clock");
	return tap_end(&tap);
}
