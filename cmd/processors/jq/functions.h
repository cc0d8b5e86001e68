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
	function_fromjson, function_ascii_downcase, function_ascii_upcase, function_todate, function_fromdate,
	function_keys_unsorted, function_keys, function_to_entries, function_from_entries, function_add,
	function_reverse, function_flatten;
value_function2 function_has, function_in, function_startswith, function_endswith, function_ltrimstr, function_rtrimstr,
	function_split, function_join, function_flatten_to;

#endif
