# Postern: make, make install, make check, make lint; make SAN=1 builds with ASan and UBSan.

prefix      = /usr/local
sysconfdir  = /etc
libexecdir  = $(prefix)/libexec
sbindir     = $(prefix)/sbin
mandir      = $(prefix)/share/man
unitdir     = $(prefix)/lib/systemd/system

CC     = gcc
AR     = ar
BUILD  = build$(if $(SAN),-san)

WARN   = -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
         -Wimplicit-fallthrough $(if $(CI)$(WERROR),-Werror)
HARDEN = -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection
SANFL  = -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS = -g $(if $(SAN),$(SANFL),$(HARDEN))
ALL_CFLAGS  = -std=gnu17 -D_GNU_SOURCE -fPIE $(WARN) -Ilibmail -I. -I$(BUILD)/gen \
              -DSYSCONFDIR='"$(sysconfdir)"' -DLIBEXECDIR='"$(libexecdir)/postern"' $(CFLAGS)
ALL_LDFLAGS = -pie $(if $(SAN),$(SANFL),-Wl,-z,relro,-z,now) -Wl,--as-needed $(LDFLAGS)
# What every program links; what costs at exec is in modules (see libmail/*/module/).
LIBS   = -lconfuse -lunistring -lz -lzstd -lbz2 -llz4 -lxxhash -ldl

PROGRAMS = imapd pop3d lmtpd mailadm
MODULES  = $(patsubst %.c,$(BUILD)/%.so,$(notdir $(wildcard libmail/*/module/*.c)))
LIB_OBJ  = $(patsubst %.c,$(BUILD)/%.o,$(wildcard libmail/*/*.c libmail/*/*/*.c))
LIB_OBJ := $(filter-out $(BUILD)/libmail/auth/module/%.o $(BUILD)/libmail/serve/module/%.o,$(LIB_OBJ))

all: $(PROGRAMS:%=$(BUILD)/%) $(MODULES)

define program
$(BUILD)/$(1).a: $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(1)/main.c,$(wildcard $(1)/*.c)))
	rm -f $$@; $(AR) rcs $$@ $$^
$(BUILD)/$(1): $(BUILD)/$(1)/main.o $(BUILD)/$(1).a $(BUILD)/libmail.a
	$(CC) $(ALL_LDFLAGS) -rdynamic -o $$@ $$^ $(LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

$(BUILD)/libmail.a: $(LIB_OBJ)
	rm -f $@; $(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

clean:
	rm -rf $(BUILD)

.PHONY: all clean install check lint
