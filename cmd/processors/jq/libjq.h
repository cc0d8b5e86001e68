/*
 * libjq: the engine (engine.h) that has libjq run the program: all of jq, at its speed. To start it takes 15 ms (jq 1.6).
 */
#ifndef PYPE_JQ_LIBJQ_H
#define PYPE_JQ_LIBJQ_H

#include "cmd/processors/jq/engine.h"

struct libjq;

/* As engine_open and the others. After libjq_next was false because there was no line, it may be called again. */
struct libjq *libjq_open(const struct engine_program *program, const struct engine_host *host);
bool libjq_next(struct libjq *libjq);
bool libjq_halted(const struct libjq *libjq, int *status);
void libjq_free(struct libjq *libjq);

/* Whether this libjq prints numbers as the doubles they are (1.6), not as they were written. */
bool libjq_prints_doubles(void);

/* Whether it is of a version before 1.7. */
bool libjq_before_1_7(void);

#endif
