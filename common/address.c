#include "common/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/message.h"
#include "common/unit.h"

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un path;
};

static bool is_port(const char *text)
{
	int64_t port;

	return text[0] >= '0' && text[0] <= '9' && unit_number(text, &port) && port <= 65535;
}

bool address_parse(struct address *address, const char *text, const char **mistake)
{
	const char *colon = strrchr(text, ':');
	const char *host = text;
	int64_t given;
	size_t length;

	*address = (struct address){.fd = -1};
	if (strncmp(text, "fd:", 3) == 0) {
		*mistake = "a descriptor is a number from 3 on, as in fd:3";
		if (text[3] < '0' || text[3] > '9' || !unit_number(text + 3, &given) || given < 3 || given > 65535)
			return false;
		address->port = xstrdup(text + 3);
		address->fd = (int)given;
		return true;
	}
	if (strncmp(text, "unix:", 5) == 0) {
		*mistake = "the path of a unix socket has 1 to 107 bytes";
		length = strlen(text + 5);
		if (length == 0 || length > 107)
			return false;
		address->port = xstrdup(text + 5);
		return true;
	}
	*mistake = "a port is a number up to 65535";
	if (!is_port(colon ? colon + 1 : text))
		return false;
	if (!colon) {
		host = "127.0.0.1";
		length = strlen(host);
	} else {
		length = (size_t)(colon - text);
		*mistake = "an IPv6 address goes in brackets, as in [::1]:8080";
		if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
			host++;
			length -= 2;
		} else if (memchr(host, ':', length) || memchr(host, '[', length)) {
			return false;
		}
		*mistake = "nothing before ':'; every address is 0.0.0.0, the loopback needs only the port";
		if (length == 0)
			return false;
	}
	address->host = xstrndup(host, length);
	address->port = xstrdup(colon ? colon + 1 : text);
	return true;
}

void address_free(struct address *address)
{
	free(address->host);
	free(address->port);
}

/* 0, or -1: errno. */
static int listen_at(int fd, int type, const struct sockaddr *where, socklen_t length)
{
	int one = 1;

	/* Of datagrams two processes would each get some. */
	if (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -1;
	if (bind(fd, where, length) < 0)
		return -1;
	return type == SOCK_STREAM ? listen(fd, SOMAXCONN) : 0;
}

static int open_socket(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		fail("cannot make a socket:");
	return fd;
}

/* The file of a socket nobody listens at any more, left by a process that was killed. */
static bool is_stale(const struct sockaddr_un *where)
{
	struct stat status;
	bool refused;
	int fd;

	if (lstat(where->sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
		return false;
	fd = open_socket(AF_UNIX, SOCK_STREAM);
	refused = connect(fd, (const struct sockaddr *)where, sizeof(*where)) < 0 && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static int listen_unix(const char *path, int type, int mode)
{
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	int fd = open_socket(AF_UNIX, type);
	int result;

	memcpy(where.sun_path, path, strlen(path));
	/* Before it is there, so that there is no moment at which more may connect; the umask may have taken some away. */
	if (mode >= 0 && fchmod(fd, (mode_t)mode) < 0)
		fail("cannot give 'unix:%s' its mode:", path);
	result = listen_at(fd, type, (struct sockaddr *)&where, sizeof(where));
	if (result < 0 && errno == EADDRINUSE) {
		if (is_stale(&where) && unlink(path) == 0)
			result = listen_at(fd, type, (struct sockaddr *)&where, sizeof(where));
		else
			errno = EADDRINUSE;
	}
	if (result < 0 || (mode >= 0 && chmod(path, (mode_t)mode) < 0))
		fail("cannot listen at 'unix:%s':", path);
	return fd;
}

/* One that this process was given. */
static int take_socket(int fd, int type)
{
	int actual = 0, listening = 0;
	socklen_t length = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &actual, &length) < 0)
		fail("cannot take the socket 'fd:%d':", fd);
	length = sizeof(int);
	if (actual != type)
		fail("'fd:%d' is a socket of another type", fd);
	if (type == SOCK_STREAM && (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) < 0 || !listening))
		fail("'fd:%d' is a socket that does not listen", fd);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		fail("cannot take the socket 'fd:%d':", fd);
	return fd;
}

int address_open(const struct address *address, int type, int mode)
{
	struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = type};
	struct addrinfo *found;
	int result, fd;

	if (address->fd >= 0)
		return take_socket(address->fd, type);
	if (!address->host)
		return listen_unix(address->port, type, mode);
	result = getaddrinfo(address->host, address->port, &hints, &found);
	if (result != 0)
		fail("cannot find the address '%s': %s", address->host, gai_strerror(result));
	fd = open_socket(found->ai_family, type);
	if (listen_at(fd, type, found->ai_addr, found->ai_addrlen) < 0)
		fail(strchr(address->host, ':') ? "cannot listen at '[%s]:%s':" : "cannot listen at '%s:%s':",
		     address->host, address->port);
	freeaddrinfo(found);
	return fd;
}

int address_listen(const struct address *address)
{
	return address_open(address, SOCK_STREAM, -1);
}

void address_leave(const struct address *address)
{
	if (!address->host && address->fd < 0)
		unlink(address->port);
}

static union socket_address own(int fd)
{
	union socket_address name = {0};
	socklen_t length = sizeof(name);

	getsockname(fd, &name.any, &length);
	return name;
}

static char *say(char text[ADDRESS_TEXT_MAX], const union socket_address *name)
{
	char host[INET6_ADDRSTRLEN] = "";

	if (name->any.sa_family == AF_INET)
		snprintf(text, ADDRESS_TEXT_MAX, "%s:%d", inet_ntop(AF_INET, &name->v4.sin_addr, host, sizeof(host)),
		         ntohs(name->v4.sin_port));
	else if (name->any.sa_family == AF_INET6)
		snprintf(text, ADDRESS_TEXT_MAX, "[%s]:%d",
		         inet_ntop(AF_INET6, &name->v6.sin6_addr, host, sizeof(host)), ntohs(name->v6.sin6_port));
	else
		snprintf(text, ADDRESS_TEXT_MAX, "unix%s%s", name->path.sun_path[0] ? ":" : "", name->path.sun_path);
	return text;
}

char *address_name_text(char text[ADDRESS_TEXT_MAX], const struct sockaddr *name)
{
	union socket_address copy = {0};
	socklen_t length = name->sa_family == AF_INET    ? sizeof(copy.v4)
	                   : name->sa_family == AF_INET6 ? sizeof(copy.v6)
	                                                 : sizeof(copy.path);

	memcpy(&copy, name, length);
	return say(text, &copy);
}

bool address_is_loopback(int fd)
{
	union socket_address name = own(fd);

	if (name.any.sa_family == AF_INET)
		return ntohl(name.v4.sin_addr.s_addr) >> 24 == 127;
	return name.any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&name.v6.sin6_addr);
}

int address_port(int fd)
{
	union socket_address name = own(fd);

	if (name.any.sa_family == AF_INET)
		return ntohs(name.v4.sin_port);
	return name.any.sa_family == AF_INET6 ? ntohs(name.v6.sin6_port) : 0;
}

char *address_text(char text[ADDRESS_TEXT_MAX], int fd)
{
	union socket_address name = own(fd);

	return say(text, &name);
}

char *address_peer_text(char text[ADDRESS_TEXT_MAX], int fd)
{
	union socket_address name = {0};
	socklen_t length = sizeof(name);

	getpeername(fd, &name.any, &length);
	return say(text, &name);
}
