/*
 * moment: the clock that supervision goes by, and chance.
 */
#ifndef PYPE_FLOW_MOMENT_H
#define PYPE_FLOW_MOMENT_H

#include <stdint.h>

/* Nanoseconds since some moment in the past; never set back. */
int64_t moment_now(void);
/* 64 random bits, for jitter. */
uint64_t moment_random(void);

#endif
