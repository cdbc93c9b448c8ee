# make                  builds the package into build/nats<version>/   (TCLLIBPATH=$PWD/build tclsh app.tcl)
# make demo             builds, fetches a NATS server unless one is on PATH, runs examples/kv.tcl
# make browse           builds, starts a server with sample data that keeps changing, opens nats::browser on it
# make test             all tests on Tcl 8.6 and 9; last line: "N passed, N failed"
#                       NATS_VERSION=2.10.26  SUITES=tcl  TCLS=8.6  TESTFLAGS='-file kv_get.test -verbose bpe'
# make soak             hard conditions for some minutes on Tcl 8.6 and 9; SOAKFLAGS='-seconds 120 -seed 7 -scenarios kill'
# make fuzz             the fuzz tests of the Rust code for some minutes; PROPTEST_CASES=2000000
# make loom             a thread's mailbox under every order in which threads may run
# make valgrind         the life of each class under valgrind, on Tcl 8.6 and 9
# make audit            licences, sources and advisories of what the library is made of, by cargo-deny
# make bench            the benchmarks (BENCHFLAGS)
# make bench-check      BASE=<commit>: builds that one as well and says which case got slower by more than the noise
# make screenshots      the pictures of nats::browser in doc/images; needs Xvfb
# make man              the manual pages, into build/man
# make hints            the files of hints/ anew, for checkers of scripts; after changes of methods or options
# make dist             what a release consists of, for all platforms, into build/dist; DIST_TARGETS, see tools/dist
# make dist-check       runs what is in build/dist: the last lines say what was tried where
# make install          PREFIX=/usr/local DESTDIR= mandir=$(PREFIX)/share/man
# make uninstall        removes what `make install` has put there; the same variables
# make clean            removes everything made or fetched here

# The one place that says the version.
VERSION := $(shell sed -n '/^\[package\]/,/^\[dep/s/^version *= *"\([^"]*\)".*/\1/p' Cargo.toml)

NATS_VERSION ?= 2.15.1
SUITES ?= rust tcl
TCLS ?= 8.6 9.0
TESTFLAGS ?=
SOAKFLAGS ?=
PROPTEST_CASES ?= 2000000
BENCHFLAGS ?=
# Looked for when a recipe needs it; where there is none at all one is fetched.
TCLSH ?= $(shell tools/find-tclsh any)
CARGO ?= cargo
PREFIX ?= /usr/local
DESTDIR ?=
mandir ?= $(PREFIX)/share/man
MAN ?= build/man

ifneq ($(filter Windows% MINGW% MSYS% CYGWIN%,$(OS) $(shell uname -s)),)
LIBRARY := nats.dll
else ifeq ($(shell uname -s),Darwin)
LIBRARY := libnats.dylib
else
LIBRARY := libnats.so
endif

TARGET := $(or $(CARGO_TARGET_DIR),target)
PACKAGE := build/nats$(VERSION)
LIBDIR := $(PREFIX)/lib
INSTALLED := $(DESTDIR)$(LIBDIR)/nats$(VERSION)
# A Tcl list, so that a path may have spaces; and how a person has to type it.
TCLLIBPATH_HERE := {$(CURDIR)/build}
TCLLIBPATH_TYPED := $(if $(filter-out 1,$(words $(CURDIR))),'$(TCLLIBPATH_HERE)',$(CURDIR)/build)

.PHONY: all demo browse test soak fuzz loom valgrind audit bench bench-check screenshots man hints dist dist-check install \
    uninstall clean

