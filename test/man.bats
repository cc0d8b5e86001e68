# The man pages say what the programs do: same summary, same options, and every example prints what the page shows.

load lib

prepare() {
    SECTIONS=$'NAME\nSYNOPSIS\nDESCRIPTION\nENVIRONMENT\nFILES\nEXIT STATUS\nEXAMPLES\nSOURCE\nSEE ALSO'
    complaints=$BATS_TEST_TMPDIR/.complaints
    : >"$complaints"
    cd "$ROOT/man" || return 1
    PAGES=(*.[1-8])
    PROGRAMS=("$BIN"/pype*)
    PROGRAMS=("${PROGRAMS[@]##*/}")
    [ -x "$BIN/pype" ] || [ ${#PROGRAMS[@]} -gt 1 ]
}

complain() {
    echo "$*" >>"$complaints"
}

# At the end of each test: nothing was complained of.
content() {
    cat "$complaints"
    [ ! -s "$complaints" ]
}

@test "every program has a man page, and every page of section 1 a program" {
    for program in "${PROGRAMS[@]}"; do [ -f "$program.1" ] || complain "man/$program.1 is missing"; done
    for page in *.1; do [ -x "$BIN/${page%.1}" ] || complain "man/$page describes no program"; done
    content
}

@test "mandoc finds nothing to warn of" {
    mandoc -Tlint -Wwarning "${PAGES[@]}"
}

@test "the summary of the page is that of --help" {
    for program in "${PROGRAMS[@]}"; do
        help=$("$program" --help | head -n 1)
        page="$program: $(sed -n 's/^\.Nd //p' "$program.1")"
        [ "$help" = "$page" ] || complain "$program: --help says '$help', the page '$page'"
    done
    content
}

# "-x,--word" for each ".It Fl x , Fl \-word …"; "run -x,--word" for ".It Cm run Fl x , …".
page_options() {
    sed -nE 's/\\//g; s/^\.It ((Cm [a-z-]+ )?Fl .*)/\1/p' "$1" | awk '{
        options = ""
        for (i = 1; i < NF; i++) if ($i == "Fl") options = options (options ? "," : "") "-" $(i + 1)
        print ($1 == "Cm" ? $2 " " : "") options
    }'
}

# The same from the program: its own options, and for pype those of its commands that are not pype's as well.
program_options() {
    local command
    "$1" --complete | cut -f 1
    [ "$1" = pype ] || return 0
    for command in $(pype --help | sed -n '/^commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
        pype "$command" --complete | cut -f 1 | grep -vxFf <(pype --complete | cut -f 1) | sed "s/^/$command /"
    done
}

@test "the options of the page are those of the program" {
    for program in "${PROGRAMS[@]}"; do
        program_options "$program" | sort >"$BATS_TEST_TMPDIR/program"
        page_options "$program.1" | sort >"$BATS_TEST_TMPDIR/page"
        [ -s "$BATS_TEST_TMPDIR/program" ] || complain "$program --complete lists nothing"
        difference=$(diff "$BATS_TEST_TMPDIR/program" "$BATS_TEST_TMPDIR/page") ||
            complain "$program (< only in --complete, > only in the page)"$'\n'"$difference"
    done
    content
}

@test "all sections are there, in order" {
    for page in *.1; do
        sed -n 's/^\.Sh //p' "$page" >"$BATS_TEST_TMPDIR/sections"
        difference=$(diff <(echo "$SECTIONS") "$BATS_TEST_TMPDIR/sections") ||
            complain "$page (< missing, > too many)"$'\n'"$difference"
    done
    for page in "${PAGES[@]}"; do
        for section in NAME DESCRIPTION 'SEE ALSO'; do
            grep -qx ".Sh $section" "$page" || complain "$page has no section $section"
        done
        grep -q "^\.Dt ${page%.*} ${page##*.}$" <(tr '[:upper:]' '[:lower:]' <"$page" | sed 's/^\.dt/.Dt/') ||
            complain "$page has another name or section in .Dt"
    done
    content
}

@test "every page that a page refers to exists" {
    for page in "${PAGES[@]}"; do
        while read -r name section; do
            [ -f "$name.$section" ] || complain "$page: .Xr $name $section"
        done < <(sed -n 's/^\.\(It \)\?Xr \(pype[^ ]*\) \([1-8]\).*/\2 \3/p' "$page")
    done
    content
    [ "$(cat ./*.[1-8] | grep -c '^\.Xr pype')" -gt 5 ]
}

@test "every file named as source exists" {
    for page in *.1; do
        sources=$(sed -n '/^\.Sh SOURCE/,/^\.Sh SEE/p' "$page" | grep -oE 'cmd/[A-Za-z0-9_./-]*[A-Za-z0-9_/-]') ||
            complain "$page names no source"
        for source in $sources; do [ -e "$ROOT/$source" ] || complain "$page: $source"; done
    done
    content
}

# The literal blocks of the page's EXAMPLES that hold commands, as plain text, each into its own file DIR/N.
example_blocks() {
    awk -v dir="$2" '
        /^\.Sh / { examples = /^\.Sh EXAMPLES/ }
        /^\.Bd -literal/ && examples { file = dir "/" ++n; next }
        /^\.Ed/ { file = "" }
        file { print >file }' "$1"
    [ -e "$2/1" ] || return 0
    sed -i 's/\\(dq/"/g; s/\\(aq/'\''/g; s/\\(ti/~/g; s/\\(ha/^/g; s/\\(ga/`/g; s/\\-/-/g; s/\\&//g' "$2"/*
    if grep -h '\\[^e]' "$2"/*; then complain "$1: an escape in an example that this test does not know"; fi
    sed -i 's/\\e/\\/g' "$2"/*
}

# Runs the commands of a block in the current directory and prints the block as it came out.
play() {
    local line command='' commands=() i
    while IFS= read -r line; do
        case $line in
        '$ '*) commands+=("${line#\$ }") ;;
        '> '*) commands[-1]+=$'\n'${line#> } ;;
        '>') commands[-1]+=$'\n' ;;
        esac
    done <"$1"
    for command in "${commands[@]}"; do
        sed '1s/^/$ /; 2,$s/^/> /; s/^> $/>/' <<<"$command"
        timeout 20 bash -c "$command" </dev/null >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- 4>&- || true
        sed '$a\' "$BATS_TEST_TMPDIR/output"
    done
}

@test "every example prints what the page says" {
    local played=0 block page
    for page in "${PAGES[@]}"; do
        mkdir -p "$BATS_TEST_TMPDIR/$page"
        example_blocks "$page" "$BATS_TEST_TMPDIR/$page"
        for block in "$BATS_TEST_TMPDIR/$page"/*; do
            if ! head -n 1 "$block" 2>/dev/null | grep -q '^\$ '; then
                [[ $page != *.1 ]] || complain "$page: an example block is missing, or does not begin with '$ '"
                continue
            fi
            mkdir "$block.dir"
            (cd "$block.dir" && play "$block") >"$block.played"
            diff -u --label "$page" --label "what it printed" "$block" "$block.played" >>"$complaints" || true
            played=$((played + 1))
        done
    done
    content
    [ $played -ge ${#PROGRAMS[@]} ]
}
