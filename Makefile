# pype: build, test, install. Adding a program does not touch this file:
#   cmd/GROUP/NAME.c or the folder cmd/GROUP/NAME/ is the program pype-NAME, cmd/flow/ and its folders are pype.

VERSION = 0.1.0
PREFIX  = /usr/local
DESTDIR =

BUILD = .build
BIN   = bin
JOBS  = $(shell nproc)

# What the targets install with .ci/deps (Debian, Ubuntu). "a|b": either will do; "a|": only where there is one.
DEPS_BUILD = gcc libc6-dev libcurl4-openssl-dev libjq-dev libev-dev libmicrohttpd-dev libyaml-dev libwslay-dev zlib1g-dev \
             libssl-dev libpcre2-dev libonig-dev
DEPS_RUN   = libjq1 curl ca-certificates tzdata
DEPS_CHECK = bats parallel procps time jq curl openssl python3 socat bsdutils rsyslog nginx-light|nginx tinyproxy tzdata git \
             mandoc man-db npm|nodejs stunnel4 python3-websockets
DEPS_LINT  = clang-format cppcheck mandoc shellcheck
DEPS_BENCH = jq gojq| miller| python3
DEPS_FUZZ  = clang python3 jq

# The modules of common/, bottom to top: a module includes only those before it (test/layers.bats).
LAYERS = message memory text unit option signals moment clock processor vector block utf8 utf8_block json_want json_keys json_span json_leaf json \
         shape_tree shape_match json_shape json_text json_put number decimal fingerprint key_map key_paths ring page keeper line output letter \
         locked_file dead_letter stage stage_held stage_loop stage_ahead \
         handled source source_loop state_file place_file backoff zone stamp regex syslog crontab crontab_explain schedule \
         identity spawn crew parallel address percent origin json_token items expression http_settings http_reason http_headers http_meta \
         http_cookies retry_after \
         transfers http aws_sigv4 token_bucket shell_output http_token oauth2 http_auth http_status http_rate http_ask \
         connection deflate frames netrc upgrade opening outbox vigil websocket

CC       = gcc
WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings \
           -Wvla -Wformat=2 -Wundef -Wcast-qual -Wold-style-definition -fno-common
HARDEN   = -fstack-protector-strong -fstack-clash-protection -fPIE -D_FORTIFY_SOURCE=2
CFLAGS   = -O2 -g
# The modules are small, and call each other for every event; and all of them are still there to be looked at one by one.
LTO      = $(if $(findstring clang,$(CC)),,-flto=auto -ffat-lto-objects)
LDFLAGS  =
STRICT   = $(filter true,$(CI))
ALL_CFLAGS  = -std=gnu11 $(WARNINGS) $(STRICT:%=-Werror) $(HARDEN_$(SAN)) $(LTO_$(SAN)) $(CFLAGS) -I. -D_GNU_SOURCE \
              -DPYPE_VERSION='"$(VERSION)"'
ALL_LDFLAGS = $(LTO_$(SAN)) -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)
LIBS     = -lcurl -ljq -lev -lmicrohttpd -lyaml -lwslay -lz -lcrypto -lpcre2-8 -lm
HARDEN_  = $(HARDEN)
LTO_     = $(LTO)

# make SAN=1: everything under the address and undefined behaviour sanitizers.
HARDEN_1 = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
ifeq ($(SAN),1)
BUILD = .build/san
BIN   = .build/san/bin
ALL_LDFLAGS += -fsanitize=address,undefined
endif

COMMON  = $(patsubst %.c,$(BUILD)/%.o,$(wildcard common/*.c))
TOOLS   = $(wildcard cmd/sources/*.c cmd/processors/*.c cmd/outputs/*.c)
FOLDERS = $(patsubst %/,%,$(sort $(dir $(wildcard cmd/sources/*/*.c cmd/processors/*/*.c cmd/outputs/*/*.c))))
PROGRAMS = $(patsubst %,$(BIN)/pype-%,$(notdir $(TOOLS:.c=) $(FOLDERS))) \
           $(if $(wildcard cmd/flow/main.c),$(BIN)/pype)
UNIT    = $(patsubst test/unit/%.c,$(BUILD)/unit/%,$(wildcard test/unit/*.c))
FUZZ    = $(patsubst test/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard test/fuzz/*.c))
ifneq ($(words $(PROGRAMS)),$(words $(sort $(PROGRAMS))))
$(error two programs in cmd/ have the same name)
endif

# What is done, in short; make V=1 shows the commands.
say = $(if $(V),,@printf '  %-4s %s\n' $(1) $@;)

all: $(PROGRAMS) ## build the programs into bin/ (the default)

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libcommon.a: $(COMMON)
	@rm -f $@
	$(call say,AR)ar rcs $@ $^

# $(call program,NAME,SOURCES)
define program
$(BIN)/$(1): $(patsubst %.c,$(BUILD)/%.o,$(2)) $(BUILD)/libcommon.a
	@mkdir -p $$(@D)
	$$(call say,LINK)$$(CC) $$(ALL_LDFLAGS) $$(LDFLAGS_$(1)) -o $$@ $$^ $$(LIBS)
endef
# libjq is loaded only when it is needed, and is to find these.
LDFLAGS_pype-jq = -Wl,--export-dynamic-symbol=jq_util_input_get_current_line \
                  -Wl,--export-dynamic-symbol=jq_util_input_get_current_filename
$(foreach t,$(TOOLS),$(eval $(call program,pype-$(basename $(notdir $(t))),$(t))))
$(foreach f,$(FOLDERS),$(eval $(call program,pype-$(notdir $(f)),$(wildcard $(f)/*.c))))
$(eval $(call program,pype,$(wildcard cmd/flow/*.c cmd/flow/*/*.c)))

