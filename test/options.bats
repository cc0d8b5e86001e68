# What every program does alike with its options, and what it is linked with.

load lib

prepare() {
    PROGRAMS=("$BIN"/pype*)
    PROGRAMS=("${PROGRAMS[@]##*/}")
    [ -x "$BIN/pype-csv" ]
    complaints=
}

complain() {
    complaints+="$*"$'\n'
}

content() {
    echo -n "$complaints"
    [ "$complaints" = "" ]
}

# status_of COMMAND…: its exit status; output in ./out and ./err. 124: it did not end.
status_of() {
    local status=0
    timeout 10 "$@" </dev/null >out 2>err || status=$?
    echo $status
}

@test "--help names every option and exits 0" {
    for program in "${PROGRAMS[@]}"; do
        [ "$(status_of "$program" --help)" = 0 ] && [ ! -s err ] || complain "$program --help: status or stderr"
        head -n 1 out | grep -qE "^$program: [a-z].*[^.]$" || complain "$program: first line of --help: $(head -n 1 out)"
        sed -n 2p out | grep -qE "^usage: $program( |$)" || complain "$program: second line of --help"
        cp out help
        "$program" --complete | cut -f 1 | tr ',' '\n' >words
        while read -r word; do
            grep -qE -- "^ .*(^|[ ,])$word([ ,=]|$)" help || complain "$program: --help lacks $word"
        done <words
        awk 'length > 120' help | grep -q . && complain "$program: --help has lines of more than 120 columns"
    done
    content
}

@test "-h is --help, -V is --version" {
    for program in "${PROGRAMS[@]}"; do
        [ "$("$program" -h)" = "$("$program" --help)" ] || complain "$program -h"
        [ "$("$program" -V)" = "$("$program" --version)" ] || complain "$program -V"
    done
    content
}

@test "--version says the name and the Makefile's version" {
    version=$(sed -n 's/^VERSION *= *//p' "$ROOT/Makefile")
    [ "$version" ]
    for program in "${PROGRAMS[@]}"; do
        [ "$(status_of "$program" --version)" = 0 ] && [ "$(cat out)" = "$program $version" ] || complain "$program: $(cat out)"
    done
    content
}

@test "--complete lists each option once: spellings, value, help" {
    for program in "${PROGRAMS[@]}"; do
        [ "$(status_of "$program" --complete)" = 0 ] || complain "$program --complete: status"
        grep -vP '^(-[A-Za-z0-9],)?--[a-z][a-z0-9-]*\t[^\t]*\t[^\t]+$' out && complain "$program: not in the format"
        twice=$(cut -f 1 out | tr ',' '\n' | sort | uniq -d)
        [ "$twice" = "" ] || complain "$program: twice: $twice"
        cut -f 3 out | grep -E '^[A-Z][a-z]|\.$' && complain "$program: a help text with a capital or a full stop"
        for word in -v,--verbose -h,--help -V,--version --complete; do
            cut -f 1 out | grep -qx -e "$word" || complain "$program lacks $word"
        done
    done
    content
}

@test "an option that there is not: said, with the nearest one, exit 2" {
    for program in "${PROGRAMS[@]}"; do
        [ "$(status_of "$program" --no-such-option)" = 2 ] || complain "$program --no-such-option: status"
        grep -qE "^$program: fatal: unknown option '--no-such-option'.*--help" err || complain "$program: $(cat err)"
        [ "$(status_of "$program" --hlep)" = 2 ] && has err "did you mean '--help'?" || complain "$program --hlep: $(cat err)"
        letter=$(tr -d "$("$program" --complete | grep -o '^-[A-Za-z]' | tr -d '\n-')" <<<ABCDEFGHIJKLMNOPQRSTUVWXYZ | head -c 1)
        [ "$(status_of "$program" "-$letter")" = 2 ] && has err "unknown option '-$letter'" ||
            complain "$program -$letter: $(cat err)"
        [ "$(status_of "$program" --help=yes)" = 2 ] || complain "$program --help=yes: status"
        [ ! -s out ] || complain "$program: something on stdout"
    done
    content
}

@test "an option without its value: exit 2" {
    for program in "${PROGRAMS[@]}"; do
        "$program" --complete | awk -F '\t' '$2 != "" { sub(/.*,/, "", $1); print $1 }' >words
        while read -r word; do
            [ "$(status_of "$program" "$word")" = 2 ] && has err "$word needs" || complain "$program $word: $(cat err)"
        done <words
    done
    content
}

@test "standard output that cannot be written is a failure" {
    for program in "${PROGRAMS[@]}"; do
        for option in --help --version --complete; do
            run bash -c '"$@" >/dev/full' - "$program" "$option"
            [ "$status" = 1 ] && [[ $output == *"cannot write"* ]] || complain "$program $option >/dev/full: $status $output"
            run bash -c '"$@" >&-' - "$program" "$option"
            [ "$status" = 1 ] || complain "$program $option >&-: $status $output"
        done
    done
    content
}

@test "PYPE_CHECK=1 opens nothing, prints nothing and ends with 0 or 2" {
    export PYPE_CHECK=1
    for program in "${PROGRAMS[@]}"; do
        [ "$program" != pype ] || continue
        for operands in "" "x" "1 2"; do
            # shellcheck disable=SC2086 # words
            status=$(status_of "$program" $operands)
            [[ $status == [02] ]] || complain "PYPE_CHECK=1 $program $operands: status $status"
            [ ! -s out ] || complain "PYPE_CHECK=1 $program $operands: something on stdout"
            [ "$status" = 0 ] || [ -s err ] || complain "PYPE_CHECK=1 $program $operands: status 2 without a word"
        done
    done
    [ "$(ls)" = $'err\nout' ]
    content
}

# Loading a library costs every start: libcurl alone is 4 ms.
@test "a program is linked with the libraries it needs and no others" {
    [ -z "$PYPE_SAN" ] || skip "the sanitizers are libraries too"
    for program in "${PROGRAMS[@]}"; do
        case $program in
        pype) allowed='ev yaml-0' ;;
        pype-exec) allowed='ev' ;;
        pype-jq) allowed='jq' ;;
        pype-replay) allowed='z' ;;
        pype-fetch | pype-rest) allowed='curl crypto ev jq' ;;
        pype-listen) allowed='microhttpd ev crypto' ;;
        pype-tail) allowed='pcre2-8 z' ;;
        pype-websocket) allowed='curl ev wslay z crypto' ;;
        pype-socketio) allowed='curl ev wslay z crypto' ;;
        pype-parse) allowed='pcre2-8' ;;
        pype-serve) allowed='microhttpd ev' ;;
        pype-sse) allowed='curl ev crypto' ;;
        pype-pusher) allowed='curl ev crypto wslay z' ;;
        *) allowed='' ;;
        esac
        for library in $(readelf -d "$BIN/$program" | sed -n 's/.*(NEEDED).*\[lib\(.*\)\.so.*/\1/p'); do
            case " c m $allowed " in *" $library "*) ;; *) complain "$program needs lib$library" ;; esac
        done
    done
    readelf -d "$BIN/pype-csv" | grep -q 'NEEDED.*libc\.so'
    content
}
