/*
 * output: what becomes of a program when it writes to standard output.
 *
 * When the reader has gone, it ends with 0, without a word; any other error is said and ends it with 1.
 */
#ifndef PYPE_OUTPUT_H
#define PYPE_OUTPUT_H

/* result: of a function of line.h that writes, 0 or -1 and errno. Returns if it is 0. */
void output_check(int result);

#endif
