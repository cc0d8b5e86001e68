# The architecture: common/ is layered, programs know only common/ and themselves, nobody keeps state in file scope.

load lib

prepare() {
    cd "$ROOT" || return 1
    LAYERS=$(printf 'include Makefile\nlayers: ; @echo $(LAYERS)\n' | make -s -f - layers)
}

# includes FILE...: "FILE included" for each #include "…".
includes() {
    grep -HoE '^ *# *include *"[^"]+"' -- "$@" | sed -E 's/^([^:]+):.*"(.*)"$/\1 \2/'
}

@test "LAYERS of the Makefile lists every module of common/, and no other" {
    diff <(tr ' ' '\n' <<<"$LAYERS" | sort) <(ls common | sed 's/\.[ch]$//' | sort -u)
    for module in $LAYERS; do
        [ -f "common/$module.h" ] || { echo "common/$module.c has no header"; false; }
    done
}

# No two modules can be circular then, directly or by way of others.
@test "a module of common/ includes only modules below it" {
    bad=0 layers=" $LAYERS "
    while read -r file included; do
        module=$(basename "${file%.*}") other=$(basename "${included%.h}")
        case "${layers%% "$module" *} $module " in
        *" $other "*) [ "$included" = "common/$other.h" ] && continue ;;
        esac
        echo "$file must not include \"$included\""
        bad=1
    done < <(includes common/*)
    [ $bad = 0 ]
    [ "$(includes common/* | wc -l)" -gt 20 ]
}

@test "a program includes only common/ and its own folder" {
    bad=0
    while read -r file included; do
        case $included in
        common/*) [ -f "$included" ] && continue ;;
        cmd/flow/*) [[ $file == cmd/flow/* ]] && continue ;;
        "$(dirname "$file")"/*) [[ $file == cmd/*/*/* ]] && continue ;;
        esac
        echo "$file must not include \"$included\""
        bad=1
    done < <(includes $(find cmd -name '*.[ch]'))
    [ $bad = 0 ]
}

# The symbols of the programs: "NAME PROGRAM SECTION SCOPE FILE", FILE only for those that are static.
symbols() {
    local program
    for program in "$BIN"/pype*; do
        objdump -t "$program" | awk -v program="${program##*/}" '
            $3 == "df" { file = $NF; next }
            $2 ~ /^[gu]$/ { print $NF, program, $4, "global", ""; next }
            $2 == "l" && $3 == "O" { print $NF, program, $4, "local", file }'
    done
}

@test "no function or variable of ours has a name that a library may take" {
    # pype-jq takes two functions from libjq on purpose, see there.
    symbols | awk '
        $4 != "global" || $3 == "*UND*" || $1 ~ /@|^jq_util_input_get_current_/ { next }
        $1 ~ /^(ev|event|jv|jq|curl|yaml|MHD)_|^err/ { print; bad = 1 }
        END { exit bad }'
    symbols | grep -q '^main '
}

# variables FILE.c: those that the object of a source has, not constant ones. Status 1: some.
variables() {
    objdump -t "$PYPE_BUILD/${1%.c}.o" >"$BATS_TEST_TMPDIR/symbols"
    grep -q '^SYMBOL TABLE' "$BATS_TEST_TMPDIR/symbols"
    awk 'NF > 4 && $(NF - 3) == "O" && $(NF - 2) ~ /^\.(data|bss|tdata|tbss)/ && $(NF - 2) !~ /^\.data\.rel\.ro/ { print $NF; bad = 1 }
        END { exit bad }' "$BATS_TEST_TMPDIR/symbols"
}

# What a signal handler or a message can reach only there; see signals.h and message.h.
@test "no variables in file scope but those of message.c and signals.c" {
    [ -z "$PYPE_SAN" ] || skip "the sanitizers add variables of their own"
    local source bad=0
    for source in $(find common cmd -name '*.c' | grep -v '^common/\(message\|signals\)\.c$'); do
        variables "$source" || { bad=1; echo "  in $source"; }
    done
    [ $bad = 0 ]
    run ! variables common/message.c
}

# bash -e lets "! a" pass, and "a && b" when a fails, unless it is the last command.
@test "no test has a check that cannot fail" {
    awk '
        FNR == 1 { test = 0; suspect = "" }
        suspect && !/^}/ { print suspect; bad = 1 }
        { suspect = "" }
        /^@test/ { test = 1 }
        /^}/ { test = 0 }
        test && / \|\|( |$)/ { next }
        test && /^ *(! |\[.* \]+ && (\[|[a-z_]+ [^=]))/ && !/&& (continue|break|return|skip|echo|complain)/ {
            suspect = FILENAME ":" FNR ":" $0
        }
        END { exit bad }' test/*.bats
}
