/*
 * endpoint: operands to sockets.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/sources/listen/listen.h"
#include "common/memory.h"

enum { WORD_MAX = 128 };

struct scheme {
	const char *prefix;
	enum endpoint_kind kind;
	bool whole; /* the prefix belongs to the address */
};

/* The last one is that of an operand without any. */
static const struct scheme schemes[] = {
	{"http://", ENDPOINT_HTTP, false},  {"https://", ENDPOINT_HTTPS, false},
	{"tcp://", ENDPOINT_STREAM, false}, {"udp://", ENDPOINT_DATAGRAM, false},
	{"unix:", ENDPOINT_STREAM, true},   {"unix-dgram:", ENDPOINT_DATAGRAM, true},
	{"", ENDPOINT_HTTP, false},
};

static bool is_http(const struct endpoint *endpoint)
{
	return endpoint->kind == ENDPOINT_HTTP || endpoint->kind == ENDPOINT_HTTPS;
}

bool is_word(const char *string, size_t length)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return length > 0 && length <= WORD_MAX && strspn(string, good) >= length;
}

static const struct scheme *scheme_of(const char *where)
{
	const struct scheme *scheme = schemes;

	while (strncmp(where, scheme->prefix, strlen(scheme->prefix)) != 0)
		scheme++;
	return scheme;
}

void endpoint_init(struct endpoint *endpoint, struct listen *listen, const char *operand)
{
	const char *equals = strchr(operand, '='), *slash, *mistake, *where = operand;
	const struct scheme *scheme;
	char *address;

	if (equals && is_word(operand, (size_t)(equals - operand)))
		where = equals + 1;
	scheme = scheme_of(where);
	*endpoint = (struct endpoint){.listen = listen, .kind = scheme->kind, .fd = -1};
	endpoint->name = where > operand ? xstrndup(operand, (size_t)(equals - operand)) : xstrdup(listen->name);
	endpoint->where = xstrdup(where);
	where += scheme->whole ? 0 : strlen(scheme->prefix);
	slash = scheme->whole || strncmp(where, "unix:", 5) == 0 ? NULL : strchr(where, '/');
	if (slash && !is_http(endpoint))
		die("'%s': only HTTP has paths", operand);
	if (slash)
		endpoint->path = xstrdup(slash);
	if (strncmp(where, "unix-dgram:", 11) == 0)
		address = text_format("unix:%s", where + 11);
	else
		address = slash ? xstrndup(where, (size_t)(slash - where)) : xstrdup(where);
	if (!*scheme->prefix && strstr(where, "://"))
		die("'%s': not an address of http, https, tcp, udp, unix: or unix-dgram:", operand);
	if (!address_parse(&endpoint->address, address, &mistake))
		die("'%s': %s", operand, mistake);
	free(address);
}

static bool same_string(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* An endpoint before it that listens at the same address; several paths of HTTP share a socket. */
static struct endpoint *find_same(const struct endpoint *endpoint)
{
	struct endpoint *first = endpoint->listen->endpoints;

	for (struct endpoint *other = first; other < endpoint; other++)
		if (other->server && other->kind == endpoint->kind && strcmp(other->address.port, "0") != 0 &&
		    other->address.fd == endpoint->address.fd &&
		    same_string(other->address.host, endpoint->address.host) &&
		    same_string(other->address.port, endpoint->address.port))
			return other;
	return NULL;
}

void endpoint_open(struct endpoint *endpoint)
{
	struct listen *listen = endpoint->listen;
	struct endpoint *same = is_http(endpoint) ? find_same(endpoint) : NULL;

	if (same) {
		endpoint->server = same->server;
		endpoint->socket = same->socket;
		return;
	}
	endpoint->fd = address_open(&endpoint->address, endpoint->kind == ENDPOINT_DATAGRAM ? SOCK_DGRAM : SOCK_STREAM,
	                            listen->mode);
	endpoint->socket = endpoint->fd;
	if (is_http(endpoint))
		endpoint->server = server_open(listen, endpoint);
	else if (endpoint->kind == ENDPOINT_STREAM)
		stream_listen(endpoint);
	else
		datagram_listen(endpoint);
}

/* Whole or not at all: whoever waits for the file reads it as soon as it is there. */
static void write_ports(const struct listen *listen)
{
	struct text name = {0}, ports = {0};
	int fd;

	text_addf(&name, "%s.%d", listen->port_file, (int)getpid());
	for (size_t i = 0; i < listen->endpoint_count; i++)
		text_addf(&ports, "%d\n", address_port(listen->endpoints[i].socket));
	fd = open(name.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, ports.data, ports.length) != (ssize_t)ports.length || close(fd) < 0 ||
	    rename(name.data, listen->port_file) < 0)
		fail("cannot write '%s':", listen->port_file);
	text_free(&name);
	text_free(&ports);
}

void endpoints_say(const struct listen *listen)
{
	static const char *const names[] = {"http://", "https://", "tcp://", "udp://"};
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < listen->endpoint_count; i++) {
		const struct endpoint *endpoint = &listen->endpoints[i];
		const char *where = address_text(text, endpoint->socket);
		bool in_file = strncmp(where, "unix", 4) == 0;

		message_info("listening at %s%s%s", in_file && !is_http(endpoint) ? "" : names[endpoint->kind], where,
		             endpoint->path ? endpoint->path : "");
	}
	if (listen->port_file)
		write_ports(listen);
}

void endpoint_free(struct endpoint *endpoint)
{
	if (endpoint->fd >= 0)
		address_leave(&endpoint->address);
	if (endpoint->kind == ENDPOINT_DATAGRAM && endpoint->fd >= 0)
		close(endpoint->fd);
	address_free(&endpoint->address);
	text_free(&endpoint->held);
	text_free(&endpoint->meta);
	free(endpoint->name);
	free(endpoint->where);
	free(endpoint->path);
}
