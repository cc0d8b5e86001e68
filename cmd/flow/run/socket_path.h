/*
 * socket_path: the address of STATE/control.sock, however long the path of STATE is: beyond the 107 bytes that an address has
 * room for, it goes by the directory's descriptor.
 */
#ifndef PYPE_FLOW_SOCKET_PATH_H
#define PYPE_FLOW_SOCKET_PATH_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SOCKET_PATH_NAME "control.sock"

struct socket_path {
	struct sockaddr_un address;
	socklen_t length;
};

/* directory is a descriptor that stays open while the address is used. 0, or -1: errno. */
int socket_path_set(struct socket_path *path, int directory, const char *whole);

#endif
