/*
 * functions: jq's functions that are native. Those of the input alone, and those with an argument.
 *
 * They are given what is ready (run_ready).
 */
#ifndef PYPE_JQ_FUNCTIONS_H
#define PYPE_JQ_FUNCTIONS_H

#include "cmd/processors/jq/tree.h"

value_function function_not, function_type, function_length, function_utf8bytelength, function_floor, function_sqrt,
	function_ceil, function_round, function_fabs, function_tonumber, function_tostring, function_tojson,
	function_negate, function_fromjson, function_ascii_downcase, function_ascii_upcase, function_todate,
	function_fromdate, function_keys_unsorted, function_keys, function_to_entries, function_from_entries,
	function_add, function_reverse, function_flatten, function_explode, function_implode, function_transpose,
	function_gmtime, function_mktime, function_now, function_isinfinite, function_isnan, function_isnormal;
value_function2 function_has, function_in, function_startswith, function_endswith, function_ltrimstr, function_rtrimstr,
	function_split, function_join, function_flatten_to, function_indices, function_index, function_rindex,
	function_contains, function_inside, function_strftime, function_strptime;

/* OP_OTHER: sin, pow(a; b) and the like (real, real2). */
node_function1 one_real;

#endif
