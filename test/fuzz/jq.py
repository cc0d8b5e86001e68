#!/usr/bin/python3
"""jq.py [--seconds N] [--seed N]: random programs on random lines; what the native path of pype-jq gives is compared with libjq.

Each program runs in a pype-jq of its own with PYPE_JQ_VERIFY=only, which runs every event that goes the native way through
libjq as well and ends at the first that differs. In one of thirty it is jq itself, with -S, that pype-jq -S is compared with: what
sorts the keys there serves what libjq gives, too. Programs are put together by jq's grammar, and some of them are broken afterwards: one that the native path takes must
compile in libjq. The last line is the number of pairs (program, line) that were compared; the exit status is 1 if any differed.
"""
import argparse
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

KEYS = ["a", "b", "c", "price", "name", "key", "value", "list", "é", "x y", "a\"b", "n"]
STRINGS = ["", "a", "b", "abc", "ABC", "a,b,c", "x\ty", "é", "日本", "🙂", "a\"b", "back\\slash", "1", "1.5", "-3", "true",
           "2015-03-05T23:51:47Z", "<b>&'", "\x7f", "\n", "null", "[1,2]", "{\"a\":1}", "aXbXc", "price", "\x00", "a'b"]
NUMBERS = ["0", "1", "2", "-1", "3", "10", "0.5", "1.5", "-2.25", "100", "190", "1e3", "1.0", "1.10", "0.1", "0.2", "0.3",
           "123456789012345", "12345678901234567890", "1e17", "1e-5", "0.00001", "-0", "3.141592653589793", "1425599621",
           "9007199254740993", "0.000123", "1000000", "99999999999999999", "1E+2"]


def string_text(rng, value):
    """A string as JSON, escaped in one of the ways there are."""
    way = rng.random()
    if way < 0.7:
        return json.dumps(value, ensure_ascii=False)
    if way < 0.9:
        return json.dumps(value)
    return json.dumps(value).replace("/", "\\/")


def value_text(rng, depth, space):
    pick = rng.random()
    if depth <= 0 or pick < 0.35:
        kind = rng.random()
        if kind < 0.35:
            return rng.choice(NUMBERS)
        if kind < 0.75:
            return string_text(rng, rng.choice(STRINGS))
        return rng.choice(["null", "true", "false"])
    count = rng.choice([0, 1, 2, 2, 3, 4])
    if pick < 0.6:
        return "[" + space + (("," + space).join(value_text(rng, depth - 1, space) for _ in range(count))) + "]"
    keys = [rng.choice(KEYS) for _ in range(count)]
    if rng.random() < 0.99:
        keys = list(dict.fromkeys(keys))
    members = (string_text(rng, k) + ":" + space + value_text(rng, depth - 1, space) for k in keys)
    return "{" + ("," + space).join(members) + space + "}"


def line(rng):
    space = rng.choice(["", "", "", " ", "  "])
    shape = rng.random()
    if shape < 0.75:
        members = ["\"a\":" + space + value_text(rng, 3, space), "\"b\":" + value_text(rng, 2, space),
                   "\"n\":" + rng.choice(NUMBERS), "\"list\":[" + ",".join(value_text(rng, 1, space) for _ in range(rng.randrange(5))) + "]",
                   "\"name\":" + string_text(rng, rng.choice(STRINGS)), "\"price\":" + rng.choice(NUMBERS)]
        rng.shuffle(members)
        return "{" + ",".join(members[:rng.choice([1, 2, 3, 4, 5, 6, 6, 6])]) + "}"
    if shape < 0.82:
        return "[" + ",".join(rng.choice(NUMBERS) for _ in range(rng.randrange(6))) + "]"
    if shape < 0.88:
        return "[" + ",".join(string_text(rng, rng.choice(STRINGS)) for _ in range(rng.randrange(6))) + "]"
    return value_text(rng, 4, space)


