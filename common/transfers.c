#include "common/transfers.h"

#include <stdlib.h>

#include "common/memory.h"
#include "common/message.h"

/* A socket that libcurl waits for. */
struct watcher {
	struct ev_io io;
	struct transfers *transfers;
};

static void tell(struct transfers *transfers)
{
	CURLMsg *message;
	int left;

	transfers->telling = true;
	while (!transfers->freed && (message = curl_multi_info_read(transfers->multi, &left)))
		if (message->msg == CURLMSG_DONE)
			transfers->done(transfers->context, message->easy_handle, message->data.result);
	transfers->telling = false;
	if (transfers->freed)
		transfers_free(transfers);
}

static void socket_ready(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct transfers *transfers = ((struct watcher *)io->data)->transfers;
	int running, ready = (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0);

	(void)loop;
	curl_multi_socket_action(transfers->multi, io->fd, ready, &running);
	tell(transfers);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned)
{
	struct transfers *transfers = context;
	struct watcher *watcher = assigned;
	int events = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);

	(void)easy;
	if (watcher)
		ev_io_stop(transfers->loop, &watcher->io);
	if (what == CURL_POLL_REMOVE) {
		free(watcher);
		curl_multi_assign(transfers->multi, fd, NULL);
		return 0;
	}
	if (!watcher) {
		watcher = xcalloc(1, sizeof(*watcher));
		watcher->transfers = transfers;
		ev_init(&watcher->io, socket_ready);
		watcher->io.data = watcher;
		curl_multi_assign(transfers->multi, fd, watcher);
	}
	ev_io_set(&watcher->io, fd, events);
	ev_io_start(transfers->loop, &watcher->io);
	return 0;
}

static void timer_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct transfers *transfers = timer->data;
	int running;

	(void)loop;
	(void)events;
	curl_multi_socket_action(transfers->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	tell(transfers);
}

/* Only sets the timer: libcurl must not be called from here. */
static int set_timer(CURLM *multi, long milliseconds, void *context)
{
	struct transfers *transfers = context;

	(void)multi;
	ev_timer_stop(transfers->loop, &transfers->timer);
	if (milliseconds >= 0) {
		ev_now_update(transfers->loop);
		ev_timer_set(&transfers->timer, (double)milliseconds / 1000, 0);
		ev_timer_start(transfers->loop, &transfers->timer);
	}
	return 0;
}

struct transfers *transfers_new(struct ev_loop *loop, void (*done)(void *context, CURL *easy, CURLcode code),
                                void *context)
{
	struct transfers *transfers = xcalloc(1, sizeof(*transfers));

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		fail("libcurl does not start");
	*transfers = (struct transfers){.multi = curl_multi_init(), .loop = loop, .done = done, .context = context};
	if (!transfers->multi)
		fail("out of memory");
	ev_init(&transfers->timer, timer_due);
	transfers->timer.data = transfers;
	curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETDATA, transfers);
	curl_multi_setopt(transfers->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(transfers->multi, CURLMOPT_TIMERDATA, transfers);
	return transfers;
}

void transfers_free(struct transfers *transfers)
{
	transfers->freed = true;
	if (transfers->telling)
		return;
	curl_multi_cleanup(transfers->multi);
	ev_timer_stop(transfers->loop, &transfers->timer);
	free(transfers);
	curl_global_cleanup();
}
