/*
 * library: libjq's functions, from the library itself, which is loaded when the first line needs it: most never do, and loading
 * takes as long as all else that a start takes.
 */
#ifndef PYPE_JQ_LIBRARY_H
#define PYPE_JQ_LIBRARY_H

#include <jq.h>
#include <stdbool.h>

/* Since 1.7; before, libjq itself writes what stderr is given, and there is no such function. */
void jq_set_stderr_cb(jq_state *, jq_msg_cb, void *);

/* Those that are used. */
/* clang-format off */
#define LIBRARY_FUNCTIONS(X) \
	X(jq_compile_args) X(jq_format_error) X(jq_get_error_message) X(jq_get_exit_code) X(jq_get_input_cb) \
	X(jq_halted) X(jq_init) X(jq_next) X(jq_set_attr) X(jq_set_debug_cb) X(jq_set_error_cb) \
	X(jq_set_input_cb) X(jq_set_nomem_handler) X(jq_start) X(jq_teardown) X(jv_array) X(jv_array_append) \
	X(jv_array_get) X(jv_array_length) X(jv_copy) X(jv_dump_string) X(jv_false) X(jv_free) X(jv_get_kind) \
	X(jv_invalid) X(jv_invalid_get_msg) X(jv_invalid_has_msg) X(jv_invalid_with_msg) X(jv_null) \
	X(jv_number) X(jv_number_value) X(jv_object) X(jv_object_has) X(jv_object_iter) X(jv_object_iter_key) \
	X(jv_object_iter_next) X(jv_object_iter_valid) X(jv_object_iter_value) X(jv_object_set) X(jv_parse) \
	X(jv_parser_free) X(jv_parser_new) X(jv_parser_next) X(jv_parser_set_buf) X(jv_string) \
	X(jv_string_concat) X(jv_string_fmt) X(jv_string_length_bytes) X(jv_string_sized) X(jv_string_value) \
	X(jv_true)
/* clang-format on */

#define LIBRARY_MEMBER(name) __typeof__(name) *name;
struct library {
	LIBRARY_FUNCTIONS(LIBRARY_MEMBER)
	__typeof__(jq_set_stderr_cb) *jq_set_stderr_cb; /* NULL before 1.7 */
};
#undef LIBRARY_MEMBER

static inline bool library_valid(const struct library *jq, jv value)
{
	return jq->jv_get_kind(value) != JV_KIND_INVALID;
}

/* Ends the program if there is no libjq. It stays loaded. */
void library_load(struct library *library);

#endif