PATTERN_PIECES = ["a", "b", "X", "[a-c]", "[^a]", ".", "\\\\d", "\\\\w", "\\\\s", "\\\\b", "^", "$", "(a)", "(?<x>b)", "(?<y>[a-z]+)", "(?:ab)", "(?=b)",
                  "(?<=a)", "(?<!b)", "é", "日", "[[:alpha:]]", "\\\\p{L}", ",", ", *", "(a|b)", "(?<x>.)(?<x>.)?", "(c)?", "(?<z>x?)", "\\\\.", "\\\\A", "(?i)B",
                  "(.)\\\\1", "\\\\S+", "\\\\G", "\\\\h", "(?>a+)", "[0-9]"]


class Programs:
    """Random programs, by the grammar that the versions have in common, and a little more."""

    def __init__(self, rng):
        self.rng = rng
        self.variables = []
        self.functions = []

    def any_of(self, *choices):
        return self.rng.choice(choices)

    def literal(self):
        rng = self.rng
        kind = rng.random()
        if kind < 0.4:
            return rng.choice(["0", "1", "2", "3", "10", "0.5", "1.5", "190", "-1", "100"])
        if kind < 0.8:
            return json.dumps(rng.choice(STRINGS[:16]), ensure_ascii=False)
        return rng.choice(["null", "true", "false", "[]", "{}", "[1,2]", "{\"a\":1}"])

    def path(self):
        rng = self.rng
        if rng.random() < 0.6:  # what most lines have
            return rng.choice([".", ".n?", ".name?", ".list?", ".price?", ".a?", ".b?", ".list[0]?", ".a?.b?", ".list[]?", ".[]?", ".list[1:]?",
                               ".a?[0]?", ".name?[1:]?", ".a?[]?"])
        text = rng.choice([".", "." + rng.choice(KEYS[:8]), "." + rng.choice(KEYS[:8]), ".\"x y\"", ".[0]", ".[-1]", ".list", ".n"])
        for _ in range(rng.choice([0, 0, 0, 0, 1, 2])):
            step = rng.choice(["[0]", "[1]", "[-1]", ".a", ".b", "[]", "[]?", ".a?", "[1:]", "[:2]", "[\"a\"]", ".key", "[.n]?", "[:-1]"])
            if text == "." and step.startswith("."):
                step = step[1:]
            text += step
        return text.replace("..", ".")

    def term(self, depth):
        rng = self.rng
        pick = rng.random()
        if depth <= 0 or pick < 0.3:
            pick = rng.random()
            if pick < 0.55:
                return self.path()
            if pick < 0.7 and self.variables:
                return "$" + rng.choice(self.variables)
            if pick < 0.8 and self.functions:
                return rng.choice(self.functions)
            text = self.literal()
            return "(" + text + ")" if text.startswith("-") else text
        if pick < 0.4:
            return "[" + self.pipe(depth - 1) + "]"
        if pick < 0.52:
            return self.object(depth - 1)
        if pick < 0.6:
            return "(" + self.pipe(depth - 1) + ")" + rng.choice(["", "", "", ".a", "[0]", "[]", "[]?", ".a?"])
        if pick < 0.64:
            return "\"x\\(" + self.pipe(depth - 1) + ")y\\(" + self.path() + ")\""
        return self.function(depth - 1)

    def regex(self):
        """A regular expression and its flags as jq literals."""
        rng = self.rng
        pattern = "".join(rng.choice(PATTERN_PIECES) + rng.choice(["", "", "", "+", "?", "*", "{1,2}", "+?"])
                          for _ in range(rng.choice([1, 1, 2, 2, 3])))
        pattern = pattern.replace("\\\\", "\\").replace("\\", "\\\\")
        if rng.random() < 0.1:
            pattern = rng.choice(["(", "[", "\\\\(", ".name", "", "a{99999999}", "(?<x"])
        flags = "".join(rng.choice("ggixsnpl") for _ in range(rng.choice([0, 0, 1, 1, 2])))
        if rng.random() < 0.02:
            flags += "q"
        return "\"" + pattern + "\"", rng.choice(["\"" + flags + "\"", "\"" + flags + "\"", "null"])

    def matching(self, depth):
        rng = self.rng
        pattern, flags = self.regex()
        if rng.random() < 0.05:
            pattern = self.pipe(0)
        name = rng.choice(["test", "test", "match", "capture", "scan", "split", "splits", "sub", "gsub", "gsub", "sub"])
        if name in ("sub", "gsub"):
            text = rng.choice(["\"\"", "\"<>\"", "\"<\\(.x)>\"", ".x", "\"\\(.)\"", "(.x // \"n\")", self.pipe(0)])
            call = "%s(%s; %s)" % (name, pattern, text) if rng.random() < 0.6 else "%s(%s; %s; %s)" % (name, pattern, text, flags)
        elif name == "split" or (name != "scan" and rng.random() < 0.6):
            call = "%s(%s; %s)" % (name, pattern, flags)
        elif name in ("test", "match", "capture") and rng.random() < 0.15:
            call = "%s([%s, %s])" % (name, pattern, flags)
        else:
            call = "%s(%s)" % (name, pattern)
        call = rng.choice(["strings|", ".name?|strings|", ".name?|tostring|", "tostring|", ".[]?|strings|", "tojson|", ".[]?|tostring|", ""]) + call
        return "(" + call + ")" if rng.random() < 0.5 else "[" + call + "]"

    def path_expression(self, depth):
        """What may stand in path(…), and on the left of an assignment."""
        rng = self.rng
        pick = rng.random()
        if depth <= 0 or pick < 0.35:
            return self.path()
        if pick < 0.5:
            return "(" + self.path_expression(depth - 1) + "|" + self.path_expression(depth - 1) + ")"
        if pick < 0.6:
            return "(" + self.path_expression(depth - 1) + "," + self.path_expression(depth - 1) + ")"
        if pick < 0.72:
            return "(" + self.path_expression(depth - 1) + "|select(" + self.pipe(0) + "))"
        return rng.choice([".[]?", "..", "(..|numbers)", "(..|select(type==\"string\"))", ".[]?|.a?", "first(.[]?)", "(.a//.b)", "getpath([\"a\",\"b\"])",
                           "(if .a then .a else .b end)", "(.[]?|scalars)", "recurse(.a?)", "(.list|last)", "limit(1;.[]?)", "(.a,.a)",
                           "(.. | .a?)", "(.[]|objects|.a)", "(.list[]?)", "(.[.n]?)", ".[1:]", "last(.[]?)", "recurse", "empty", "(.|.)",
                           "(. as $q|.a)", "(reduce .list[]? as $q (.;.))", "(try .a)", "(.a?)", self.pipe(0)])

    def more(self, depth):
        rng = self.rng
        f, g, p = self.pipe(depth), self.pipe(0), self.path_expression(depth)
        return rng.choice([
            "[path(" + p + ")]", "path(" + p + ")", "[paths]", "[paths(" + f + ")]", "[leaf_paths]", "del(" + p + ")", "del(" + p + ")",
            "delpaths([path(" + p + ")])", "getpath(" + rng.choice(["[\"a\"]", "[\"a\",\"b\"]", "[]", "[0]", "[\"list\",-1]", g]) + ")",
            "setpath(" + rng.choice(["[\"a\"]", "[\"a\",\"b\"]", "[]", "[0]", "[\"list\",0]", "[path(" + p + ")][0]"]) + ";" + g + ")",
            "map_values(" + f + ")", "map_values(" + f + ")", "to_entries", "[recurse(" + rng.choice([".[]?", ".a?", "if type==\"number\" and .<3 then .+1 else empty end", ".b|objects"]) + ")]",
            "[recurse(.[]?;" + g + ")]", "[limit(5;while(" + g + ";" + rng.choice([".+1", ".a", ".[1:]", "length-1"]) + "))]",
            "(numbers|select(.<50)|until(.>" + rng.choice(["3", "50"]) + ";.+1))", "last(" + f + ")", "isempty(" + f + ")", "IN(" + f + ")", "walk(" + f + ")",
            "walk(if type==\"" + rng.choice(["number", "object", "string", "array"]) + "\" then " + g + " else . end)",
            "(label $out|" + self.pipe(0) + ",(" + g + "|if . then break $out else . end))", "[label $f|.[]?|if " + g + " then ., break $f else " + f + " end]",
            "[.[]?|try " + self.term(depth) + "]", "[.[]?|" + self.term(depth) + "?]", "(try error(" + g + ") catch .)", "(try (" + f + ") catch \"no\")",
            "(try (" + f + "|error) catch .)", "[.[]?|(" + f + ")?]",
            "explode", "(explode|implode)", "([.[]?|numbers|floor]|implode)", "index(" + rng.choice(["\"a\"", "\",\"", "\"b\"", "1", g]) + ")",
            "rindex(" + rng.choice(["\"a\"", "\"é\"", g]) + ")", "indices(" + rng.choice(["\"a\"", "1", "\"\"", g]) + ")", "contains(" + rng.choice(["\"a\"", "[1]", "{a:1}", "{a:\"a\"}", g]) + ")",
            "inside(" + g + ")", "transpose", "(numbers|gmtime)", "(numbers|gmtime|mktime)", "(numbers|strftime(\"" + rng.choice(["%Y-%m-%d", "%H:%M:%S", "%A %j", "%s", "%Z", "%c", "%e/%y", "%", ""]) + "\"))",
            "strptime(\"%Y-%m-%dT%H:%M:%SZ\")", "(strings|strptime(\"%Y-%m-%dT%H:%M:%SZ\")|mktime)", "isinfinite", "isnan", "isnormal", "(numbers|" +
            rng.choice(["sin", "log", "exp", "pow(.;2)", "trunc", "cbrt", "exp10", "log2", "fmin(.;1)", "atan2(.;2)", "fmod(.;3)", "rint"]) + ")",
            "(" + g + ")*(" + g + ")", "(strings*" + rng.choice(["2", "3", "1", "0", "1.5"]) + ")", "(strings/\",\")", ".*{a:{c:1},b:{}}", "@base64d", "(strings|@base64|@base64d)",
            "@" + rng.choice(["csv", "tsv", "html", "uri", "sh", "base64", "json", "text"]) + " \"x\\(" + f + ")y\"", "env.HOME", "$ENV.HOME", "$ENV.nope",
            "nth(" + rng.choice(["0", "1", "-1", g]) + ")", "any(" + f + ";" + g + ")", "all(" + f + ";" + g + ")", "[.[]?|has(\"a\")?]", "# c\n" + self.path(), "tojson", "ascii", "@base32", "tostream",
            "from_entries", "[splits(\",\")]", "ltrimstr(\"a\")", "min_by(.a?)", "[getpath([\"a\"],[\"b\"])]", "(.a|=" + f + ")", "(.[0]|=" + f + ")", "fabs", "significand", "add(.[]?)",
            "(" + self.literal() + "|" + f + ")", "(2 as $k|$k+1,(" + g + "|.+$k)?,[range($k;4)])", "[path(" + rng.choice(["1", "2|.", ".,3"]) + ")]?", "(reduce .[]? as $k (1;.+1)|.*3)",
            "[tostream]", "[" + p + "|tostream]", "(tostream|select(length==" + rng.choice(["1", "2"]) + "))", "[tostream|" + f + "]",
            "reduce (tostream|select(length==2)) as [$k,$v] (null;setpath($k;" + rng.choice(["$v", "[$v]"]) + "))", "[leaf_paths|" + f + "]", "[paths(" + f + ")|length]",
            "IN(" + f + ";" + rng.choice(["1,2", "\"a\",null", "[1],{a:1}", "empty", "$ENV.HOME,0", g]) + ")", "[" + p + "|IN(" + p + ";1,\"b\")]",
            "nth(" + rng.choice(["0", "1", "2", "-1", "0.5", g]) + ";" + f + ")", "[.[]?|nth(1;" + g + ",.,2)?]", "[limit(20;combinations)]?",
            "([[1,2],[.[]?|scalars]]|[limit(20;combinations)])", "([" + g + "]|[limit(9;combinations(" + rng.choice(["0", "1", "2", "1,2", g]) + "))])", "INDEX(" + f + ")",
            "INDEX(" + p + ";" + g + ")", "([.[]?|objects]|INDEX(.a,.n))", "def f(g): g|INDEX(.[]?;" + g + "); f(" + p + ")", "(numbers|-.)", "[.[]?|numbers|-.,1-(-.)]",
            "sort_by(-(.a|numbers))?", "[limit(3;repeat(" + g + "))]", "input_filename", "$__loc__", "ascii(65)", "[.[]?|.b?//empty]", "splits(\"a\";\"g\";1)"])

    def object(self, depth):
        rng = self.rng
        members = []
        for _ in range(rng.choice([0, 1, 1, 2, 3])):
            kind = rng.random()
            if kind < 0.25:
                members.append(rng.choice(["a", "b", "name", "\"x y\"", "price"]))
            elif kind < 0.35 and self.variables:
                members.append("$" + rng.choice(self.variables))
            elif kind < 0.45:
                members.append("(" + self.pipe(depth) + "|tostring):" + self.term(depth))
            else:
                members.append(rng.choice(["a", "b", "c", "\"d e\"", "key", "value"]) + ":" + self.term(depth))
        return "{" + ",".join(members) + "}"

    def function(self, depth):
        rng = self.rng
        plain = ["length", "keys", "not", "type", "add", "tostring", "tonumber", "tojson", "fromjson", "floor", "sqrt", "ceil",
                 "round", "fabs", "any", "all", "reverse", "sort", "unique", "min", "max", "flatten", "to_entries", "from_entries",
                 "ascii_downcase", "ascii_upcase", "first", "last", "empty", "values", "nulls", "strings", "numbers", "arrays",
                 "objects", "booleans", "iterables", "scalars", "todate", "fromdate", "keys_unsorted", "recurse", "..", "@csv",
                 "@tsv", "@json", "@text", "@base64", "@uri", "@html", "@sh", "utf8bytelength", "test(\"a\")", "paths", "tostream",
                 "map_values(.)", "explode", "error", "input_line_number", "ltrimstr(1)", "todateiso8601", "fromdateiso8601"]
        one = ["select({})", "map({})", "select({})", "map({})", "has({})", "sort_by({})", "group_by({})", "unique_by({})",
               "min_by({})", "max_by({})", "with_entries({})", "any({})", "all({})", "first({})", "join(\",\")", "join({})",
               "split(\",\")", "split({})", "startswith({})", "endswith(\"c\")", "ltrimstr(\"a\")", "rtrimstr({})", "in({})",
               "range({}|numbers|select(.<20))", "flatten(1)", "map_values({})", "recurse({}|select(.!=null)|first?)", "isempty({})"]
        pick = rng.random()
        if pick < 0.3:
            text = self.more(depth) + rng.choice(["", "", "?"])
            return rng.choice([text, text, "(.list?|" + text + ")", "(.name?|" + text + ")", "([.[]?]|" + text + ")", "(.[]?|" + text + ")"])
        if pick < 0.42:
            return self.matching(depth)
        pick = rng.random()
        if pick < 0.45:
            return rng.choice(plain)
        if pick < 0.85:
            return rng.choice(one).replace("{}", self.pipe(depth))
        if pick < 0.9:
            return "limit(" + rng.choice(["1", "2", "3"]) + ";" + self.pipe(depth) + ")"
        if pick < 0.95:
            return "del(" + rng.choice([".a", ".a,.b", ".list[0]", ".a.b", ".[0]", ".a[0],.b", ".\"x y\""]) + ")"
        return rng.choice(["any", "all"]) + "(" + self.path() + ";" + self.pipe(depth) + ")"

    def bound(self, depth):
        """What binds a name, as a whole pipe."""
        rng = self.rng
        name = rng.choice(["x", "y", "z"])
        pattern = rng.choice(["$" + name, "$" + name, "$" + name, "[$" + name + "]", "{a:$" + name + "}", "{$" + name + "}",
                              "{a:[$" + name + "]}", "[$" + name + ",$w]"])
        source = self.term(depth)
        kind = rng.random()
        kept = list(self.variables)
        if kind < 0.5:
            self.variables = self.variables + [name] + (["w"] if "$w" in pattern else [])
            text = source + " as " + pattern + " | " + self.pipe(depth)
        elif kind < 0.7:
            start = self.pipe(0)
            self.variables = self.variables + [name]
            text = "reduce " + source + " as $" + name + " (" + start + "; " + self.pipe(depth) + ")"
        elif kind < 0.85:
            start = self.pipe(0)
            self.variables = self.variables + [name]
            text = "foreach " + source + " as $" + name + " (" + start + "; " + self.pipe(depth) + \
                rng.choice(["", "; " + self.pipe(0)]) + ")"
        else:
            functions = list(self.functions)
            body = self.pipe(depth)
            if rng.random() < 0.5:
                self.functions = self.functions + ["f"]
                text = "def f: " + body + "; " + self.pipe(depth)
            else:
                parameter = rng.choice(["g", "$g"])
                text = "def f(" + parameter + "): " + rng.choice(["[g,.]", "g|.", "map(g)?", "g", body]) + "; f(" + self.pipe(0) + ")"
            self.functions = functions
        self.variables = kept
        return text

    def operand(self, depth):
        rng = self.rng
        pick = rng.random()
        if pick < 0.04:
            return "try " + self.term(depth) + rng.choice(["", " catch ."])
        if pick < 0.1:
            return self.term(depth) + "?"
        if depth > 0 and pick < 0.2:
            condition = self.pipe(depth - 1)
            return "if " + condition + " then " + self.pipe(depth - 1) + \
                rng.choice(["", " elif " + self.path() + " then " + self.literal()]) + " else " + self.pipe(depth - 1) + " end"
        if pick > 0.95:
            return rng.choice(["-", "-", "- "]) + rng.choice([self.term(depth), "(" + self.term(depth) + "|numbers)", ".n", ".price", "(.n?|numbers)"])
        return self.term(depth)

    def operators(self, depth):
        rng = self.rng
        text = self.operand(depth)
        for _ in range(rng.choice([0, 0, 0, 0, 1, 1, 2])):
            sign = rng.choice(["+", "-", "*", "/", "%", "==", "!=", "<", ">", "<=", ">=", "and", "or", "//", "+", "=="])
            operand = self.operand(depth - 1)
            if sign in "-*/%" and rng.random() < 0.8:
                text, operand = "(" + text + "|length)", rng.choice(["2", "0.5", "(.n?|numbers)", "(" + operand + "|length)"])
            elif sign == "+" and rng.random() < 0.5:
                text, operand = "(" + text + "|tojson)", "(" + operand + "|tojson)"
            text += " " + sign + " " + operand
        if rng.random() < 0.06:
            text = rng.choice([".a", ".b.c", ".list[0]", ".[0]", ".n", ".a.b[1]", self.path_expression(depth), self.path_expression(1)]) + " " + \
                rng.choice(["=", "|=", "+=", "-=", "*=", "/=", "//=", "%="]) + " " + self.operand(depth - 1)
        return text

    def pipe(self, depth):
        rng = self.rng
        if depth > 0 and rng.random() < 0.08:
            return self.bound(depth - 1)
        text = self.operators(depth)
        for _ in range(rng.choice([0, 0, 0, 0, 1, 2])):
            text += rng.choice([" | ", " | ", " | ", ", "]) + self.operators(depth - 1)
        return text

    def program(self):
        self.variables, self.functions = [], []
        pick = self.rng.random()
        if pick < 0.2:
            text = self.matching(self.rng.choice([0, 0, 1]))
        elif pick < 0.5:
            text = self.more(self.rng.choice([0, 0, 1]))
        else:
            text = self.pipe(self.rng.choice([0, 1, 1, 2, 2, 3]))
        if self.rng.random() < 0.3:
            text = "[" + self.rng.choice([".", ".[]?", "..", ".list?", ".name?"]) + " | try (" + text + ")]"
        if self.rng.random() < 0.06:
            place = self.rng.randrange(len(text) + 1)
            text = text[:place] + self.rng.choice(list("()[]{}.,|:;?$@\"-+= /a1") + ["//", "as ", "not", "?//", ".."]) + \
                text[place + self.rng.choice([0, 1]):]
        return text


