/*
 * moment: what time it is, and chance. Nanoseconds.
 */
#ifndef PYPE_MOMENT_H
#define PYPE_MOMENT_H

#include <stdint.h>

/* Since some moment in the past; never set back. */
int64_t moment_now(void);
/* Since 1970 (Unix time): what the system's clock is set to. */
int64_t moment_unix(void);
/* 64 random bits, for jitter. */
uint64_t moment_random(void);

#endif
