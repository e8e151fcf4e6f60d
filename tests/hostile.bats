#!/usr/bin/env bats
# Hostile and broken input is bounded, answered and logged; other users notice nothing.

load lib

setup_file() {
    demo_start --users 3 -o login_timeout=5
}

teardown_file() {
    demo_stop
}

# Resident memory in kB of the biggest process of ours.
biggest() {
    ps -eo rss=,args= | awk -v bin="$POSTERN_BIN/" 'index($0, bin) { if ($1 > max) max = $1 } END { print max + 0 }'
}

@test "an endless line is refused before and after login, and memory stays small" {
    run python3 - "$IMAP" "$POP3" "$LMTP" <<'PY'
import socket, sys
for target, hello in ((sys.argv[1], b""), (sys.argv[1], b"a LOGIN user1 postern\r\n"), (sys.argv[2], b""), (sys.argv[3], b"")):
    host, port = target.split(":")
    s = socket.create_connection((host, int(port)))
    s.settimeout(10)
    s.recv(4096)
    if hello:
        s.sendall(hello)
        while b"a OK" not in s.recv(65536): pass
    sent = 0
    try:
        while sent < 64 << 20:
            s.sendall(b"x" * 65536)
            sent += 65536
        s.sendall(b"\r\n")
        data = s.recv(65536)
        assert b"BAD" in data or b"-ERR" in data or b"50" in data or data == b"", data
    except (BrokenPipeError, ConnectionResetError):
        pass
PY
    assert_success
    [ "$(biggest)" -lt 32768 ]
}

@test "a literal of a gigabyte is announced and never sent: it costs nothing" {
    run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user1 postern
S~ a OK *
C: b APPEND INBOX {1073741824}
S: + *
X!
DIALOGUE
    assert_success
    run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN {1073741824}
S: a *
DIALOGUE
    assert_success
    [ "$(biggest)" -lt 32768 ]
    run find "$(maildir user1)/tmp" -type f
    assert_output ''
}

@test "parentheses nested without end get BAD, and the session goes on" {
    local open
    open=$(printf '(%.0s' $(seq 5000))
    OPEN=$open run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user1 postern
S~ a OK *
C: b SELECT INBOX
S~ b OK *
C: c SEARCH $OPEN
S: c BAD *
C: d FETCH 1 $OPEN
S: d BAD *
C: e NOOP
S: e OK *
DIALOGUE
    assert_success
}

@test "NUL octets and 8-bit garbage are answered" {
    run imap <<'DIALOGUE'
S: \* OK *
C: a\0b NOOP
S: *BAD*
C: \xff\xfe\xfd
S: *BAD*
C: a LOGIN user1 postern
S~ a OK *
C: b SELECT "IN\0BOX"
S: b *
C: c NOOP
S: c OK *
DIALOGUE
    assert_success
}

@test "a thousand half-open connections hang about, and a user logs in meanwhile; then they are gone" {
    python3 - "$IMAP" "$POP3" "$LMTP" <<'PY' &
import socket, sys, time
held = []
for i in range(1000):
    host, port = sys.argv[1 + i % 3].split(":")
    s = socket.create_connection((host, int(port)))
    if i % 2: s.sendall(b"a LOG")
    held.append(s)
print("held", flush=True)
time.sleep(4)
PY
    local holder=$!
    sleep 2
    run curl -sS -m 20 -u user1:postern "imap://$IMAP/INBOX;MAILINDEX=1"
    assert_success
    wait $holder
    few() {
        [ "$(pgrep -fc "^$POSTERN_BIN/(imapd|pop3d|lmtpd)")" -lt 30 ]
    }
    wait_until 15 few
}

@test "STARTTLS with commands stuffed in behind it is an injection and ends the connection" {
    run imap <<'DIALOGUE'
S: \* OK *
C: a STARTTLS\r\nb LOGIN user1 postern
S: a OK *
E:
DIALOGUE
    assert_success
    run pop3 <<'DIALOGUE'
S: +OK *
C: STLS\r\nUSER user1
S: +OK *
E:
DIALOGUE
    assert_success
}

