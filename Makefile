# Postern: make, make install, make check, make lint. Variables: SAN=1 builds with ASan and UBSan, WERROR=1 makes
# warnings errors, CC=clang, BUILD=DIR keeps builds apart.

prefix      = /usr/local
sysconfdir  = /etc
libexecdir  = $(prefix)/libexec
sbindir     = $(prefix)/sbin
mandir      = $(prefix)/share/man
docdir      = $(prefix)/share/doc/postern
unitdir     = $(prefix)/lib/systemd/system
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
sysctldir   = $(prefix)/lib/sysctl.d
pamdir      = $(sysconfdir)/pam.d

CC      = gcc
AR      = ar
INSTALL = install
BUILD   = build$(if $(SAN),-san)

WARN   = -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
         -Wimplicit-fallthrough $(if $(CI)$(WERROR),-Werror)
HARDEN = -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection \
         $(if $(filter x86_64 i%86,$(shell uname -m)),-fcf-protection)
SANFL  = -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS = -g $(if $(SAN),$(SANFL),$(HARDEN))
ALL_CFLAGS  = -std=gnu17 -D_GNU_SOURCE $(WARN) -Ilibmail -I. -I$(BUILD)/gen \
              -DSYSCONFDIR='"$(sysconfdir)"' -DLIBEXECDIR='"$(libexecdir)/postern"' $(CFLAGS)
ALL_LDFLAGS = $(if $(SAN),$(SANFL),-Wl,-z,relro,-z,now) -Wl,--as-needed $(LDFLAGS)

# What every program links. What costs at exec is linked to the module of that name alone.
LIBS         = -lconfuse -lunistring -lz -lzstd -lbz2 -llz4 -lxxhash -ldl
LIBS_tls     = -lgnutls
LIBS_certificate = -lgnutls
LIBS_pam     = -lpam
LIBS_crypt   = -lcrypt -lnettle

