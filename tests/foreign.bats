#!/usr/bin/env bats
# Other programs work on the same Maildir: Dovecot, mutt, and one that renames a thousand times a second.

load lib

setup_file() {
    demo_start --users 4
}

teardown() {
    [ -z "${session:-}" ] || tmux -L "$session" kill-server 2>/dev/null || true
}

teardown_file() {
    demo_stop
}

# dovecot USER COMMAND...: IMAP commands to Dovecot's imap on the user's Maildir, run as the mail's owner; prints its answers.
dovecot() {
    local user=$1 home=$DIR/dovecot
    shift
    mkdir -p "$home/run"
    cat >"$home/dovecot.conf" <<CONF
base_dir = $home/run
state_dir = $home/run
log_path = $home/$user.log
info_log_path = $home/$user.log
mail_location = maildir:$(maildir "$user")
ssl = no
first_valid_uid = 1
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
namespace inbox {
  inbox = yes
  separator = /
}
CONF
    chmod -R a+rwX "$home"
    { printf '%s\r\n' "$@"; printf 'z LOGOUT\r\n'; } |
        as_owner env USER="$user" HOME="$DIR/mail/$user" /usr/lib/dovecot/imap -c "$home/dovecot.conf" 2>>"$home/$user.log"
}

as_owner() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=5000 --regid=5000 --clear-groups "$@"
    else
        "$@"
    fi
}

# postern USER COMMAND...: the same to our server.
postern() {
    local user=$1
    shift
    { printf 'l LOGIN %s postern\r\n' "$user"; printf '%s\r\n' "$@"; printf 'z LOGOUT\r\n'; } | socat -t 20 - "TCP:$IMAP"
}

# What a client remembers of a mailbox: UIDVALIDITY, UIDs, flags (sorted), without \Recent, and their dates.
memory() { # dovecot|postern USER [MAILBOX]
    "$1" "$2" "a EXAMINE ${3:-INBOX}" 'b FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)' | tr -d '\r' | python3 -c '
import re, sys
for line in sys.stdin:
    m = re.search(r"UIDVALIDITY (\d+)|UIDNEXT (\d+)", line)
    if m: print(m[0])
    m = re.match(r"\* (\d+) FETCH \((.*)\)$", line)
    if m:
        flags = sorted(f for f in re.search(r"FLAGS \((.*?)\)", m[2])[1].split() if f != "\\Recent")
        print(m[1], re.search(r"UID (\d+)", m[2])[1], " ".join(flags), re.search(r"INTERNALDATE (\".*?\")", m[2])[1], re.search(r"RFC822.SIZE (\d+)", m[2])[1])'
}

# The same moment may be written in different zones: compare the rest octet for octet.
same_memory() {
    diff <(memory dovecot "$@" | sed 's/"[^"]*"//') <(memory postern "$@" | sed 's/"[^"]*"//')
}

@test "Dovecot opens what Postern made, with the same UIDs, sizes and flags" {
    postern user1 'a SELECT INBOX' 'b STORE 1:3 +FLAGS (\Seen $Forwarded)' 'c STORE 2 +FLAGS (\Answered NonJunk)' >/dev/null
    run same_memory user1
    assert_success
    assert [ "$(memory postern user1 | wc -l)" = 10 ]
    run cat "$DIR/dovecot/user1.log"
    refute_output --partial 'Error'
    refute_output --partial 'Warning'
}

@test "Postern opens what Dovecot changed: flags, keywords, new messages, expunges, copies, folders" {
    dovecot user1 'a SELECT INBOX' 'b STORE 4 +FLAGS (\Flagged $Label1 NewWord)' 'c STORE 8 +FLAGS (\Deleted)' 'd EXPUNGE' \
        'e CREATE Work' 'f COPY 1:4 Work' 'g STORE 1 -FLAGS (\Seen)' 'h SUBSCRIBE Work' >/dev/null
    run same_memory user1
    assert_success
    run same_memory user1 Work
    assert_success
    assert [ "$(memory postern user1 Work | wc -l)" = 6 ]
    run postern user1 'a LSUB "" "*"'
    assert_line --regexp 'LSUB .* "?Work"?'
}

