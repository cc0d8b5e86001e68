/*
 * address: from what a person gives for a Socket.IO server to the URL that is asked.
 */
#ifndef PYPE_SOCKETIO_ADDRESS_H
#define PYPE_SOCKETIO_ADDRESS_H

#include "common/option.h"
#include "common/text.h"

/*
 * given: http, https, ws or wss, "http://" may be missing. As with Socket.IO's own clients its path is a namespace, and its query
 * goes along with every request; a path that is the server's (path) is none. url is that of the server, with path and without
 * query, and shown the same without name and password; space is the namespace or NULL; all are the caller's. query is appended
 * "&a=b", escaped. Returns NULL, or what is wrong, and then makes nothing.
 */
const char *address_read(const char *given, const char *path, char **url, char **shown, char **space,
                         struct text *query);

/* Appends "&KEY=VALUE", escaped. False: it is no KEY=VALUE. */
bool address_add_query(struct text *query, const char *pair);

#endif
