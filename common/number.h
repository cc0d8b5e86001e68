/*
 * number: how jq prints a number.
 */
#ifndef PYPE_NUMBER_H
#define PYPE_NUMBER_H

#include <stddef.h>

enum { NUMBER_TEXT = 40 };

/* As jq prints a double that is finite, and normal or zero (it prints others in its own ways); returns its length. */
size_t number_text(char text[NUMBER_TEXT], double number);

#endif