@test "in turn, again and again: both always agree" {
    local i
    for i in 1 2 3 4 5; do
        deliver user2 "letter $i"
        postern user2 'a SELECT INBOX' "b STORE $i +FLAGS (\\Seen P$i)" "c CREATE F$i" "d COPY 1:$i F$i" >/dev/null
        same_memory user2
        dovecot user2 'a SELECT INBOX' "b STORE $((i + 1)) +FLAGS (\\Flagged D$i)" "c STORE $i -FLAGS (P$i)" "d COPY $i F$i" >/dev/null
        same_memory user2
        same_memory user2 F$i
    done
    run cat "$DIR/dovecot/user2.log"
    refute_output --partial 'Error'
    refute_output --partial 'Warning'
}

@test "mutt changes flags in the Maildir and Postern sees them" {
    local md
    session=postern-$$-$RANDOM
    md=$(maildir user3)
    tmux -L "$session" -f /dev/null new-session -d -s "$session" -x 100 -y 30 \
        "TERM=screen mutt -n -F /dev/null -e 'set sort=mailbox-order delete=yes quit=yes mark_old=no mbox_type=Maildir folder=/tmp' -f $md" 3>&-
    screen_has() {
        tmux -L "$session" capture-pane -p -t "$session" | grep -q "$1"
    }
    wait_until 15 screen_has 'Welcome to Postern'
    tmux -L "$session" send-keys -t "$session" F
    sleep 0.3
    tmux -L "$session" send-keys -t "$session" 2 Enter
    tmux -L "$session" send-keys -t "$session" d
    sleep 0.3
    tmux -L "$session" send-keys -t "$session" q
    gone() {
        ! tmux -L "$session" has-session -t "$session" 2>/dev/null
    }
    wait_until 10 gone
    [ "$(id -u)" != 0 ] || chown -R 5000:5000 "$md"
    run postern user3 'a SELECT INBOX' 'b SEARCH FLAGGED' 'c FETCH 1:* (UID)'
    assert_line --partial '* 7 EXISTS'
    assert_line --regexp $'^\\* SEARCH [1-7]\r?$'
    run same_memory user3
    assert_success
}

@test "while another program renames a thousand files a second there is not one false EXPUNGE and no false message" {
    local md
    md=$(maildir user4)
    postern user4 'a SELECT INBOX' 'b COPY 1:8 INBOX' 'c COPY 1:16 INBOX' 'd COPY 1:32 INBOX' 'e COPY 1:64 INBOX' 'f COPY 1:128 INBOX' 'g COPY 1:256 INBOX' >/dev/null
    # S comes and goes on every file, for ten seconds.
    python3 - "$md/cur" <<'PY' &
import os, sys, time
os.chdir(sys.argv[1])
end = time.time() + 10
n = 0
while time.time() < end:
    for name in os.listdir("."):
        base, flags = name.split(":2,")
        try:
            os.rename(name, base + ":2," + (flags.replace("S", "") if "S" in flags else "S" + flags if flags < "S" else flags + "S"))
        except FileNotFoundError:
            pass
        n += 1
        if n % 10 == 0: time.sleep(0.008)
        if time.time() > end: break
PY
    local renamer=$!
    run python3 - "$IMAP" <<'PY'
import re, socket, sys, time
host, port = sys.argv[1].split(":")
s = socket.create_connection((host, int(port))); f = s.makefile("rb")
n = 0
def do(cmd):
    global n
    n += 1
    s.sendall(b"a%d %s\r\n" % (n, cmd.encode()))
    lines = []
    while True:
        line = f.readline()
        lines.append(line)
        if line.startswith(b"a%d " % n):
            assert b" OK" in line, line
            return lines
f.readline()
do("LOGIN user4 postern")
exists = int(re.search(rb"(\d+) EXISTS", b"".join(do("SELECT INBOX")))[1])
assert exists == 512, exists
end = time.time() + 9
rounds = 0
while time.time() < end:
    for cmd in ("NOOP", "FETCH 1:* FLAGS", "FETCH %d BODY.PEEK[]" % (rounds % 512 + 1), "STORE %d +FLAGS (\\Answered)" % (rounds % 512 + 1), "NOOP"):
        for line in do(cmd):
            assert b"EXPUNGE" not in line and b"EXISTS" not in line, (cmd, line)
    rounds += 1
uids = re.findall(rb"UID (\d+)", b"".join(do("FETCH 1:* UID")))
assert [int(u) for u in uids] == sorted(int(u) for u in uids) and len(uids) == 512
print("rounds", rounds)
assert rounds > 20
PY
    wait $renamer
    assert_success
    run postern user4 'a SELECT INBOX'
    assert_line --partial '* 512 EXISTS'
    assert_line --partial 'UIDNEXT 513'
}