# Cargo knows what is out of date. Files are moved into place: a process that has the old library loaded keeps it.
all:
	@test -n "$(VERSION)" || { echo "no version in Cargo.toml" >&2; exit 1; }
	$(CARGO) build --release
	@mkdir -p $(PACKAGE)
	@cp $(TARGET)/release/$(LIBRARY) $(PACKAGE)/.$(LIBRARY).$$$$ && mv -f $(PACKAGE)/.$(LIBRARY).$$$$ $(PACKAGE)/$(LIBRARY)
	@cp tcl/server.tcl $(PACKAGE)/.server.tcl.$$$$ && mv -f $(PACKAGE)/.server.tcl.$$$$ $(PACKAGE)/server.tcl
	@rm -rf $(PACKAGE)/.browser.$$$$ && cp -R tcl/browser $(PACKAGE)/.browser.$$$$ && rm -rf $(PACKAGE)/browser && \
	    mv -f $(PACKAGE)/.browser.$$$$ $(PACKAGE)/browser
	@sed -e 's/@VERSION@/$(VERSION)/g' -e 's/@LIBRARY@/$(LIBRARY)/g' pkgIndex.tcl.in >$(PACKAGE)/.pkgIndex.tcl.$$$$ && \
	    mv -f $(PACKAGE)/.pkgIndex.tcl.$$$$ $(PACKAGE)/pkgIndex.tcl
	@tclsh=$$(tools/find-tclsh own) || tclsh=tclsh; echo "$(PACKAGE) is ready: TCLLIBPATH=$(TCLLIBPATH_TYPED) $$tclsh"

demo: all
	@server="$${NATS_SERVER:-$$(tools/nats-server)}" && test -n "$$server" && \
	    TCLLIBPATH='$(TCLLIBPATH_HERE)' NATS_SERVER="$$server" "$(TCLSH)" examples/kv.tcl </dev/null

# With a Tcl that has Tk.
browse: all
	@server="$${NATS_SERVER:-$$(tools/nats-server)}" && test -n "$$server" && tclsh="$$(tools/find-tclsh 9.0)" && \
	    TCLLIBPATH='$(TCLLIBPATH_HERE)' NATS_SERVER="$$server" "$$tclsh" tools/browse

test: all
	@TCLLIBPATH='$(TCLLIBPATH_HERE)' NATS_VERSION='$(NATS_VERSION)' SUITES='$(SUITES)' TCLS='$(TCLS)' \
	    TESTFLAGS='$(TESTFLAGS)' CARGO='$(CARGO)' tools/run-tests </dev/null

soak: all
	@TCLLIBPATH='$(TCLLIBPATH_HERE)' NATS_VERSION='$(NATS_VERSION)' TCLS='$(TCLS)' SOAKFLAGS='$(SOAKFLAGS)' \
	    tools/run-soak </dev/null

# Optimized, but with the checks of a debug build: overflow, debug_assert.
fuzz:
	PROPTEST_CASES=$(PROPTEST_CASES) CARGO_PROFILE_TEST_OPT_LEVEL=2 $(CARGO) test --workspace --lib --target-dir $(TARGET)/fuzz fuzz_

loom:
	RUSTFLAGS='--cfg loom' LOOM_MAX_PREEMPTIONS=3 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
	    $(CARGO) test --release -p tcl --lib --target-dir $(TARGET)/loom mailbox

# With symbols, so that reports have names.
valgrind:
	CARGO_PROFILE_RELEASE_STRIP=none CARGO_PROFILE_RELEASE_DEBUG=1 CARGO_PROFILE_RELEASE_LTO=off \
	    $(CARGO) build --release --no-default-features --target-dir $(TARGET)/valgrind
	@mkdir -p build/valgrind/nats
	@cp $(TARGET)/valgrind/release/$(LIBRARY) tcl/server.tcl build/valgrind/nats/
	@sed -e 's/@VERSION@/$(VERSION)/g' -e 's/@LIBRARY@/$(LIBRARY)/g' pkgIndex.tcl.in >build/valgrind/nats/pkgIndex.tcl
	@TCLLIBPATH='{$(CURDIR)/build/valgrind}' TCLS='$(TCLS)' tools/run-valgrind

audit:
	@CARGO='$(CARGO)' tools/audit

