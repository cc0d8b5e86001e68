/*
 * arguments: what stands on jq's command line besides plain options.
 *
 * The first operand is the program, unless -f names a file that holds it. What the others are
 * depends on the option before them: files to read; after --args strings; after --jsonargs JSON texts.
 * The functions are for OPTION_CALL and OPTION_OPERAND, with the struct as their context. Files are
 * read at once; one that cannot be read ends the program (2).
 */
#ifndef PYPE_JQ_ARGUMENTS_H
#define PYPE_JQ_ARGUMENTS_H

#include <stddef.h>

#include "common/option.h"

#include "cmd/processors/jq/engine.h"

struct arguments {
	struct argument *items; /* named and positional, in their order; the first of a name counts */
	size_t count;
	struct option_list files;
	char *program; /* its text, and where it is from: */
	char *program_file; /* NULL: the command line */

	/* private */
	struct argument *operands; /* bytes in argv; without an option: a file, or the program */
	size_t operand_count;
	struct argument mode; /* what the next operand becomes */
};

option_function arguments_arg, arguments_argjson, arguments_slurpfile, arguments_rawfile;
option_function arguments_args, arguments_jsonargs, arguments_from_file, arguments_operand;

/* To be called after option_parse: sorts the operands. Ends the program (2) if there is no PROGRAM. */
void arguments_finish(struct arguments *arguments);
void arguments_free(struct arguments *arguments);

#endif
