# The Makefile: what it builds, installs and refuses.

load lib

# A copy of the tree without what was built, in ./tree.
copy_tree() {
    mkdir tree
    cp -a "$ROOT"/{Makefile,README.md,LICENSE,CHANGELOG.md,.ci,cmd,common,examples,man,test} tree/
}

# For the sources, not for their speed.
quick_make() {
    env -u MAKEFLAGS -u MAKELEVEL make -C tree CFLAGS=-O0 STRICT= SAN= BUILD=.build BIN=bin "$@"
}

@test "the top level holds what the design says and no more" {
    cd "$ROOT"
    for name in *; do
        case $name in
        Makefile | README.md | LICENSE | CHANGELOG.md | cmd | common | man | examples | test) ;;
        bin | pype-*.tar.gz) ;; # built, and in .gitignore
        *) echo "$name does not belong there"; return 1 ;;
        esac
    done
    [ -f README.md ]
    [ -f LICENSE ]
    [ -f CHANGELOG.md ]
    [ "$(ls cmd | xargs)" = "flow outputs processors sources" ]
}

@test "a file dropped into cmd/ is a program, a folder too, without a change to the Makefile" {
    copy_tree
    rm -rf tree/cmd/*/*
    printf 'int main(void) { return 7; }\n' >tree/cmd/sources/alpha.c
    mkdir tree/cmd/outputs/beta
    printf 'int beta(void);\nint main(void) { return beta(); }\n' >tree/cmd/outputs/beta/main.c
    printf 'int beta(void);\nint beta(void) { return 8; }\n' >tree/cmd/outputs/beta/beta.c
    quick_make
    [ "$(ls tree/bin | xargs)" = "pype-alpha pype-beta" ]
    run tree/bin/pype-alpha
    [ "$status" = 7 ]
    run tree/bin/pype-beta
    [ "$status" = 8 ]
    # What is built stays built.
    [[ $(quick_make) == *"Nothing to be done"* ]]
    # The same name in two groups is a mistake.
    cp tree/cmd/sources/alpha.c tree/cmd/processors/alpha.c
    run quick_make
    [ "$status" = 2 ]
    [[ $output == *"same name"* ]]
}

@test "a changed header rebuilds what includes it, directly or not, and nothing else" {
    copy_tree
    rm -rf tree/cmd/*/* tree/common/*
    printf '#include "common/one.h"\n#define TWO ONE\n' >tree/common/two.h
    printf '#define ONE 1\n' >tree/common/one.h
    printf '#include "common/two.h"\nint two(void);\nint two(void) { return TWO; }\n' >tree/common/two.c
    printf 'int two(void);\nint main(void) { return two(); }\n' >tree/cmd/processors/alpha.c
    quick_make
    run tree/bin/pype-alpha
    [ "$status" = 1 ]
    printf '#define ONE 5\n' >tree/common/one.h
    touch -d '+2 seconds' tree/common/one.h
    run quick_make
    [[ $output == *"common/two.o"* ]]
    [[ $output != *"alpha.o"* ]]
    run tree/bin/pype-alpha
    [ "$status" = 5 ]
    # A header that is gone stops nobody.
    printf 'int two(void);\nint two(void) { return 6; }\n' >tree/common/two.c
    rm tree/common/*.h
    quick_make
    run tree/bin/pype-alpha
    [ "$status" = 6 ]
}

# The programs as they are: -o all.
install_into() {
    env -u MAKEFLAGS -u MAKELEVEL make -C "$ROOT" -o all BIN="$BIN" SAN= DESTDIR="$PWD/dest" "$@"
}

@test "install puts programs, pages, completion and examples below PREFIX; uninstall leaves nothing" {
    install_into PREFIX=/opt/pype install
    cd dest/opt/pype
    for program in "$BIN"/pype*; do
        cmp "$program" "bin/${program##*/}"
        [ "$(stat -c %a "bin/${program##*/}")" = 755 ]
        [ "$(stat -c %a "share/man/man1/${program##*/}.1")" = 644 ]
        [ -f "share/bash-completion/completions/${program##*/}" ]
    done
    for page in "$ROOT"/man/*.[1-8]; do cmp "$page" "share/man/man${page##*.}/${page##*/}"; done
    [ -x share/doc/pype/examples/yahoo_apple/run ]
    [ -f share/doc/pype/examples/yahoo_apple/flow.yaml ]
    [ "$(ls -A "$BATS_TEST_TMPDIR/dest")" = opt ]
    MANPATH=$PWD/share/man man -w pype-csv
    cd - >/dev/null
    touch dest/opt/pype/bin/other
    install_into PREFIX=/opt/pype uninstall
    [ "$(find dest -type f)" = dest/opt/pype/bin/other ]
}

@test "the default PREFIX is /usr/local" {
    install_into install
    [ -x dest/usr/local/bin/pype-csv ]
    [ "$(ls -A dest)" = usr ]
}

@test "make help names the targets" {
    run make -s -C "$ROOT" help
    for target in all run check san lint fuzz bench install uninstall dist clean deps; do
        grep -qE "^$target +[a-zA-Z]" <<<"$output"
    done
}

@test "dist packs what is committed, and refuses changes and a tag of another version" {
    copy_tree
    cd tree
    export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_CONFIG_COUNT=2 \
        GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0=test GIT_CONFIG_KEY_1=user.email GIT_CONFIG_VALUE_1=test@localhost
    version=$(sed -n 's/^VERSION *= *//p' Makefile)
    cp "$ROOT/.gitignore" .
    git init -q . && git add -A && git commit -q -m all
    make dist
    tar tf "pype-$version.tar.gz" | grep -qx "pype-$version/Makefile"
    git tag v0.0.1-other
    run make dist
    [ "$status" = 2 ]
    [[ $output == *"tagged v0.0.1-other"* ]]
    git tag -d v0.0.1-other && git tag "v$version"
    make dist
    echo >>README.md
    run make dist
    [ "$status" = 2 ]
    [[ $output == *"uncommitted"* ]]
}

# .ci/deps with stand-ins for the system's programs: what is installed is in ./installed, what can be in ./known;
# apt-get writes down what it was asked for.
prepare_apt() {
    mkdir stand-ins
    printf '#!/bin/sh\nsed "s/^/installed /" installed\n' >stand-ins/dpkg-query
    printf '#!/bin/sh\ngrep -qx "$2" known\n' >stand-ins/apt-cache
    printf '#!/bin/sh\nif [ "$1" = -u ]; then echo %s; fi\n' "$1" >stand-ins/id
    # shellcheck disable=SC2016 # for the script
    printf '#!/bin/sh\necho "$DEBIAN_FRONTEND $*" >>asked\n[ ! -f broken ]\n' >stand-ins/apt-get
    [ "$2" != sudo ] || printf '#!/bin/sh\necho sudo >>asked\nexec "$@"\n' >stand-ins/sudo
    chmod +x stand-ins/*
    for tool in sh sed grep tr paste env; do ln -s "$(type -P $tool)" "stand-ins/$tool"; done
    printf '%s\n' bats gcc nginx >installed
    printf '%s\n' bats gcc nginx jq curl2 >known
}

deps() {
    env PATH="$PWD/stand-ins" sh "$ROOT/.ci/deps" "$@"
}

@test "deps: nothing missing, nothing done" {
    prepare_apt 0
    run -0 deps 'gcc bats nginx-light|nginx'
    [ "$output" = "" ]
    [ ! -e asked ]
}

@test "deps: installs what is missing, once, the alternative that there is" {
    prepare_apt 0
    run -0 deps 'gcc jq curl1|curl2 nowhere|'
    [[ $output == *"apt-get install jq curl2"* ]]
    grep -qE '^noninteractive .*update' asked
    grep -qE '^noninteractive .*install -y --no-install-recommends jq curl2$' asked
    [ "$(wc -l <asked)" = 2 ]
}

@test "deps: by sudo; without it the packages are named and nothing happens" {
    prepare_apt 1000 sudo
    run -0 deps 'jq'
    [ "$(grep -c sudo asked)" = 2 ]
    rm asked stand-ins/sudo
    run -1 deps 'gcc jq curl1|curl2'
    [[ $output == *"as root: apt-get install jq curl2"* ]]
    [ ! -e asked ]
}

@test "deps: what cannot be installed fails, by name" {
    prepare_apt 0
    touch broken
    run -1 deps 'jq nowhere'
    [[ $output == *"could not install jq nowhere"* ]]
}
