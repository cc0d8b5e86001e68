// with: cmd/flow/run/notify.c
/*
 * notify: what is sent, to which kind of address; how often the watchdog is due.
 */
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/flow/run/notify.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/unit.h"
#include "test/unit/tap.h"

/* A socket with an abstract name, which is put into the environment as `prefix` and that name. */
static int make_listener(const char *prefix)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "pype-test-notify-%d", (int)getpid());
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[sizeof(address.sun_path) + 8];

	snprintf(name, sizeof(name), "%s%s", prefix, address.sun_path + 1);
	setenv("NOTIFY_SOCKET", name, 1);
	if (bind(fd, (struct sockaddr *)&address,
	         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) < 0)
		fail("cannot bind a socket:");
	return fd;
}

static void check_said(struct tap *tap, int fd, const char *wanted, const char *name)
{
	char said[100];
	ssize_t n = recv(fd, said, sizeof(said), MSG_DONTWAIT);

	tap_is(tap, said, n > 0 ? (size_t)n : 0, wanted, strlen(wanted), name);
}

static void check_reloading(struct tap *tap, int fd)
{
	int64_t before = moment_now() / UNIT_US, after;
	long long said = -1;
	char text[100] = "";

	tap_ok(tap, notify_reloading(), "reloading");
	after = moment_now() / UNIT_US;
	tap_ok(tap, recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT) > 0, "is said");
	tap_ok(tap, sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%lld", &said) == 1 && said >= before && said <= after,
	       "with the time: %s", text);
}

static void check_full(struct tap *tap, int fd)
{
	int sent = 0;

	while (sent < 100000 && notify_say("STATUS=x"))
		sent++;
	tap_ok(tap, sent > 0 && sent < 100000, "a full socket: after %d", sent);
	check_said(tap, fd, "STATUS=x", "one is read");
	tap_ok(tap, notify_say("STATUS=y"), "then there is room");
}

static void check_watchdog(struct tap *tap, const char *time, const char *pid, int64_t wanted)
{
	if (time)
		setenv("WATCHDOG_USEC", time, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid, 1);
	tap_ok(tap, notify_watchdog() == wanted, "WATCHDOG_USEC=%s WATCHDOG_PID=%s", time ? time : "", pid ? pid : "");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

int main(void)
{
	struct tap tap = {0};
	char self[20];
	int fd;

	unsetenv("NOTIFY_SOCKET");
	tap_ok(&tap, notify_say("READY=1"), "nobody asked");
	fd = make_listener("@");
	tap_ok(&tap, notify_say("READY=1\nSTATUS=so so"), "an abstract name");
	check_said(&tap, fd, "READY=1\nSTATUS=so so", "what was said");
	tap_ok(&tap, getenv("NOTIFY_SOCKET") != NULL, "the environment is as before");
	check_reloading(&tap, fd);
	check_full(&tap, fd);
	close(fd);
	tap_ok(&tap, notify_say("READY=1"), "nobody there");
	snprintf(self, sizeof(self), "%d", (int)getpid());
	check_watchdog(&tap, NULL, NULL, 0);
	check_watchdog(&tap, "30000000", NULL, 15 * UNIT_S);
	check_watchdog(&tap, "30000000", self, 15 * UNIT_S);
	check_watchdog(&tap, "30000000", "1", 0);
	check_watchdog(&tap, "30000000", "", 0);
	check_watchdog(&tap, "0", NULL, 0);
	check_watchdog(&tap, "-5", NULL, 0);
	check_watchdog(&tap, "5s", NULL, 0);
	check_watchdog(&tap, "99999999999999999999", NULL, 0);
	check_watchdog(&tap, "9223372036854775807", NULL, 0);
	return tap_end(&tap);
}
