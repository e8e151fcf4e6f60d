#!/usr/bin/env bats
# LMTP, line by line: RFC 2033 with what we announce, every recipient for itself.

load lib

setup_file() {
    demo_start --users 22 --no-mail -o message_size_limit=200000 -o lmtp_recipients_max=30
}

teardown_file() {
    demo_stop
}

# The one message in a user's INBOX (or a mailbox of his), as stored.
only_message() { # USER [MAILBOX]
    local dir file
    dir=$(maildir "$1")${2:+/.$2}
    file=$(find "$dir/new" "$dir/cur" -type f)
    [ "$(wc -l <<<"$file")" = 1 ] || {
        echo "not one message: $file"
        return 1
    }
    cat "$file"
}

how_many() { # USER [MAILBOX]
    local dir
    dir=$(maildir "$1")${2:+/.$2}
    find "$dir/new" "$dir/cur" -type f 2>/dev/null | wc -l
}

empty() { # USER: removes all there is in INBOX, and what a killed delivery left
    local dir
    dir=$(maildir "$1")
    rm -f "$dir"/new/* "$dir"/cur/* "$dir"/tmp/*
}

@test "LHLO tells what there is; HELO and EHLO are not LMTP" {
    run lmtp <<'DIALOGUE'
S: 220 * Postern LMTP ready
C: EHLO me
S: 500 5.5.1 *
C: MAIL FROM:<a@x>
S: 503 5.5.1 *
C: LHLO
S: 501 5.5.4 *
C: lhlo me.example
S: 250-*
S: 250-PIPELINING
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250-CHUNKING
S: 250-STARTTLS
S: 250 SIZE 200000
C: NOOP anything
S: 250 2.0.0 *
C: VRFY user1
S: 252 2.5.0 *
C: HELP
S: 214-2.0.0 *
S: 214 2.0.0 LHLO *QUIT
C: EXPN x
S: 500 5.5.1 *
C: RSET
S: 250 2.0.0 *
C: QUIT now
S: 501 5.5.4 *
C: QUIT
S: 221 2.0.0 *
E:
DIALOGUE
    assert_success
}

@test "commands sent together are answered in order, one reply a recipient behind the dot" {
    run lmtp <<'DIALOGUE'
S: 220 *
C: LHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<user1>\r\nRCPT TO:<nobody-such@localhost>\r\nRCPT TO:<user2@LOCALHOST>\r\nDATA
S~ 250 SIZE *
S: 250 2.1.0 *
S: 250 2.1.5 *
S: 550 5.1.1 <nobody-such@localhost> *
S: 250 2.1.5 *
S: 354 *
C: Subject: first\r\n\r\nx\r\n.\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<user2>\r\nDATA
S: 250 2.0.0 <user1> *
S: 250 2.0.0 <user2@LOCALHOST> *
S: 250 2.1.0 *
S: 250 2.1.5 *
S: 354 *
C: Subject: second\r\n\r\ny\r\n.\r\nQUIT
S: 250 2.0.0 <user2> *
S: 221 2.0.0 *
E:
DIALOGUE
    assert_success
    assert_equal "$(how_many user1)" 1
    assert_equal "$(how_many user2)" 2
}

@test "replies to a pipelined group leave in one write" {
    run python3 - "$LMTP" <<'PY'
import socket, sys, time
host, port = sys.argv[1].split(":")
s = socket.create_connection((host, int(port)))
s.recv(1000)
s.sendall(b"LHLO x\r\nNOOP\r\nNOOP\r\nRSET\r\nQUIT\r\n")
time.sleep(0.5)
data = s.recv(65536)
assert data.count(b"\r\n250 2.0.0 ") == 3 and b"\r\n221 " in data, data
PY
    assert_success
}

@test "trace fields stand in front; for only where there is one recipient" {
    empty user3
    empty user4
    run lmtp <<'DIALOGUE'
S: 220 *
C: LHLO client.example
S~ 250 SIZE *
C: MAIL FROM:<"odd sender"@b.example> BODY=8BITMIME SIZE=12
S: 250 *
C: RCPT TO:<user3@localhost>
S: 250 *
C: DATA
S: 354 *
C: Return-Path: <old@x>\r\nSubject: t\r\n\r\nx\r\n.
S: 250 2.0.0 *
C: MAIL FROM:<>
S: 250 *
C: RCPT TO:<user4>
S: 250 *
C: RCPT TO:<user5>
S: 250 *
C: DATA
S: 354 *
C: Subject: t\r\n\r\nx\r\n.
S: 250 2.0.0 *
S: 250 2.0.0 *
DIALOGUE
    assert_success
    run only_message user3
    assert_line -n 0 'Return-Path: <"odd sender"@b.example>'
    assert_line -n 1 'Delivered-To: user3@localhost'
    assert_line -n 2 --regexp '^Received: from client\.example \(\[127\.0\.0\.1\]\)$'
    assert_line -n 3 --regexp '^	by [^ ]+ with LMTP \(Postern\) id [0-9a-f]{16}\.1$'
    assert_line -n 4 --regexp '^	for <user3@localhost>; (Mon|Tue|Wed|Thu|Fri|Sat|Sun), +[0-9]+ [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} [+-][0-9]{4}$'
    assert_line -n 5 'Return-Path: <old@x>'
    run only_message user4
    assert_line -n 0 'Return-Path: <>'
    refute_output --partial 'for <'
    assert_output --regexp 'id [0-9a-f]{16}\.2; '
}

@test "addresses: quoted, routed, without a domain, in UTF-8; what is none is refused" {
    empty user3
    run lmtp <<'DIALOGUE'
S: 220 *
C: LHLO me
S~ 250 SIZE *
C: MAIL FROM:a@b
S: 501 5.1.7 *
C: MAIL FROM:<a@b
S: 501 5.1.7 *
C: MAIL FROM:<a@b> FOO=1
S: 555 5.5.4 *
C: MAIL FROM:<a@b> BODY=BINARYMIME
S: 501 5.5.4 *
C: MAIL FROM:<a@b> SIZE=x
S: 501 5.5.4 *
C: MAIL FROM:<a@b> SIZE=200001
S: 552 5.3.4 *
C: MAIL FROM:<gr\xc3\xbcn@b>
S: 553 5.6.7 *
C: MAIL FROM:<gr\xc3\xbcn@b> SMTPUTF8
S: 250 2.1.0 *
C: MAIL FROM:<a@b>
S: 503 5.5.1 *
C: RCPT TO:<>
S: 501 5.1.3 *
C: RCPT TO:user3
S: 501 5.1.3 *
C: RCPT TO:<user3> NOTIFY=NEVER
S: 555 5.5.4 *
C: RCPT TO:<user3@elsewhere.example>
S: 550 5.1.1 *
C: RCPT TO:<\xff@localhost>
S: 501 5.1.3 *
C: DATA
S: 503 5.5.1 *
C: RCPT TO:<"user3"@LocalHost>
S: 250 2.1.5 *
C: RCPT TO: <@relay.example:user4@localhost>
S: 250 2.1.5 *
C: DATA
S: 354 *
C: Subject: t\r\n\r\nx\r\n.
S: 250 2.0.0 <"user3"@LocalHost> *
S: 250 2.0.0 <user4@localhost> *
DIALOGUE
    assert_success
    run only_message user3
    assert_line 'Delivered-To: "user3"@LocalHost'
    assert_output --partial ' with UTF8LMTP '
}

@test "a detail goes to its mailbox where there is one, else to INBOX" {
    empty user6
    deliver user6 first
    empty user6
    run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user6 postern
S~ a OK *
C: b CREATE Lists
S~ b OK *
DIALOGUE
    assert_success
    deliver user6+Lists 'to lists'
    deliver user6+nosuch 'to inbox'
    deliver "user6+../../etc" 'to inbox too'
    assert_equal "$(how_many user6 Lists)" 1
    assert_equal "$(how_many user6)" 2
    assert [ ! -e "$(maildir user6)/.nosuch" ]
    run only_message user6 Lists
    assert_line 'Delivered-To: user6+Lists'
}

@test "the same user twice gets one copy and two answers" {
    empty user7
    run lmtp <<'DIALOGUE'
S: 220 *
C: LHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<user7>\r\nRCPT TO:<user7@localhost>\r\nRCPT TO:<user8>\r\nDATA
S~ 354 *
C: Subject: t\r\n\r\nx\r\n.
S: 250 2.0.0 <user7> *
S: 250 2.0.0 <user7@localhost> *
S: 250 2.0.0 <user8> *
DIALOGUE
    assert_success
    assert_equal "$(how_many user7)" 1
}

@test "dots are taken off, only CRLF.CRLF ends the message, octets stay" {
    empty user3
    run lmtp <<'DIALOGUE'
S: 220 *
C: LHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<user3>\r\nDATA
S~ 354 *
C: Subject: t\r\n\r\n..\r\n...x\r\na\n.\nb\r.\rc\r\n.\rd\n.\r\ne\x00\xff\r\r\n.
Q: 0.5
C: MAIL FROM:<smuggled@x>\r\n.
S: 250 2.0.0 *
C: QUIT
S: 221 *
DIALOGUE
    assert_failure # ".\r\n" behind "\r\r\n" did end it: see below
    assert_output --partial 'expected silence'
    empty user3
    run lmtp <<'DIALOGUE'
S: 220 *
C: LHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<user3>\r\nDATA
S~ 354 *
C: Subject: t\r\n\r\n..\r\n...x\r\na\n.\nb\r.\rc\r\n.\rd\n.\r\ne\x00\xff\n.
Q: 0.5
C: MAIL FROM:<smuggled@x>\r\n.
S: 250 2.0.0 *
C: QUIT
S: 221 *
DIALOGUE
    assert_success
    only_message user3 | sed '1,/^$/d' >"$BATS_TEST_TMPDIR/body"
    printf '.\n..x\na\n.\nb\r.\rc\n\rd\n.\ne\0\377\n.\nMAIL FROM:<smuggled@x>\n' >"$BATS_TEST_TMPDIR/wanted"
    run cmp "$BATS_TEST_TMPDIR/body" "$BATS_TEST_TMPDIR/wanted"
    assert_success
}

@test "BDAT: chunks of any size, cut anywhere; a chunk that cannot be taken is still read" {
    empty user3
    run lmtp <<'DIALOGUE'
S: 220 *
C: BDAT 6\r\nQUIT\r\n\
S: 503 5.5.1 *
C: LHLO me\r\nBDAT 6 LAST\r\nQUIT\r\n\
S~ 250 SIZE *
S: 503 5.5.1 *
C: MAIL FROM:<>\r\nRCPT TO:<nobody-such>\r\nBDAT 3 LAST\r\nabc\
S: 250 2.1.0 *
S: 550 5.1.1 *
S: 503 5.5.1 No valid recipients
C: RCPT TO:<user3>\r\nBDAT 13\r\nSubject: t\r\n\r\
S: 250 2.1.5 *
S: 250 2.0.0 13 octets
C: DATA
S: 503 5.5.1 *
C: RCPT TO:<user4>
S: 503 5.5.1 *
C: BDAT 0\r\nBDAT 7\r\n\n.\r\nab\r\
S: 250 2.0.0 0 octets
S: 250 2.0.0 7 octets
C: BDAT 5 last\r\n\n..\r\n\
S: 250 2.0.0 <user3> *
C: BDAT x
S: 501 5.5.4 *
E:
DIALOGUE
    assert_success
    only_message user3 | sed '1,/^Subject/d' >"$BATS_TEST_TMPDIR/body"
    printf '\n.\nab\n..\n' >"$BATS_TEST_TMPDIR/wanted"
    run cmp "$BATS_TEST_TMPDIR/body" "$BATS_TEST_TMPDIR/wanted"
    assert_success
}

@test "a message over the limit is read to its end and refused; the next one is taken" {
    empty user3
    run python3 - "$LMTP" <<'PY'
import smtplib, sys
host, port = sys.argv[1].split(":")
l = smtplib.LMTP(host, int(port))
l.ehlo()
for code, size in ((552, 200001), (250, 199000)):
    l.docmd("MAIL FROM:<a@b>")
    l.docmd("RCPT TO:<user3>")
    assert l.docmd("DATA")[0] == 354
    body = b"Subject: x\r\n\r\n" + b"y" * 76 + b"\r\n"
    body += b"z" * (size - len(body) - 2) + b"\r\n"
    l.send(body + b".\r\n")
    reply = l.getreply()
    assert reply[0] == code, reply
l.quit()
PY
    assert_success
    assert_equal "$(how_many user3)" 1
}

@test "more recipients than lmtp_recipients_max are put off" {
    run python3 - "$LMTP" <<'PY'
import smtplib, sys
host, port = sys.argv[1].split(":")
l = smtplib.LMTP(host, int(port))
l.ehlo()
l.docmd("MAIL FROM:<a@b>")
for i in range(30):
    assert l.docmd("RCPT TO:<user1+d%d>" % i)[0] == 250
code, text = l.docmd("RCPT TO:<user2>")
assert code == 452 and text.startswith(b"4.5.3"), (code, text)
PY
    assert_success
}

@test "twenty recipients, one of them with a Maildir that cannot be written: nineteen get it" {
    local dir
    dir=$(maildir user12)
    deliver user12 first
    if [ "$(id -u)" = 0 ]; then chown root "$dir/tmp"; else chmod a-w "$dir/tmp"; fi
    run python3 - "$LMTP" <<'PY'
import smtplib, sys
host, port = sys.argv[1].split(":")
l = smtplib.LMTP(host, int(port))
l.ehlo()
users = ["user%d" % i for i in range(3, 23)]
l.docmd("MAIL FROM:<a@b.example>")
for user in users:
    assert l.docmd("RCPT TO:<%s>" % user)[0] == 250
assert l.docmd("DATA")[0] == 354
l.send(b"Subject: to all\r\n\r\nx\r\n.\r\n")
replies = {user: l.getreply() for user in users}
refused = {user: reply for user, reply in replies.items() if reply[0] != 250}
assert list(refused) == ["user12"], refused
assert refused["user12"][0] == 451 and refused["user12"][1].startswith(b"4.2.0"), refused
assert l.noop() == (250, b"2.0.0 OK")
l.quit()
PY
    assert_success
    local i
    for i in $(seq 3 22); do
        [ "$i" = 12 ] || grep -rlq '^Subject: to all' "$(maildir "user$i")/new" || fail "user$i did not get it"
    done
    if [ "$(id -u)" = 0 ]; then chown 5000:5000 "$dir/tmp"; else chmod u+w "$dir/tmp"; fi
    run logs
    assert_line --regexp 'delivery failed: .*user=user12'
}

@test "STARTTLS: then Received says LMTPS; what was stuffed in behind it ends the connection" {
    empty user3
    run lmtp <<'DIALOGUE'
S: 220 *
C: LHLO me
S~ 250-STARTTLS
S: 250 SIZE *
C: STARTTLS
S: 220 2.0.0 *
T:
C: MAIL FROM:<>
S: 503 5.5.1 *
C: LHLO me
S: 250-*
S~ 250-CHUNKING
S: 250 SIZE *
C: STARTTLS
S: 502 5.5.1 *
C: MAIL FROM:<>\r\nRCPT TO:<user3>\r\nDATA
S~ 354 *
C: Subject: t\r\n\r\nx\r\n.
S: 250 2.0.0 *
C: QUIT
S: 221 *
DIALOGUE
    assert_success
    run only_message user3
    assert_output --partial ' with LMTPS '
    assert_line --regexp '^	\(using TLS1\.[23] .*\)$'
    run lmtp <<'DIALOGUE'
S: 220 *
C: LHLO me
S~ 250 SIZE *
C: STARTTLS\r\nMAIL FROM:<>
S: 220 2.0.0 *
E:
DIALOGUE
    assert_success
}

@test "an endless command line and too many errors end the connection" {
    local long
    long=$(printf 'x%.0s' $(seq 5000))
    LONG=$long run lmtp <<'DIALOGUE'
S: 220 *
C: NOOP $LONG
S: 500 5.5.2 *
E:
DIALOGUE
    assert_success
    run python3 - "$LMTP" <<'PY'
import socket, sys
host, port = sys.argv[1].split(":")
s = socket.create_connection((host, int(port)))
f = s.makefile("rb")
f.readline()
s.sendall(b"WHAT\r\n" * 30)
codes = [line[:3] for line in f]
assert codes == [b"500"] * 20 + [b"421"], codes
PY
    assert_success
}

# The processes of the connection that has just begun DATA: parser (unprivileged), monitor, finder, worker.
of_connection() {
    local listener
    listener=$(pgrep -o -f "^$POSTERN_BIN/lmtpd -c $DIR/postern.conf")
    MONITOR=$(pgrep -P "$listener" | tail -n 1)
    PARSER=$(pgrep -P "$MONITOR" | head -n 1)
    FINDER=$(pgrep -P "$MONITOR" | sed -n 2p)
    WORKER=$(pgrep -P "$MONITOR" | tail -n 1)
}

# Begins a message for user9, kills one process, sends the rest.
cut_down() { # WHICH
    exec 7<>"/dev/tcp/${LMTP%:*}/${LMTP##*:}"
    printf 'LHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<user9>\r\nRCPT TO:<user10>\r\nDATA\r\n' >&7
    local line
    while read -r -t 10 line <&7; do
        [[ $line == 354* ]] && break
    done
    printf 'Subject: cut\r\n\r\nhalf' >&7
    sleep 0.3
    of_connection
    kill -9 "${!1}"
    sleep 0.3
    printf ' whole\r\n.\r\nQUIT\r\n' >&7 2>/dev/null || true
    timeout 10 cat <&7 2>/dev/null | tr -d '\r' || true
    exec 7>&- 7<&-
}

@test "a worker killed in the middle of DATA: his recipient is put off, the other has the message" {
    empty user9
    empty user10
    run cut_down WORKER # the last one started: user10's
    assert_line --partial '250 2.0.0 <user9> '
    assert_line --partial '451 4.3.0 <user10> '
    assert_line --partial '221 2.0.0 '
    assert_equal "$(how_many user9)" 1
    assert_equal "$(how_many user10)" 0
}

@test "the parser killed in the middle of DATA: the connection ends, nothing is left" {
    empty user9
    empty user10
    run cut_down PARSER
    refute_output --partial 250
    nothing() {
        [ -z "$(find "$(maildir user9)" "$(maildir user10)" -path '*/Maildir/tmp/*' -type f)" ]
    }
    wait_until 5 nothing
    assert_equal "$(how_many user9)$(how_many user10)" 00
}

@test "the monitor killed in the middle of DATA: what is acknowledged is there" {
    empty user9
    empty user10
    run cut_down MONITOR
    assert_line --partial '250 2.0.0 <user9> '
    assert_line --partial '250 2.0.0 <user10> '
    assert_equal "$(how_many user9)$(how_many user10)" 11
}

@test "a client that never says LHLO is told goodbye" {
    DIR=$BATS_TEST_TMPDIR/impatient
    mkdir "$DIR"
    demo_start --users 1 --no-mail -o login_timeout=1s
    run lmtp <<'DIALOGUE'
S: 220 *
S: 421 4.4.2 *
E:
S2: 220 *
C2: LHLO me
S2~ 250 SIZE
Q2: 1.5
DIALOGUE
    demo_stop
    assert_success
}

@test "over a pipe mail goes to the invoking user and to nobody else" {
    [ "$(id -u)" = 0 ] || skip "needs root to be somebody else"
    local home=$DIR/pipe # where others may pass
    mkdir "$home"
    chown nobody "$home"
    HOME=$home run "$TESTS/dialogue" "exec:setpriv --reuid=nobody --regid=nogroup --clear-groups $POSTERN_BIN/lmtpd -o log=stderr -o mail=maildir:~/Maildir -o first_valid_uid=1 -o local_domains=localhost" <<'DIALOGUE'
S: 220 *
C: LHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<root>\r\nRCPT TO:<nobody+x@localhost>\r\nDATA
S~ 250 2.1.0 *
S: 550 5.1.1 *
S: 250 2.1.5 *
S: 354 *
C: Subject: t\r\n\r\nx\r\n.
S: 250 2.0.0 *
C: QUIT
S: 221 *
E:
DIALOGUE
    assert_success
    run find "$home/Maildir/new" -type f
    assert_equal "${#lines[@]}" 1
    run "$TESTS/dialogue" "exec:$POSTERN_BIN/lmtpd -o log=stderr" <<'DIALOGUE'
S: 421 4.7.0 *root*
E:
DIALOGUE
    assert_success
}

@test "smtplib delivers, and the log has a line a recipient and a line a session" {
    empty user3
    run python3 - "$LMTP" <<'PY'
import smtplib, sys
host, port = sys.argv[1].split(":")
l = smtplib.LMTP(host, int(port))
refused = l.sendmail("ann@example.org", ["user3", "no-such-user"], "Message-ID: <log\x07me@example.org>\r\nSubject: x\r\n\r\nx\r\n")
assert refused["no-such-user"][0] == 550, refused
l.quit()
PY
    assert_success
    run logs
    assert_line --regexp 'delivered: msgid=<log\\x07me@example\.org> mailbox=INBOX size=[0-9]+ from=<ann@example\.org> to=<user3>.*user=user3'
    assert_line --regexp 'unknown recipient no-such-user: '
    assert_line --regexp 'session ends: goodbye: messages=1 delivered=1 failed=0 in=[0-9]+ out=[0-9]+'
}

@test "the process that speaks with the client has no privileges, a worker is its user" {
    [ "$(id -u)" = 0 ] || skip "one uid for all"
    exec 7<>"/dev/tcp/${LMTP%:*}/${LMTP##*:}"
    printf 'LHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<user9>\r\nRCPT TO:<user10>\r\n' >&7
    local line
    while read -r -t 10 line <&7; do
        [[ $line == *' 2.1.5 '* ]] && break
    done
    of_connection
    run cat "/proc/$PARSER/status"
    assert_line --regexp "^Uid:	$(id -u nobody)	$(id -u nobody)	"
    assert_line --regexp '^CapEff:	0+$'
    assert_line 'Seccomp:	2'
    assert_equal "$(readlink "/proc/$PARSER/root")" "$DIR/run/empty"
    run cat "/proc/$WORKER/status"
    assert_line --regexp '^Uid:	5000	5000	5000	5000'
    assert_line --regexp '^CapEff:	0+$'
    assert_line 'Seccomp:	2'
    exec 7>&- 7<&-
}

@test "no process that lives as long as the delivery has a password in its memory" {
    [ "$(id -u)" = 0 ] || skip "reads the memory of other processes"
    exec 7<>"/dev/tcp/${LMTP%:*}/${LMTP##*:}"
    printf 'LHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<user9>\r\nDATA\r\nword-of-the-message\r\n' >&7
    local line pid
    while read -r -t 10 line <&7; do
        [[ $line == 354* ]] && break
    done
    of_connection
    for pid in $FINDER $PARSER $MONITOR $WORKER; do # the first one ends soon
        in_memory "$pid" "$DIR/users" # so that not finding something means something
        run in_memory "$pid" "{PLAIN}$PASSWORD"
        assert_failure
    done
    exec 7>&- 7<&-
}

@test "one process keeps the messages of a connection, for virtual users of one uid; killed, it is replaced" {
    empty user15
    empty user16
    run python3 - "$LMTP" "$DIR" <<'PY'
import glob, os, re, signal, smtplib, sys, time
host, port = sys.argv[1].split(":")
l = smtplib.LMTP(host, int(port))
def pids():
    lines = [line for file in glob.glob(sys.argv[2] + "/*.log") for line in open(file)]
    return [int(re.search(r"lmtpd\[(\d+)\]", line)[1]) for line in lines if "delivered: msgid=<stay@" in line]
for user in "user15", "user15", "user16", "user15":
    l.sendmail("a@b.example", [user], "Message-ID: <stay@b.example>\r\nSubject: x\r\n\r\nx\r\n")
assert len(pids()) == 4, pids()
assert os.getuid() != 0 or len(set(pids())) == 1, pids()
os.kill(pids()[3], signal.SIGKILL)
def running(pid):
    try: return "State:\tZ" not in open("/proc/%d/status" % pid).read()
    except OSError: return False
while running(pids()[3]): time.sleep(0.01)
l.sendmail("a@b.example", ["user16"], "Message-ID: <stay@b.example>\r\nSubject: x\r\n\r\nx\r\n")
assert len(pids()) == 5 and pids()[4] != pids()[3], pids()
l.quit()
PY
    assert_success
    assert_equal "$(how_many user15)$(how_many user16)" 32
}

@test "implicit TLS: who drips a handshake without end is gone in time" {
    run python3 - "$POSTERN_BIN/lmtpd" "$DIR/postern.conf" <<'PY'
import socket, subprocess, sys, time
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
lmtpd = subprocess.Popen([sys.argv[1], "-c", sys.argv[2], "-o", "tls=implicit", "-o", "login_timeout=2s"],
                         stdin=server, stdout=server)
server.close()
client.settimeout(0.3)
began = time.time()
hello = iter(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(1000))
while time.time() - began < 10:
    try:
        client.sendall(bytes([next(hello)]))
        if client.recv(100) == b"":
            break
    except TimeoutError:
        pass
    except OSError:
        break
took = time.time() - began
assert 1.5 < took < 6, took
lmtpd.wait(10)
PY
    assert_success
}

@test "a mailbox that another program holds locked delays nobody's answer but its own and those behind it" {
    local dir
    dir=$(maildir user12)
    deliver user12 first
    run python3 - "$LMTP" "$dir/dovecot-uidlist.lock" <<'PY'
import os, smtplib, sys, time
host, port = sys.argv[1].split(":")
l = smtplib.LMTP(host, int(port))
l.ehlo()
l.docmd("MAIL FROM:<a@b.example>")
for user in "user13", "user12", "user14":
    assert l.docmd("RCPT TO:<%s>" % user)[0] == 250
assert l.docmd("DATA")[0] == 354
open(sys.argv[2], "w").close()
began = time.time()
l.send(b"Subject: to three\r\n\r\nx\r\n.\r\n")
assert l.getreply() == (250, b"2.0.0 <user13> Saved")
assert time.time() - began < 5, time.time() - began
time.sleep(0.5)
os.unlink(sys.argv[2])
assert l.getreply() == (250, b"2.0.0 <user12> Saved")
assert l.getreply() == (250, b"2.0.0 <user14> Saved")
assert time.time() - began < 10, time.time() - began
l.quit()
PY
    assert_success
}

@test "a user whom the password file names is never bounced for his uid, as a system account out of range is" {
    [ "$(id -u)" = 0 ] || skip 'needs root'
    cp "$DIR/users" "$BATS_TEST_TMPDIR/users"
    chmod 644 "$BATS_TEST_TMPDIR/users"
    printf '%s\n' 'low:{PLAIN}x:33:33::/nonexistent::' 'zero:{PLAIN}x:0:5000::/nonexistent::' \
        'none:{PLAIN}x:many:5000::/nonexistent::' >>"$BATS_TEST_TMPDIR/users"
    local settings="-c $DIR/postern.conf -o local_domains=here.example -o log=stderr"
    settings+=" -o 'auth=passwd-file:$BATS_TEST_TMPDIR/users pam'"
    run --separate-stderr "$TESTS/dialogue" "nowait:$POSTERN_BIN/lmtpd $settings" <<'DIALOGUE'
S: 220 *
C: LHLO x
S~ 250 *
C: MAIL FROM:<a@b>
S: 250 *
C: RCPT TO:<low>
S: 451 4.3.0 *
C: RCPT TO:<zero@here.example>
S: 451 4.3.0 *
C: RCPT TO:<none>
S: 451 4.3.0 *
C: RCPT TO:<root@here.example>
S: 550 5.1.1 *
C: RCPT TO:<daemon>
S: 550 5.1.1 *
C: RCPT TO:<nobody-such>
S: 550 5.1.1 *
C: RCPT TO:<user3>
S: 250 *
C: QUIT
S: 221 *
E:
DIALOGUE
    assert_success
    local where="passwd-file:$BATS_TEST_TMPDIR/users"
    # shellcheck disable=SC2154 # run sets it
    stderr_has() { grep -F "$1" <<<"$stderr" || fail "no '$1' in: $stderr"; }
    stderr_has "error: recipient low: user low ($where:23): uid 33 is below first_valid_uid = 1000: give the entry another uid, or change the setting"
    stderr_has "error: recipient zero@here.example: user zero ($where:24) has uid 0, which never gets mail service: give the entry another"
    stderr_has "error: recipient none: $BATS_TEST_TMPDIR/users:25: uid \"many\" is not a number"
    stderr_has 'unknown recipient daemon: user daemon (pam): uid 1 is below first_valid_uid = 1000'
    local name expected
    for expected in low:75 zero:75 none:75 daemon:67 root:67 nobody-such:67 root@here.example:67; do
        name=${expected%:*}
        run "$POSTERN_BIN/mailadm" -c "$DIR/postern.conf" -o local_domains=here.example -o log=stderr \
            -o "auth=passwd-file:$BATS_TEST_TMPDIR/users pam" deliver "$name" < <(message x)
        assert_failure "${expected#*:}"
    done
}
