#!/usr/bin/env bats
# POP3, line by line: RFC 1939 and its extensions, before and after login, and what others do to the mailbox meanwhile.

load lib

setup_file() {
    demo_start --users 12 --no-mail -o auth_tries=10
}

teardown_file() {
    demo_stop
}

# Fills a user's INBOX with messages 1..N, of different sizes.
fill() { # USER N
    local i
    for i in $(seq "$2"); do
        deliver "$1" "number $i" "$(printf 'line %s\n' $(seq "$i"))"
    done
}

files() { # USER: message files
    find "$(maildir "$1")/new" "$(maildir "$1")/cur" -type f
}

@test "CAPA before and after login, with and without TLS" {
    run pop3 <<'DIALOGUE'
S: +OK Postern ready <*@*>
C: CAPA
S: +OK *
S* TOP
S* UIDL
S* RESP-CODES
S* AUTH-RESP-CODE
S* PIPELINING
S* USER
S* SASL *PLAIN*
S* STLS
S* UTF8
S* LANG
S* EXPIRE NEVER
S* IMPLEMENTATION Postern
S: .
C: STLS
S: +OK *
T:
C: STLS
S: -ERR *
C: CAPA
S: +OK *
S* TOP
S* UIDL
S* RESP-CODES
S* AUTH-RESP-CODE
S* PIPELINING
S* USER
S* SASL *PLAIN*
S* UTF8
S* LANG
S* EXPIRE NEVER
S* IMPLEMENTATION Postern
S: .
C: USER user1
S: +OK *
C: PASS postern
S: +OK *
C: CAPA
S: +OK *
S* TOP
S* UIDL
S* RESP-CODES
S* AUTH-RESP-CODE
S* PIPELINING
S* USER
S* SASL *PLAIN*
S* UTF8
S* LANG
S* EXPIRE NEVER
S* IMPLEMENTATION Postern
S: .
C: STLS
S: -ERR *
C: AUTH PLAIN
S: -ERR *
C: QUIT
S: +OK *
E:
DIALOGUE
    assert_success
}

@test "before login only what belongs there is answered" {
    run pop3 <<'DIALOGUE'
S: +OK *
C: STAT
S: -ERR Log in first
C: RETR 1
S: -ERR Log in first
C: PASS postern
S: -ERR *
C: USER
S: -ERR *
C: XTND XMIT
S: -ERR *
C: CAPA now
S: -ERR *
C: user user1
S: +OK *
C: PASS wrong
S: -ERR [AUTH] *
C: PASS postern
S: -ERR *
C: USER no such user
S: +OK *
C: PASS postern
S: -ERR [AUTH] *
C: QUIT
S: +OK *
E:
DIALOGUE
    assert_success
}

@test "a session: STAT, LIST, UIDL, RETR, TOP, DELE, RSET, NOOP, QUIT" {
    fill user2 3
    run pop3 <<'DIALOGUE'
S: +OK *
C: USER user2
S: +OK *
C: PASS postern
S: +OK *
C: USER user2
S: -ERR *
C: NOOP
S: +OK
C: LIST 4
S: -ERR *
C: LIST 0
S: -ERR *
C: LIST x
S: -ERR *
C: LIST 99999999999999999999
S: -ERR *
C: RETR
S: -ERR *
C: RETR 2
S: +OK * octets
S: Return-Path: <postmaster@localhost>
S: Delivered-To: user2
S~ Subject: number 2
S~ 
S: line 1
S: line 2
S: .
C: TOP 3 1
S: +OK *
S~ 
S: line 1
S: .
C: TOP 3 0
S: +OK *
S~ 
S: .
C: TOP 3
S: -ERR *
C: TOP 3 -1
S: -ERR *
C: DELE 2
S: +OK *
C: DELE 2
S: -ERR *
C: RETR 2
S: -ERR *
C: UIDL 2
S: -ERR *
C: LIST
S: +OK 2 messages *
S: 1 *
S: 3 *
S: .
C: UIDL
S: +OK *
S: 1 00000001*
S: 3 00000003*
S: .
C: RSET
S: +OK *3 messages*
C: DELE 1
S: +OK *
C: LAST
S: -ERR *
C: QUIT
S: +OK *1 messages deleted
E:
DIALOGUE
    assert_success
    assert_equal "$(files user2 | wc -l)" 2
    # What was retrieved is seen; what was only listed is not.
    run pop3 <<'DIALOGUE'
S: +OK *
C: USER user2\r\nPASS postern\r\nUIDL\r\nQUIT
S~ +OK Logged in, 2 messages
S: +OK *
S: 1 00000002*
S: 2 00000003*
S: .
S: +OK Goodbye
E:
DIALOGUE
    assert_success
    run files user2
    assert_line --regexp ':2,S$'
    refute_line --regexp 'S.*:2,S.*:2,S$'
}