# Test programs: one C file each, linked with common/ (and what its first line names: "// with: FILE...").
SOURCES = $(wildcard common/*.[ch] cmd/*/*.[ch] cmd/*/*/*.[ch] test/*/*.h)
WITH    = $$(sed -n '1s,^// with: ,,p' $<)

unit: $(UNIT)
$(BUILD)/unit/%: test/unit/%.c $(BUILD)/libcommon.a $(SOURCES)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(WITH) $(BUILD)/libcommon.a $(LIBS)

# libFuzzer targets, by clang, from the sources themselves.
fuzz-build: $(FUZZ)
$(BUILD)/fuzz/%: test/fuzz/%.c $(SOURCES)
	@mkdir -p $(@D)
	$(call say,FUZZ)clang -std=gnu11 -g -O1 -I. -D_GNU_SOURCE -DPYPE_VERSION='"fuzz"' -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -o $@ $< $(WITH) -ljq -lm

run: deps ## install what is missing, build, and run the first example flow
	+@$(MAKE) --no-print-directory -j$(JOBS) all
	examples/yahoo_apple/run

# TESTS="FILE..." runs only some.
check: deps-check ## build, then run all tests; the last line is "N passed, N failed"
	+@$(MAKE) --no-print-directory -j$(JOBS) all unit torture-build
	@PYPE_BIN=$(abspath $(BIN)) PYPE_BUILD=$(abspath $(BUILD)) PYPE_SAN=$(SAN) test/run $(TESTS)

san: ## the same under the address and undefined behaviour sanitizers
	+@ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 \
	  UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 $(MAKE) --no-print-directory SAN=1 check

C_FILES = $(SOURCES) $(wildcard test/*/*.c)
SCRIPTS = .ci/run .ci/deps test/run $(shell grep -lE '^\#!.*sh$$' examples/* examples/*/* 2>/dev/null)
# What the analysers get wrong: a scanner's state points into its caller's frame while it runs; a list that a loop fills is
# no null pointer; two options are not one. And cppcheck knows neither C11's _Noreturn nor libev's macros.
CPPCHECK = --std=c11 --enable=warning,performance,portability --template=gcc \
           --suppress=autoVariables --suppress=ctunullpointer '-D_Noreturn=__attribute__((noreturn))' \
           '-DEV_DEFAULT_=loop,' '-DEV_DEFAULT_UC_=loop,' -D_GNU_SOURCE -DPYPE_VERSION='"$(VERSION)"' -I.
ANALYZER = -fanalyzer -Wno-analyzer-double-free

lint: deps-lint ## formatting, static analysis, man pages, scripts
	clang-format --dry-run -Werror $(C_FILES)
	cppcheck --quiet --error-exitcode=1 $(CPPCHECK) $(filter %.c,$(C_FILES))
	+@$(MAKE) --no-print-directory -j$(JOBS) BUILD=.build/lint BIN=.build/lint/bin CFLAGS='-O2 $(ANALYZER)' STRICT=1 all
	mandoc -Tlint -Wwarning $(wildcard man/*.[1-8])
	shellcheck $(SCRIPTS)
	shellcheck --shell=bash --exclude=SC2034 test/lib.bash test/flow.bash examples/completion.bash

FUZZ_SECONDS = 60
fuzz: deps-fuzz ## run each libFuzzer target, and jq programs both ways, for FUZZ_SECONDS=60
	+@$(MAKE) --no-print-directory -j$(JOBS) fuzz-build all
	@echo "fuzz: programs of jq, $(FUZZ_SECONDS) seconds"
	@PATH="$(abspath $(BIN)):$$PATH" /usr/bin/python3 test/fuzz/jq.py --seconds $(FUZZ_SECONDS)
	@for target in $(FUZZ); do \
		echo "fuzz: $${target##*/}, $(FUZZ_SECONDS) seconds"; \
		mkdir -p $$target.corpus; \
		$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -verbosity=0 -print_final_stats=1 \
			-artifact_prefix=$$target. $$target.corpus || exit 1; \
	done

