/*
 * sequential: whether a jq program must see its lines one after the other.
 */
#ifndef PYPE_JQ_SEQUENTIAL_H
#define PYPE_JQ_SEQUENTIAL_H

/*
 * The first word of the program that takes input or speaks to others (input, debug, halt …), or has more of the program elsewhere (import, include);
 * NULL: there is none. A name that only looks like such a function counts as one, but for members (.input, {input: 1}), variables
 * and texts.
 */
const char *sequential_word(const char *program);

#endif