@test "sizes are those of what is sent, and commands sent together are answered together" {
    fill user3 4
    run python3 - "$POP3" <<'PY'
import re, socket, sys, time
host, port = sys.argv[1].split(":")
s = socket.create_connection((host, int(port)))
s.settimeout(10)
f = s.makefile("rb")
f.readline()
s.sendall(b"USER user3\r\nPASS postern\r\n")
assert f.readline().startswith(b"+OK") and f.readline().startswith(b"+OK")
s.sendall(b"STAT\r\nLIST\r\n" + b"".join(b"RETR %d\r\n" % n for n in (1, 2, 3, 4)) + b"NOOP\r\n")
count, total = map(int, f.readline().split()[1:])
assert count == 4
f.readline()
sizes = [int(f.readline().split()[1]) for _ in range(4)]
assert f.readline() == b".\r\n"
assert sum(sizes) == total
for size in sizes:
    said = int(f.readline().split()[1])
    text = b""
    while (line := f.readline()) != b".\r\n":
        text += line[1:] if line.startswith(b".") else line
    assert said == size == len(text), (said, size, len(text))
assert f.readline() == b"+OK\r\n"
s.sendall(b"NOOP\r\nSTAT\r\nLIST 1\r\nUIDL\r\nDELE 1\r\nRSET\r\nQUIT\r\n")
time.sleep(0.5)
data = s.recv(65536)
assert data.count(b"\r\n") == 6 + 6 and data.endswith(b"Goodbye\r\n"), data
PY
    assert_success
}