def bounded():
    """jq 1.6 may go on for ever, and take all memory: gsub of an expression that matches nothing."""
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
    if "PYPE_SAN" not in os.environ:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


def sorted_differs(program, corpus, environment):
    """Whether pype-jq -S and jq -S give something else, if both end, and as they should."""
    outputs = []
    for command in (["jq", "-cS"], ["pype-jq", "-S"]):
        try:
            done = subprocess.run(command + [program, corpus], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  env=dict(environment, PYPE_JQ_VERIFY="0"), timeout=60, preexec_fn=bounded)
        except subprocess.TimeoutExpired:
            return False
        if done.returncode < 0 or done.returncode == 2:
            return False
        outputs.append(done.stdout)
    return outputs[0] != outputs[1]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--seed", type=int, default=None)
    options.add_argument("--lines", type=int, default=6000)
    options.add_argument("--keep-on", action="store_true", help="go on after a difference")
    given = options.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1 << 32)
    rng = random.Random(seed)
    print("seed", seed, flush=True)
    environment = dict(os.environ, PYPE_JQ_VERIFY="only", HOME="/nonexistent")
    programs = Programs(rng)
    pairs = whole = count = differences = 0
    end = time.monotonic() + given.seconds
    with tempfile.NamedTemporaryFile() as corpus:
        while time.monotonic() < end:
            if count % 60 == 0:
                corpus.seek(0)
                corpus.truncate()
                corpus.write("".join(line(rng) + "\n" for _ in range(given.lines)).encode())
                corpus.flush()
            count += 1
            program = programs.program()
            try:
                done = subprocess.run(["pype-jq", "--stats", program, corpus.name], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, env=environment, timeout=60, preexec_fn=bounded)
            except subprocess.TimeoutExpired:
                continue
            said = done.stderr.decode(errors="replace")
            matched = re.search(r"info: (\d+) events went the native way", said)
            if matched:
                pairs += int(matched.group(1))
            else:
                whole += 1
            crashed = done.returncode < 0 and -done.returncode not in (signal.SIGKILL, signal.SIGXCPU)
            if crashed:  # libjq has assertions of its own
                alone = subprocess.run(["pype-jq", program, corpus.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       env=dict(environment, PYPE_JQ_NATIVE="0"), timeout=60, preexec_fn=bounded)
                crashed = alone.returncode >= 0
            if count % 30 == 0 and matched and sorted_differs(program, corpus.name, environment):
                said += "\nwith -S they differ on line (any)"
            if "differ on line" in said or "the program does not compile" in said or crashed:
                differences += 1
                print("program:", program)
                print("\n".join(l for l in said.splitlines() if "cannot" not in l and "error: line" not in l)[-1500:], flush=True)
                if not given.keep_on:
                    break
    print("%d programs (%d for libjq), %d pairs of program and line compared, %d a second, %d differ; seed %d"
          % (count, whole, pairs, pairs / given.seconds, differences, seed))
    return 1 if differences else 0


sys.exit(main())
