/*
 * transfers: libcurl's multi interface (multi_socket) on a libev loop: the sockets and the timer it waits for.
 *
 * What is added to multi runs; done is called when a transfer is over, with the handle still in multi. Handles may be added and
 * removed in done, and transfers_free called; libcurl is at rest then.
 */
#ifndef PYPE_TRANSFERS_H
#define PYPE_TRANSFERS_H

#include <curl/curl.h>
#include <ev.h>
#include <stdbool.h>

struct transfers {
	CURLM *multi;

	/* private */
	struct ev_loop *loop;
	void (*done)(void *context, CURL *easy, CURLcode code);
	void *context;
	struct ev_timer timer;
	bool telling, freed; /* freed while it tells what is done */
};

struct transfers *transfers_new(struct ev_loop *loop, void (*done)(void *context, CURL *easy, CURLcode code),
                                void *context);
/* All handles must have been removed. */
void transfers_free(struct transfers *transfers);

#endif
