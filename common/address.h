/*
 * address: where to listen.
 *
 *   PORT            127.0.0.1, the loopback: who wants to be seen from outside has to say so
 *   ADDRESS:PORT    a name or a numeric address, IPv6 in brackets; 0.0.0.0 or [::] is every address
 *   unix:PATH       a socket in the file system
 *   fd:N            a socket that this process was given, bound and listening, as by systemd's socket activation
 *
 * Port 0 is one that is free.
 */
#ifndef PYPE_ADDRESS_H
#define PYPE_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

struct address {
	char *host; /* NULL: a unix socket, or one that was given */
	char *port; /* or the path */
	int fd; /* -1: none was given */
};

/* False if the text is none of the above, and then *mistake says why. Opens nothing, asks no name server. */
bool address_parse(struct address *address, const char *text, const char **mistake);
void address_free(struct address *address);

/* A listening socket, non-blocking. Ends the program with 1 if there is none to be had. */
int address_listen(const struct address *address);
/* The same of type SOCK_STREAM or SOCK_DGRAM; mode is that of a unix socket's file, -1: what the umask leaves. */
int address_open(const struct address *address, int type, int mode);

/* Puts a unix socket's file away. */
void address_leave(const struct address *address);

/* True if only this machine can reach the socket by its network, so that what gets through came by a local name. */
bool address_is_loopback(int fd);
/* The port it has, 0 for a unix socket. */
int address_port(int fd);

enum { ADDRESS_TEXT_MAX = 128 };
/* "127.0.0.1:8080", "[::1]:8080" or "unix:PATH"; of the other end, where a unix socket has no name, "unix"; of a name. Returns text. */
char *address_text(char text[ADDRESS_TEXT_MAX], int fd);
char *address_name_text(char text[ADDRESS_TEXT_MAX], const struct sockaddr *name);
char *address_peer_text(char text[ADDRESS_TEXT_MAX], int fd);

#endif