OBJ      = $(BUILD)/obj
DAEMONS  = imapd pop3d lmtpd
PROGRAMS = $(DAEMONS) mailadm
ROOMS   := $(foreach p,$(PROGRAMS),$(if $(wildcard $(p)/main.c),$(p)))
MODULE_C = $(wildcard libmail/*/module/*.c)
FILTERS  = libmail/serve/filters/filters.c
MODULES  = $(patsubst %.c,$(BUILD)/%.so,$(notdir $(MODULE_C)))
LIB_OBJ  = $(patsubst %.c,$(OBJ)/%.o,$(filter-out $(MODULE_C) $(FILTERS),$(wildcard libmail/*/*.c libmail/*/*/*.c)))
ARCHIVES = $(PROGRAMS:%=$(BUILD)/%.a) $(BUILD)/libmail.a
UNIT     = $(patsubst tests/unit/%.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))
FUZZERS  = $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
HELPERS  = $(patsubst %.c,$(BUILD)/%,$(notdir $(wildcard tests/corpus/*.c tests/bench/*.c tests/crash/*.c)))

all: $(ROOMS:%=$(BUILD)/%) $(MODULES)

define program
$(BUILD)/$(1).a: $(patsubst %.c,$(OBJ)/%.o,$(filter-out $(1)/main.c,$(wildcard $(1)/*.c)))
	rm -f $$@; $(AR) rcs $$@ $$^
$(BUILD)/$(1): $(OBJ)/$(1)/main.o $(BUILD)/$(1).a $(BUILD)/libmail.a $(BUILD)/needs
	@test ! -d $$@ || rm -r $$@ # objects of an older layout
	$(CC) $(ALL_LDFLAGS) -pie -rdynamic @$(BUILD)/needs -o $$@ $$(filter %.o %.a,$$^) $(LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

$(BUILD)/libmail.a: $(LIB_OBJ)
	rm -f $@; $(AR) rcs $@ $^

# Modules are shared objects beside the programs, which find them by /proc/self/exe. They carry nothing of libmail: they use
# the copy in the program (one log, one state), which links in, by this list, every libmail symbol that any module lacks.
$(BUILD)/needs: $(MODULE_C:%.c=$(OBJ)/%.o) $(BUILD)/libmail.a
	nm -P -g $(BUILD)/libmail.a | awk '$$2 ~ /[BDRT]/ { print $$1 }' | sort -u >$@.has
	nm -P -u /dev/null $(filter %.o,$^) 2>/dev/null | awk '$$2 == "U" { print $$1 }' | sort -u | \
		comm -12 - $@.has | sed 's/^/-Wl,-u,/' >$@

define module
$(BUILD)/$(notdir $(1)).so: $(OBJ)/$(1).o
	$(CC) $(ALL_LDFLAGS) -shared -o $$@ $$< $$(LIBS_$(notdir $(1)))
$(OBJ)/$(1).o: PIC = -fPIC
endef
$(foreach m,$(MODULE_C:.c=),$(eval $(call module,$(m))))

# Modules tell builds apart by this.
$(BUILD)/gen/module_build.h: $(wildcard libmail/*/*.h)
	@mkdir -p $(@D); echo "#define MODULE_BUILD \"postern-build-$$(cat $^ | cksum | cut -d' ' -f1)\"" >$@
$(OBJ)/libmail/auth/module.o $(MODULE_C:%.c=$(OBJ)/%.o): $(BUILD)/gen/module_build.h

# The system-call filters are compiled here, not where they are installed.
$(BUILD)/filters: $(FILTERS:%.c=$(OBJ)/%.o)
	$(CC) $(ALL_LDFLAGS) -o $@ $< -lseccomp
$(BUILD)/gen/filters.h: $(BUILD)/filters
	@mkdir -p $(@D); $< >$@.new && mv $@.new $@
$(OBJ)/libmail/serve/sandbox.o: $(BUILD)/gen/filters.h

$(OBJ)/%.o: %.c $(BUILD)/flags | $(BUILD)/libraries
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(or $(PIC),-fPIE) -MMD -MP -c -o $@ $<

# make build/imapd/imap.o compiles one file.
$(BUILD)/%.o: $(OBJ)/%.o ;

# Each test, fuzz target and helper is a program with everything but the mains, beside the modules.
link = $(CC) $(ALL_LDFLAGS) -pie -rdynamic @$(BUILD)/needs -o $@ $(filter %.o,$^) \
       -Wl,--start-group $(filter %.a,$^) -Wl,--end-group
$(UNIT): $(BUILD)/%: $(OBJ)/tests/unit/%.o $(ARCHIVES) $(BUILD)/needs | $(MODULES)
	$(link) $(LIBS) -lcmocka
$(FUZZERS): $(BUILD)/%: $(OBJ)/tests/fuzz/%.o $(if $(FUZZER),,$(OBJ)/tests/fuzz/driver.o) $(ARCHIVES) $(BUILD)/needs
	$(link) $(LIBS) $(if $(FUZZER),-fsanitize=fuzzer)
$(HELPERS): $(BUILD)/%: $(ARCHIVES) $(BUILD)/needs | $(MODULES)
	$(link) $(LIBS)
$(foreach f,$(wildcard tests/corpus/*.c tests/bench/*.c tests/crash/*.c),\
	$(eval $(BUILD)/$(basename $(notdir $(f))): $(OBJ)/$(f:.c=.o)))

# Rebuilds all objects when the compiler or its options change.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D); echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' >$@
$(BUILD)/libraries: tests/libraries
	@mkdir -p $(@D); tests/libraries '$(CC)' && touch $@

unit: $(UNIT)
	@tests/unit/run $(UNIT)
fuzz: $(FUZZERS)
	@tests/fuzz/replay $(FUZZERS)
helpers: $(HELPERS)
# make fuzz-run FUZZ=name SECONDS=60: libFuzzer on one target; what it finds lies in build-fuzz/.
SECONDS = 60
fuzz-run:
	$(MAKE) CC=clang SAN=1 FUZZER=1 BUILD=$(BUILD)-fuzz LDFLAGS=-fsanitize=fuzzer-no-link \
		CFLAGS='-g $(SANFL) -fsanitize=fuzzer-no-link' $(BUILD)-fuzz/fuzz_$(FUZZ)
	mkdir -p $(BUILD)-fuzz/corpus/$(FUZZ)
	$(BUILD)-fuzz/fuzz_$(FUZZ) -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix=$(BUILD)-fuzz/$(FUZZ)- $(BUILD)-fuzz/corpus/$(FUZZ) $(wildcard tests/fuzz/corpus/$(FUZZ))
check:
	tests/check
lint:
	tests/lint $(BUILD)

to      = $(INSTALL) -d $(DESTDIR)$(1) && $(INSTALL) -m $(2) $(3) $(DESTDIR)$(1)/
# The places that a file of units/ names, as they are here.
PLACES  = sed -e 's|@libexecdir@|$(libexecdir)|g' -e 's|@sbindir@|$(sbindir)|g' -e 's|@sysconfdir@|$(sysconfdir)|g'
SAMPLES = systemd=$(unitdir) sysusers.d=$(sysusersdir) tmpfiles.d=$(tmpfilesdir) sysctl.d=$(sysctldir) \
          pam.d=$(pamdir) examples=$(docdir)/examples
install: all
	$(call to,$(libexecdir)/postern,755,$(filter $(DAEMONS:%=$(BUILD)/%),$(ROOMS:%=$(BUILD)/%)))
	$(if $(MODULES),$(call to,$(libexecdir)/postern,644,$(MODULES)))
	$(if $(filter mailadm,$(ROOMS)),$(call to,$(sbindir),755,$(BUILD)/mailadm))
	for page in $(wildcard */*.[58] libmail/*/*.[58]); do \
		section=$${page##*.}; $(call to,$(mandir)/man$$section,644,$$page) || exit; done
	for pair in $(SAMPLES); do to=$(DESTDIR)$${pair#*=}; $(INSTALL) -d $$to && \
		for file in units/$${pair%%=*}/*; do test -f $$file || continue; \
			$(PLACES) $$file >$$to/$${file##*/} && chmod 644 $$to/$${file##*/} || exit; done || exit; done

clean:
	rm -rf $(BUILD)

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
.SECONDARY:
.PHONY: all unit fuzz fuzz-run helpers check lint install clean FORCE