BENCH = $(patsubst test/bench/%.c,$(BUILD)/bench/%,$(wildcard test/bench/*.c))
bench: all torture-build $(BENCH) ## measure us and the peers side by side (WORDS="W3 flow": only some; BENCH_MB)
	@PYPE_BIN=$(abspath $(BIN)) PYPE_BUILD=$(abspath $(BUILD)) test/bench/run $(WORDS)
$(BUILD)/bench/%: test/bench/%.c $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(BUILD)/libcommon.a $(LIBS)

# The crash laboratory. Its programs move bytes, and bench uses them, too.
SECONDS = 600
KILLS = 1000
SEED =
LABORATORY = PYPE_BIN=$(abspath $(BIN)) PYPE_BUILD=$(abspath $(BUILD)) test/torture/run $(SEED:%=--seed %)
torture: deps-check ## kill processes of flows at random and check what arrives (SECONDS=600, KILLS=1000, SEED)
	+@$(MAKE) --no-print-directory -j$(JOBS) all torture-build
	@$(LABORATORY) all
	@$(LABORATORY) leak --kills 10000 --seconds $(SECONDS)
	@$(LABORATORY) --kills $(KILLS) --seconds $(SECONDS)
	@$(LABORATORY) --protocol sync --kills $$(($(KILLS) / 10)) --seconds $(SECONDS)
	@$(LABORATORY) --delivery durable --kills $$(($(KILLS) / 10)) --seconds $(SECONDS) \
		--targets runner --pause 0.3
	@$(LABORATORY) --delivery durable --kills $$(($(KILLS) / 5)) --seconds $(SECONDS) \
		--targets stages,managers,runner

TORTURE = $(patsubst test/torture/%.c,$(BUILD)/torture/%,$(wildcard test/torture/*.c))
torture-build: all $(TORTURE)
$(BUILD)/torture/%: test/torture/%.c test/torture/log.h $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(BUILD)/libcommon.a $(LIBS)

# What is installed, as SOURCE:TARGET below PREFIX.
COMPLETION = share/bash-completion/completions
INSTALLED = $(foreach p,$(PROGRAMS),$p:bin/$(notdir $p) examples/completion.bash:$(COMPLETION)/$(notdir $p)) \
            $(foreach m,$(wildcard man/*.[1-8]),$m:share/man/man$(patsubst .%,%,$(suffix $m))/$(notdir $m)) \
            $(foreach e,$(shell find examples -type f ! -path '*/.*' ! -name '*.csv'),$e:share/doc/pype/$e)

install: all ## PREFIX=/usr/local, DESTDIR=
	@for f in $(INSTALLED); do \
		if [ -x $${f%%:*} ]; then mode=755; else mode=644; fi; \
		install -D -m $$mode $${f%%:*} "$(DESTDIR)$(PREFIX)/$${f#*:}" || exit 1; \
	done

uninstall: ## remove what install put there
	@for f in $(INSTALLED); do rm -f "$(DESTDIR)$(PREFIX)/$${f#*:}" || exit 1; done
	rm -rf "$(DESTDIR)$(PREFIX)/share/doc/pype"

dist: ## pype-VERSION.tar.gz of what is committed
	@[ -z "$$(git status --porcelain)" ] || { echo "dist: there are uncommitted changes" >&2; exit 1; }
	@for tag in $$(git tag --points-at HEAD 'v*'); do [ $$tag = v$(VERSION) ] || \
		{ echo "dist: HEAD is tagged $$tag, but VERSION is $(VERSION)" >&2; exit 1; }; done
	git archive --prefix=pype-$(VERSION)/ -o pype-$(VERSION).tar.gz HEAD

clean: ## remove what was built
	rm -rf .build bin pype-*.tar.gz

deps: ; @.ci/deps '$(DEPS_BUILD) $(DEPS_RUN)' ## install what is missing to build and run (apt-get)
deps-check: deps-packages $(BUILD)/node/installed
deps-packages: ; @.ci/deps '$(DEPS_BUILD) $(DEPS_RUN) $(DEPS_CHECK)'

# The servers from the npm registry that sources are tested against, as test/node/package-lock.json names them.
$(BUILD)/node/installed: test/node/package.json test/node/package-lock.json | deps-packages
	@mkdir -p $(@D)
	@cp $^ $(@D)
	$(call say,NPM)cd $(@D) && npm ci --silent --no-audit --no-fund --ignore-scripts && touch installed
deps-lint: ; @.ci/deps '$(DEPS_BUILD) $(DEPS_LINT)'
deps-bench: ; @.ci/deps '$(DEPS_BENCH)' ## … the peers that bench compares with
deps-fuzz:
	@.ci/deps '$(DEPS_BUILD) $(DEPS_FUZZ)'
	@.ci/deps "libclang-rt-$$(clang -dumpversion | cut -d. -f1)-dev|"

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12

.PHONY: all unit fuzz-build run check san lint fuzz bench torture torture-build install uninstall dist clean \
        deps deps-check deps-packages deps-lint deps-bench deps-fuzz help
.DELETE_ON_ERROR:
-include $(wildcard $(BUILD)/*/*.d $(BUILD)/*/*/*.d $(BUILD)/*/*/*/*.d)