bench: all
	@server="$$(NATS_VERSION='$(NATS_VERSION)' tools/nats-server)" && \
	    TCLLIBPATH='$(TCLLIBPATH_HERE)' NATS_SERVER="$$server" "$(TCLSH)" bench/all.tcl $(BENCHFLAGS) </dev/null

bench-check: all
	@test -n "$(BASE)" || { echo "usage: make bench-check BASE=<commit>" >&2; exit 2; }
	@server="$$(NATS_VERSION='$(NATS_VERSION)' tools/nats-server)" && NATS_SERVER="$$server" CARGO='$(CARGO)' \
	    TCLLIBPATH='$(TCLLIBPATH_HERE)' TCLSH='$(TCLSH)' tools/bench-check '$(BASE)' $(BENCHFLAGS)

screenshots: all
	@server="$${NATS_SERVER:-$$(tools/nats-server)}" && test -n "$$server" && tclsh="$$(tools/find-tclsh 9.0)" && \
	    TCLLIBPATH='$(TCLLIBPATH_HERE)' NATS_SERVER="$$server" PATH="$$PATH:$(CURDIR)/build/debian/usr/bin" "$$tclsh" tools/screenshots

man:
	@rm -rf "$(MAN)" && "$(TCLSH)" tools/manual "$(MAN)"

hints: all
	@TCLLIBPATH='$(TCLLIBPATH_HERE)' "$(TCLSH)" tools/hints hints

dist:
	@CARGO='$(CARGO)' tools/dist </dev/null

dist-check:
	@CARGO='$(CARGO)' NATS_VERSION='$(NATS_VERSION)' TCLS='$(TCLS)' tools/dist-check </dev/null

install: all
	mkdir -p "$(INSTALLED)"
	cp $(PACKAGE)/server.tcl $(PACKAGE)/pkgIndex.tcl "$(INSTALLED)/"
	cp $(PACKAGE)/$(LIBRARY) "$(INSTALLED)/.$(LIBRARY)" && mv -f "$(INSTALLED)/.$(LIBRARY)" "$(INSTALLED)/$(LIBRARY)"
	chmod 755 "$(INSTALLED)/$(LIBRARY)"
	rm -rf "$(INSTALLED)/browser" && cp -R $(PACKAGE)/browser "$(INSTALLED)/browser"
	mkdir -p "$(DESTDIR)$(PREFIX)/bin"
	cp bin/nats-browser "$(DESTDIR)$(PREFIX)/bin/nats-browser" && chmod 755 "$(DESTDIR)$(PREFIX)/bin/nats-browser"
	for file in README.md LICENSE CHANGELOG.md SECURITY.md doc examples hints; do \
	    if test -e $$file; then cp -R $$file "$(INSTALLED)/"; fi; done
	@if test -n "$(TCLSH)"; then $(MAKE) --no-print-directory install-man; else \
	    echo "no manual pages: a tclsh makes them" >&2; fi
	@DESTDIR='$(DESTDIR)' TCLSH='$(TCLSH)' tools/link-installed '$(LIBDIR)' 'nats$(VERSION)'

.PHONY: install-man
install-man: man
	mkdir -p "$(DESTDIR)$(mandir)/man1" "$(DESTDIR)$(mandir)/mann"
	cp "$(MAN)"/*.1 "$(DESTDIR)$(mandir)/man1/"
	cp "$(MAN)"/*.n "$(DESTDIR)$(mandir)/mann/"

# The names of the pages are those of the tree's.
uninstall:
	rm -rf "$(INSTALLED)" "$(DESTDIR)$(LIBDIR)/tcltk/nats$(VERSION)"
	rm -f "$(DESTDIR)$(PREFIX)/bin/nats-browser"
	@if test -n "$(TCLSH)"; then $(MAKE) --no-print-directory man && cd "$(MAN)" && for page in *; do \
	    rm -f "$(DESTDIR)$(mandir)/man$${page##*.}/$$page"; done; fi

clean:
	rm -rf build
	$(CARGO) clean
