/*
 * message: what a program says on stderr, and the two ways to end.
 *
 * Every message is one line, "NAME: level: text", written with one write(2) so that
 * the lines of parallel processes do not mix; control characters are masked as \xNN.
 * NAME is $PYPE_NAME if set (a runner sets it to "pipeline.stage"), else the program's name.
 * Texts are lower case, say first what failed, and have no full stop. A text that ends
 * in ':' gets the text of errno appended.
 *
 * The two ways to end (the exit status is the contract of pype-stage(7)):
 *   fail  1  running the program again may help: network, I/O, a remote that refuses
 *   die   2  running it again is pointless: usage, configuration, a program that does not compile
 */
#ifndef PYPE_MESSAGE_H
#define PYPE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1,
	STATUS_POINTLESS = 2,
};

#define MESSAGE_FORMAT(f, a) __attribute__((format(printf, f, a)))

/* Names the program; call first in main. The string is borrowed for good. */
void message_init(const char *program);

/* The NAME in front of every message: $PYPE_NAME or the program's. */
const char *message_name(void);

/* How much is said: 0 errors and warnings (the default), 1 also info (-v), 2 also debug (-vv). */
void message_level(int level);
bool message_enabled(int level);

void message_error(const char *format, ...) MESSAGE_FORMAT(1, 2);
void message_warning(const char *format, ...) MESSAGE_FORMAT(1, 2);
void message_info(const char *format, ...) MESSAGE_FORMAT(1, 2);
void message_debug(const char *format, ...) MESSAGE_FORMAT(1, 2);

/* A line that a program said which was started from here: behind NAME, without a level, control characters masked. */
void message_relay(const char *line, size_t length);

_Noreturn void fail(const char *format, ...) MESSAGE_FORMAT(1, 2);
_Noreturn void die(const char *format, ...) MESSAGE_FORMAT(1, 2);

/*
 * A limit for messages that may repeat without end: message_pass counts one occurrence
 * and is true for the first ten, then the 100th, the 1000th, … The caller says the
 * total at the end if message_hidden is true. Zero-initialise.
 */
struct message_limit {
	uint64_t count;
};
bool message_pass(struct message_limit *limit);
bool message_hidden(const struct message_limit *limit);

#endif