@test "a message without a final line end, with dots and bare CRs, comes as it is" {
    local md
    deliver user4 seed
    md=$(maildir user4)
    rm -f "$md"/new/*
    printf '.Subject: x\n\n.\n..\na\rb\n.no end' >"$md/new/1700000000.odd.host"
    [ "$(id -u)" != 0 ] || chown 5000:5000 "$md/new/1700000000.odd.host"
    run python3 - "$POP3" <<'PY'
import socket, sys
host, port = sys.argv[1].split(":")
s = socket.create_connection((host, int(port)))
s.sendall(b"USER user4\r\nPASS postern\r\nRETR 1\r\nTOP 1 1\r\nQUIT\r\n")
data = b""
while piece := s.recv(65536): data += piece
lines = data.split(b"\r\n", 3)
want = b"+OK 34 octets\r\n..Subject: x\r\n\r\n..\r\n...\r\na\rb\r\n..no end\r\n.\r\n"
assert lines[3].startswith(want), lines[3]
rest = lines[3][len(want):]
assert rest.startswith(b"+OK Top of message follows\r\n..Subject: x\r\n\r\n..\r\n.\r\n+OK Goodbye"), rest
PY
    assert_success
}

@test "deletions are made at QUIT and at nothing else" {
    fill user5 3
    run pop3 <<'DIALOGUE'
S: +OK *
C: USER user5\r\nPASS postern\r\nDELE 1\r\nDELE 2
S~ +OK Message 2 deleted
X!
DIALOGUE
    assert_success
    wait_until 5 unlocked user5
    assert_equal "$(files user5 | wc -l)" 3
    run logs
    assert_line --regexp '2 of 3 messages marked as deleted stay.*user=user5'
    # QUIT without its line end is no QUIT.
    run pop3 <<'DIALOGUE'
S: +OK *
C: USER user5\r\nPASS postern\r\nDELE 1
S~ +OK Message 1 deleted
C: QUIT\
X:
DIALOGUE
    assert_success
    wait_until 5 unlocked user5
    assert_equal "$(files user5 | wc -l)" 3
}

unlocked() { # USER: a POP3 session can begin
    pop3 <<DIALOGUE
S: +OK *
C: USER $1\r\nPASS postern
S: +OK *
S: +OK *
C: QUIT
S: +OK *
DIALOGUE
}

@test "a second session is told that the mailbox is in use; a killed one leaves no lock" {
    fill user6 1
    run pop3 <<'DIALOGUE'
S: +OK *
C: USER user6\r\nPASS postern
S: +OK *
S: +OK *
S2: +OK *
C2: USER user6\r\nPASS postern
S2: +OK *
S2: -ERR [IN-USE] *
E2:
C: NOOP
S: +OK
C: QUIT
S: +OK *
S3: +OK *
C3: USER user6\r\nPASS postern
S3: +OK *
S3: +OK *
C3: QUIT
S3: +OK *
DIALOGUE
    assert_success
    exec 7<>"/dev/tcp/${POP3%:*}/${POP3##*:}"
    printf 'USER user6\r\nPASS postern\r\n' >&7
    local line
    while read -r -t 10 line <&7; do
        [[ $line == *'Logged in'* ]] && break
    done
    local listener
    listener=$(pgrep -o -f "^$POSTERN_BIN/pop3d -c $DIR/postern.conf")
    pkill -9 -P "$listener"
    exec 7>&- 7<&-
    wait_until 5 unlocked user6
}

@test "what others remove meanwhile is answered with -ERR, and the rest keeps its numbers" {
    fill user7 4
    local first
    first=$(files user7 | sort | head -n 1)
    coproc POP { exec 2>/dev/null; "$TESTS/dialogue" "$POP3" <<'DIALOGUE'
S: +OK *
C: USER user7\r\nPASS postern
S: +OK *
S: +OK *4 messages
C: STAT
S: +OK 4 *
W: 4
C: RETR 1
S: -ERR *no longer there
C: RETR 1
S: -ERR *no longer there
C: DELE 1
S: -ERR *no longer there
C: LIST
S: +OK 3 *
S: 2 *
S: 3 *
S: 4 *
S: .
C: RETR 2
S: +OK *
S~ Subject: number 2
S~ .
C: RETR 3
S: +OK *
S~ Subject: number 3
S~ .
C: DELE 4
S: +OK *
C: QUIT
S: +OK *
E:
DIALOGUE
    }
    local pid=$POP_PID
    wait_until 20 grep -q 'login: user=user7' "$DIR/pop3.log"
    sleep 1
    # Gone, and renamed as a client that sets a flag does it.
    rm "$(files user7 | xargs grep -l '^Subject: number 1$')"
    local third
    third=$(files user7 | xargs grep -l '^Subject: number 3$')
    mv "$third" "$(maildir user7)/cur/$(basename "${third%%:2,*}"):2,F"
    wait "$pid"
    assert_equal "$(files user7 | wc -l)" 2
}

@test "QUIT says so when a deleted message cannot be removed" {
    fill user8 2
    local md
    md=$(maildir user8)
    # All are in cur, and cur is made read-only behind the session's back.
    run pop3 <<'DIALOGUE'
S: +OK *
C: USER user8\r\nPASS postern\r\nRETR 1\r\nRETR 2\r\nQUIT
S~ +OK Goodbye
DIALOGUE
    assert_success
    [ -z "$(find "$md/new" -type f)" ]
    if [ "$(id -u)" = 0 ]; then chown root "$md/cur" "$md/new"; chmod 755 "$md/cur" "$md/new"; else chmod 555 "$md/cur" "$md/new"; fi
    run pop3 <<'DIALOGUE'
S: +OK *
C: USER user8\r\nPASS postern\r\nDELE 1
S: +OK *
S: +OK *
S: +OK *
C: QUIT
S: -ERR [SYS/*] *
E:
DIALOGUE
    if [ "$(id -u)" = 0 ]; then chown 5000 "$md/cur" "$md/new"; else chmod 755 "$md/cur" "$md/new"; fi
    assert_success
    assert_equal "$(files user8 | wc -l)" 2
}

@test "AUTH: with and without initial response, LOGIN, cancelled, malformed, unknown" {
    run pop3 <<'DIALOGUE'
S: +OK *
C: AUTH
S: +OK *
S~ PLAIN
S~ .
C: AUTH NOSUCH
S: -ERR *
C: AUTH PLAIN
S: + 
C: *
S: -ERR *
C: AUTH PLAIN
S: + 
C: AHVzZXIxAHBvc3Rlcm4
S: -ERR *
C: AUTH PLAIN !!!!
S: -ERR *
C: AUTH PLAIN =
S: -ERR *
C: AUTH PLAIN AHVzZXIxAHdyb25n
S: -ERR [AUTH] *
C: AUTH LOGIN
S: + VXNlcm5hbWU6
C: dXNlcjE=
S: + UGFzc3dvcmQ6
C: *
S: -ERR *
C: auth plain AHVzZXIxAHBvc3Rlcm4=
S: +OK *
C: QUIT
S: +OK *
S2: +OK *
C2: AUTH PLAIN
S2: + 
C2: AHVzZXIxAHBvc3Rlcm4=
S2: +OK *
C2: QUIT
S2: +OK *
S3: +OK *
C3: AUTH LOGIN
S3: + *
C3: dXNlcjE=
S3: + *
C3: cG9zdGVybg==
S3: +OK *
C3: QUIT
S3: +OK *
DIALOGUE
    assert_success
}

@test "APOP with the greeting's challenge" {
    run python3 - "$POP3" <<'PY'
import poplib, sys
host, port = sys.argv[1].split(":")
p = poplib.POP3(host, int(port))
try:
    p.apop("user1", "wrong")
    sys.exit("a wrong secret was taken")
except poplib.error_proto as e:
    assert b"[AUTH]" in e.args[0], e
p.apop("user1", "postern")
print(p.stat())
p.quit()
p = poplib.POP3(host, int(port))
try:
    p._shortcmd("APOP user1")
    sys.exit("APOP without a digest was taken")
except poplib.error_proto:
    pass
p.quit()
PY
    assert_success
}

@test "UTF8 and LANG: English only, said honestly; STLS comes before UTF8" {
    run pop3 <<'DIALOGUE'
S: +OK *
C: LANG
S: +OK *
S* en *
S* i-default *
S: .
C: LANG fr
S: -ERR *
C: LANG en-GB
S: +OK en *
C: LANG *
S: +OK en *
C: LANG i-default
S: +OK i-default *
C: UTF8 x
S: -ERR *
C: UTF8
S: +OK *
C: STLS
S: -ERR *
C: USER user1\r\nPASS postern
S: +OK *
S: +OK *
C: UTF8
S: -ERR *
C: LANG EN
S: +OK en *
C: QUIT
S: +OK *
DIALOGUE
    assert_success
}

@test "an endless line and too many errors end the connection" {
    local long
    long=$(printf 'x%.0s' $(seq 3000))
    LONG=$long run pop3 <<'DIALOGUE'
S: +OK *
C: USER user1\r\nPASS postern
S: +OK *
S: +OK *
C: NOOP $LONG
S: -ERR *
E:
DIALOGUE
    assert_success
    run python3 - "$POP3" <<'PY'
import socket, sys
host, port = sys.argv[1].split(":")
s = socket.create_connection((host, int(port)))
s.sendall(b"WHAT\r\n" * 30)
data = b""
try:
    while piece := s.recv(65536): data += piece
except ConnectionResetError:
    pass
assert data.count(b"-ERR Unknown command\r\n") == 20, data
assert data.endswith(b"-ERR Too many errors, goodbye\r\n"), data
PY
    assert_success
}

@test "one line in the log at the end: commands, octets, deletions" {
    fill user9 2
    run pop3 <<'DIALOGUE'
S: +OK *
C: USER user9\r\nPASS postern\r\nSTAT\r\nRETR 1\r\nTOP 2 0\r\nDELE 1\r\nQUIT
S~ +OK Goodbye, 1 messages deleted
E:
DIALOGUE
    assert_success
    ended() {
        logs | grep -q 'session ends: .*user=user9'
    }
    wait_until 5 ended
    run logs
    assert_line --regexp 'session ends: goodbye: top=1/[0-9]+ retr=1/[0-9]+ del=1/2 size=[0-9]+ in=[0-9]+ out=[0-9]+.*user=user9'
}

@test "pop3_delete_expunges = no: QUIT only flags; pop3_uidl_format as it is set" {
    DIR=$BATS_TEST_TMPDIR/keep
    mkdir "$DIR"
    demo_start --users 1 --no-mail -o pop3_delete_expunges=no -o pop3_uidl_format=%v-%u
    fill user1 1
    run pop3 <<'DIALOGUE'
S: +OK *
C: USER user1\r\nPASS postern\r\nUIDL 1\r\nDELE 1\r\nQUIT
S~ +OK Logged in*
S: +OK 1 *-1
S: +OK *
S: +OK *
E:
DIALOGUE
    local names
    names=$(files user1)
    demo_stop
    assert_success
    run echo "$names"
    assert_output --regexp ':2,T$'
}

@test "commands pipelined up to and behind the login are each answered, in order" {
    local i
    for i in 1 2 3 4 5; do
        run pop3 <<'DIALOGUE'
S: +OK *
C: CAPA\r\nUSER user1\r\nPASS postern\r\nNOOP\r\nQUIT
S: +OK *
S~ .
S: +OK *
S: +OK *
S: +OK*
S: +OK *
E:
DIALOGUE
        assert_success
    done
}
