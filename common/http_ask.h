/*
 * http_ask: HTTP requests with manners: each waits for its turn (http_rate.h), is sent with what logs it in (http_auth.h), and is
 * repeated once, at once, when that has been refused and something else can be had.
 *
 *     asks = http_asks_new(loop, &settings, &auth, &rate);
 *     ask = http_ask(asks, &request);              as http_start
 *     http_asks_free(asks);
 *
 * What http.h says of requests holds for these, but: the time limits count from when a request is sent; a request may fail before
 * it is sent (HTTP_AUTH); the answer that was refused is not seen.
 */
#ifndef PYPE_HTTP_ASK_H
#define PYPE_HTTP_ASK_H

#include <ev.h>
#include <stddef.h>

#include "common/http.h"
#include "common/http_auth.h"
#include "common/http_rate.h"

struct http_asks;
struct http_ask;

/* All is borrowed. As http_new and http_auth_new, it may end the program. */
struct http_asks *http_asks_new(struct ev_loop *loop, const struct http_settings *settings,
                                const struct http_auth_settings *auth, const struct http_rate_settings *rate);
/* Aborts what is under way, without a word to the callers. */
void http_asks_free(struct http_asks *asks);

/*
 * As http_start. The retry_after of an answer with 429 or 503 is at least the time until the limit that its server says it has
 * reached is reset.
 */
struct http_ask *http_ask(struct http_asks *asks, const struct http_request *request);
void http_ask_abort(struct http_ask *ask);

/* As http_header, in piece and done. */
const char *http_ask_header(const struct http_ask *ask, const char *name, size_t index);

#endif