@test "where plaintext passwords are never taken, LOGIN is disabled and says why" {
    DIR=$BATS_TEST_TMPDIR/strict
    demo_start --users 1 -o plaintext=never
    run "$TESTS/dialogue" "$IMAP" <<'DIALOGUE'
S: \* OK \[CAPABILITY *STARTTLS*LOGINDISABLED*
C: a LOGIN user1 postern
S: a NO \[PRIVACYREQUIRED\] *
C: b STARTTLS
S: b OK *
T:
C: c LOGIN user1 postern
S~ c OK *
DIALOGUE
    assert_success
    run "$TESTS/dialogue" "$POP3" <<'DIALOGUE'
S: +OK *
C: USER user1
S: -ERR *
DIALOGUE
    assert_success
    demo_stop
}

@test "names in the Maildir that lie about sizes never desynchronise the protocol" {
    local md
    md=$(maildir user2)
    postern_names() {
        local f i=0
        for f in "$md"/new/* "$md"/cur/*; do
            [ -f "$f" ] || continue
            i=$((i + 1))
            mv "$f" "$md/cur/17000000$i.M1P1.host,S=$((i * 7)),W=$((i * 1000)):2,"
        done
    }
    postern_names
    run python3 - "$IMAP" <<'PY'
import imaplib, sys
host, port = sys.argv[1].split(":")
m = imaplib.IMAP4(host, int(port))
m.login("user2", "postern")
assert m.select()[1] == [b"8"]
for i in range(1, 9):
    typ, data = m.fetch(str(i), "(RFC822.SIZE BODY.PEEK[])")
    assert typ == "OK" and b"Subject:" in data[0][1], data
    typ, again = m.fetch(str(i), "(RFC822.SIZE)")
    assert int(again[0].split()[-1].strip(b")")) == len(data[0][1]), (again, len(data[0][1]))
m.logout()
PY
    assert_success
    run python3 - "$POP3" <<'PY'
import poplib, sys
host, port = sys.argv[1].split(":")
p = poplib.POP3(host, int(port))
p.user("user2"); p.pass_("postern")
for line in p.list()[1]:
    n, size = map(int, line.split())
    assert len(b"\r\n".join(p.retr(n)[1])) + 2 == size, (n, size)
p.quit()
PY
    assert_success
}

@test "broken names, FIFOs, directories and unreadable files in a Maildir: the rest is served and the log says so" {
    local md
    md=$(maildir user3)
    mkfifo "$md/new/1700000001.fifo.host"
    mkdir "$md/cur/1700000002.dir.host:2,S"
    : >"$md/cur/1700000003.empty.host:2,"
    printf 'Subject: odd flags\n\nx\n' >"$md/cur/1700000004.odd.host:2,ZZZ!?SSF"
    printf 'Subject: no colon\n\nx\n' >"$md/cur/1700000005.nocolon.host"
    printf 'Subject: weird name\n\nx\n' >"$md/new/$(printf 'caf\351 \303\244')"
    printf 'Subject: secret\n\nx\n' >"$md/cur/1700000006.unreadable.host:2,"
    ln -s /etc/shadow "$md/cur/1700000007.link.host:2,"
    if [ "$(id -u)" = 0 ]; then
        chown -R -h 5000:5000 "$md"
        chown root "$md/cur/1700000006.unreadable.host:2,"
    fi
    chmod 000 "$md/cur/1700000006.unreadable.host:2,"
    run timeout 20 python3 - "$IMAP" <<'PY'
import imaplib, sys
host, port = sys.argv[1].split(":")
m = imaplib.IMAP4(host, int(port))
m.login("user3", "postern")
n = int(m.select()[1][0])
assert n >= 12, n
good = 0
for i in range(1, n + 1):
    typ, data = m.fetch(str(i), "(UID BODY.PEEK[])")
    if typ == "OK" and data and isinstance(data[0], tuple):
        good += 1
        assert b"root:" not in data[0][1]
assert good >= 11, good # the empty one is no literal
assert m.noop()[0] == "OK"
m.logout()
PY
    assert_success
    run logs
    assert_output --partial '1700000006.unreadable'
}

@test "an unreadable folder: it is refused with a reason in the log, the others are served" {
    imap <<'DIALOGUE'
S: * OK *
C: a LOGIN user1 postern
S~ a OK *
C: b CREATE Shut
S: b OK *
DIALOGUE
    local md
    md=$(maildir user1)
    if [ "$(id -u)" = 0 ]; then chown root "$md/.Shut"; fi
    chmod 000 "$md/.Shut"
    run imap <<'DIALOGUE'
S: * OK *
C: a LOGIN user1 postern
S~ a OK *
C: b SELECT Shut
S~ b NO *
C: c STATUS Shut (MESSAGES)
S~ c NO *
C: d COPY 1 Shut
S~ d *
C: e SELECT INBOX
S~ e OK *
C: f COPY 1 Shut
S~ f NO *
C: g LIST "" "*"
S~ g OK *
C: h FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]
S~ h OK *
DIALOGUE
    chmod 700 "$md/.Shut"
    assert_success
    run logs
    assert_output --regexp 'Shut.*Permission denied'
}

@test "a file where the Maildir should be: each protocol says whose trouble it is, and the log what to do" {
    local home
    home=$DIR/mail/user1
    mv "$home/Maildir" "$home/aside"
    : >"$home/Maildir"
    run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user1 postern
S: a NO \[UNAVAILABLE\] Your mail cannot be opened
S: \* BYE \[CORRUPTION\] *
E:
DIALOGUE
    assert_success
    run pop3 <<'DIALOGUE'
S: +OK *
C: USER user1
S: +OK *
C: PASS postern
S: -ERR \[SYS/PERM\] *
E:
DIALOGUE
    assert_success
    run lmtp <<'DIALOGUE'
S: 220 *
C: LHLO x
S~ 250 *
C: MAIL FROM:<a@b>
S: 250 *
C: RCPT TO:<user1>
S: 250 *
C: DATA
S: 354 *
C: Subject: x\r\n\r\nx\r\n.
S: 451 4.2.0 *
C: QUIT
S: 221 *
DIALOGUE
    assert_success
    rm "$home/Maildir"
    mv "$home/aside" "$home/Maildir"
    local program
    for program in imapd pop3d lmtpd; do
        grep -h "$program\[.*error: .*: $home/Maildir cannot be made (.*): move away what is there and is no directory" "$DIR"/*.log
    done
    imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user1 postern
S: a OK *
C: b SELECT INBOX
S~ b OK *
DIALOGUE
}
