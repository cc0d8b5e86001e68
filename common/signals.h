/*
 * signals: how a program hears that it shall stop.
 *
 * After signals_init SIGTERM, SIGINT and SIGHUP set a flag and make signals_fd readable
 * (it stays so), so that whoever waits can wait for both. Handlers are used, not a blocked mask: the second
 * signal of a kind has its default effect, which ends a program that computes for ever. SIGPIPE and
 * SIGXFSZ get a handler that does nothing: a write then fails with EPIPE or EFBIG, and programs started
 * from here do not inherit an ignored signal.
 *
 * The flag and the descriptor are the only file-scope variables here; a handler has no other place to look.
 */
#ifndef PYPE_SIGNALS_H
#define PYPE_SIGNALS_H

#include <stdbool.h>

void signals_init(void);
bool signals_stop(void);
/* Readable once signals_stop is true; for poll only, never read it. */
int signals_fd(void);

#endif
