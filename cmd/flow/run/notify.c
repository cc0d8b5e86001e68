#include "cmd/flow/run/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/message.h"
#include "common/moment.h"
#include "common/unit.h"

/* The length of the address of a path, or, behind '@', of an abstract name; 0: there is no such address. */
static socklen_t make_address(const char *socket_name, struct sockaddr_un *address)
{
	size_t length = strlen(socket_name);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if ((socket_name[0] != '/' && socket_name[0] != '@') || length < 2 || length >= sizeof(address->sun_path))
		return 0;
	memcpy(address->sun_path, socket_name, length);
	if (socket_name[0] == '@')
		address->sun_path[0] = '\0';
	/* An abstract name has no end mark, a path has. */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (socket_name[0] == '/'));
}

/* False: errno. */
static bool transmit(const char *socket_name, const char *state)
{
	struct sockaddr_un address;
	socklen_t length = make_address(socket_name, &address);
	ssize_t n;
	int fd, number;

	errno = EAFNOSUPPORT;
	if (length == 0 || (fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
		return false;
	n = sendto(fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&address, length);
	number = errno;
	close(fd);
	errno = number;
	return n >= 0;
}

bool notify_say(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");

	if (!name || !*name || transmit(name, state))
		return true;
	if (errno == EAGAIN || errno == ENOBUFS)
		return false;
	message_debug("cannot notify '%s':", name);
	return true;
}

bool notify_reloading(void)
{
	char state[64];

	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(moment_now() / UNIT_US));
	return notify_say(state);
}

/* A positive number, or 0. */
static int64_t number_of(const char *variable)
{
	const char *text = getenv(variable);
	long long number;
	char *end;

	if (!text || text[0] < '0' || text[0] > '9')
		return 0;
	errno = 0;
	number = strtoll(text, &end, 10);
	return *end || errno || number > INT64_MAX / UNIT_US ? 0 : number;
}

int64_t notify_watchdog(void)
{
	if (getenv("WATCHDOG_PID") && number_of("WATCHDOG_PID") != getpid())
		return 0;
	return number_of("WATCHDOG_USEC") * UNIT_US / 2;
}
