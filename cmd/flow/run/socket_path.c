#include "cmd/flow/run/socket_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int socket_path_set(struct socket_path *path, int directory, const char *whole)
{
	size_t size = sizeof(path->address.sun_path);
	char *room;

	*path = (struct socket_path){.address.sun_family = AF_UNIX, .length = sizeof(path->address)};
	room = path->address.sun_path;
	if (strlen(whole) < size)
		snprintf(room, size, "%s", whole);
	else if (snprintf(room, size, "/proc/self/fd/%d/" SOCKET_PATH_NAME, directory) >= (int)size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}
