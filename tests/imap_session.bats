#!/usr/bin/env bats
# A session over IMAP: what happens meanwhile, what is sent together, what goes wrong, how it ends.

load lib

setup_file() {
    demo_start --no-mail --users 5
}

teardown_file() {
    demo_stop
}

as() {
    { printf 'S: \\* OK *\nC: login LOGIN %s postern\nS: login OK *\n' "$1"; cat; } | imap
}

@test "IDLE tells at once what is delivered, flagged and expunged by others" {
    run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user1 postern
S: a OK *
C2: a LOGIN user1 postern
S2~ a OK *
C: b SELECT INBOX
S~ b OK *
C2: b SELECT INBOX
S2~ b OK *
C: c IDLE
S: + *
C2: c APPEND INBOX {23+}\r\nSubject: hi\r\n\r\nHello.\r\n
S2~ c OK [APPENDUID *
S: \* 1 EXISTS
C2: d STORE 1 +FLAGS (\\Flagged)
S2~ d OK *
S~ \* 1 FETCH (FLAGS (\Flagged*
C2: e STORE 1 +FLAGS.SILENT (\\Deleted)
S2~ e OK *
C2: f EXPUNGE
S2~ f OK *
S~ \* 1 EXPUNGE
C: done
S~ c OK *
DIALOGUE
    assert_success
}

@test "IDLE: no polling delay" {
    run python3 - "$IMAP" "$LMTP" "$TESTS/deliver" <<'PY'
import imaplib, socket, subprocess, sys, tempfile, time
host, port = sys.argv[1].split(":")
m = imaplib.IMAP4(host, int(port))
m.login("user2", "postern")
m.select()
m.send(b"x IDLE\r\n")
assert m.readline().startswith(b"+ ")
with tempfile.NamedTemporaryFile() as f:
    f.write(b"Subject: now\n\nHello.\n"); f.flush()
    subprocess.run([sys.argv[3], sys.argv[2], "user2", f.name], check=True)
began = time.monotonic()
line = m.readline()
took = time.monotonic() - began
assert line == b"* 1 EXISTS\r\n", line
assert took < 0.5, took
PY
    assert_success
}

@test "IDLE ends with DONE and with nothing else; without a mailbox it just waits" {
    run as user2 <<'DIALOGUE'
C: a IDLE
S: + *
C: b NOOP
S: a BAD IDLE ends with DONE
C: c IDLE\r\nDONE\r\nd NOOP
S: + *
S: c OK *
S: d OK *
DIALOGUE
    assert_success
}

@test "commands that come together are answered together" {
    run python3 - "$IMAP" <<'PY'
import socket, sys
host, port = sys.argv[1].split(":")
s = socket.create_connection((host, int(port)))
s.settimeout(10)
s.recv(4096)
s.sendall(b"a LOGIN user2 postern\r\n")
while b"a OK" not in s.recv(65536): pass
s.sendall(b"".join(b"%d NOOP\r\n" % i for i in range(50)))
data = s.recv(65536)
assert data.count(b"\r\n") == 50, data
assert data.endswith(b"49 OK Nothing done\r\n"), data
PY
    assert_success
}

@test "all at once: a login and what follows, in one packet" {
    run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user2 postern\r\nb SELECT INBOX\r\nc STATUS INBOX (UIDNEXT)\r\nd LOGOUT
S: a OK *
S~ b OK *
S~ c OK *
S: \* BYE *
S: d OK *
E:
DIALOGUE
    assert_success
}

@test "the capabilities after login" {
    run as user2 <<'DIALOGUE'
C: a CAPABILITY
S: \* CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE NAMESPACE CHILDREN LIST-EXTENDED LIST-STATUS SPECIAL-USE STATUS=SIZE UNSELECT UIDPLUS MULTIAPPEND MOVE SORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES I18NLEVEL=1
S: a OK *
C: b ENABLE CONDSTORE X-NONSENSE
S: \* ENABLED
S: b OK *
C: c ENABLE
S: c BAD *
C: d ID NIL
S: \* ID *
S: d OK *
C: e LOGIN user1 postern
S: e BAD You are logged in already
C: f STARTTLS
S: f BAD You are logged in already
DIALOGUE
    assert_success
}

@test "what makes no sense gets a sentence that helps, and does no harm" {
    run as user2 <<'DIALOGUE'
C: a FETCH 1 FLAGS
S: a BAD No mailbox is selected: SELECT one first
C: b UID NONSENSE 1
S: b BAD There is no command UID NONSENSE
C: c SELECT
S: c BAD Expected a space and one more argument, found the end of the command
C: d NONSENSE {20+}\r\nz DELETE everything!\r\ne NOOP
S: d BAD There is no command NONSENSE
S: e OK *
C: f SELECT "INBOX\x80"
S: f NO [CANNOT] The mailbox name is not valid modified UTF-7 *
C: g STATUS INBOX ((((((((((((((((((((((((((((((
S: g BAD *
C: h LIST "" {1000000000}
S: h NO [TOOBIG] *
C: i NOOP
S: i OK *
C: j LIST "" {1000000000+}
S: j NO [TOOBIG] *
S: \* BYE [TOOBIG] *
E:
DIALOGUE
    assert_success
}

@test "a log line at the end says why, and what was done" {
    run as user3 <<'DIALOGUE'
C: a SELECT INBOX
S~ a OK *
C: b LOGOUT
S~ b OK *
DIALOGUE
    assert_success
    wait_until 5 eval 'logs | grep -q "session ended: logged out; 2 commands, .*user=user3\|user=user3.*session ended"'
}

@test "Python's imaplib does its daily work" {
    run python3 - "$IMAPS" <<'PY'
import imaplib, ssl, sys, time
host, port = sys.argv[1].split(":")
context = ssl._create_unverified_context()
m = imaplib.IMAP4_SSL(host, int(port), ssl_context=context)
def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]
ok(m.login("user4", "postern"))
for word in "IDLE", "MOVE", "UIDPLUS", "NAMESPACE":
    assert word in str(ok(m.capability())[0], "ascii").split()
assert ok(m.namespace()) == [b'(("" "/")) NIL NIL']
ok(m.create("Projects"))
ok(m.subscribe("Projects"))
assert b'Projects' in ok(m.lsub())[-1] or any(b'Projects' in x for x in ok(m.lsub()))
ok(m.append("Projects", r"(\Seen $Label)", imaplib.Time2Internaldate(time.time()), b"Subject: one\r\n\r\nBody.\r\n"))
assert ok(m.select("Projects")) == [b"1"]
assert ok(m.search(None, "SUBJECT", "one")) == [b"1"]
data = ok(m.fetch("1", "(UID FLAGS RFC822.SIZE BODY.PEEK[])"))
assert data[0][1] == b"Subject: one\r\n\r\nBody.\r\n", data
assert b"$Label" in data[0][0] and b"\\Seen" in data[0][0], data
ok(m.store("1", "+FLAGS", r"(\Deleted)"))
assert ok(m.expunge()) == [b"1"]
ok(m.close())
ok(m.rename("Projects", "Archive/Projects"))
ok(m.delete("Archive/Projects"))
assert m.select("Archive/Projects")[0] == "NO"
m.logout()
PY
    assert_success
}

@test "mail that cannot be opened: the login is answered, the reason is in the log" {
    [ "$(id -u)" = 0 ] || skip "needs root: the user could open what is his"
    local home=$DIR/mail/user5
    rm -rf "$home/Maildir"
    mkdir -m 700 "$home/Maildir"
    run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user5 postern
S: a NO [UNAVAILABLE] Your mail cannot be opened
S: \* BYE [NOPERM] Your mail cannot be opened *
E:
DIALOGUE
    rmdir "$home/Maildir"
    assert_success
    run logs
    assert_output --regexp "the mail of user5 cannot be opened: .*$home/Maildir.*user=user5"
}

@test "fifty commands in a row that make no sense are enough, but not fifty in all" {
    run python3 - "$IMAP" <<'PY'
import socket, sys
host, port = sys.argv[1].split(":")
s = socket.create_connection((host, int(port)))
s.settimeout(10)
f = s.makefile("rb")
f.readline()
s.sendall(b"a LOGIN user2 postern\r\n")
assert f.readline().startswith(b"a OK ")
s.sendall((b"b NONSENSE\r\n" * 49 + b"c NOOP\r\n") * 2)
answers = [f.readline()[:5] for _ in range(100)]
assert answers == ([b"b BAD"] * 49 + [b"c OK "]) * 2, answers
s.sendall(b"\r\n" * 50)
assert [f.readline()[:5] for _ in range(50)] == [b"* BAD"] * 50
assert f.readline() == b"* BYE Too many commands that make no sense\r\n"
assert f.readline() == b""
PY
    assert_success
}

@test "a session that is asked to end says BYE, idle or not" {
    local idle
    for idle in no yes; do
        run python3 - "$IMAP" $idle <<'PY'
import imaplib, os, signal, subprocess, sys
host, port = sys.argv[1].split(":")
m = imaplib.IMAP4(host, int(port))
m.login("user5", "postern")
m.select()
if sys.argv[2] == "yes":
    m.send(b"x IDLE\r\n")
    assert m.readline().startswith(b"+ ")
ours = m.sock.getsockname()[1]
found = subprocess.run(["ss", "-Htnp", "sport", "=", port, "and", "dport", "=", str(ours)], capture_output=True, text=True).stdout
pids = [int(x.split(",")[0]) for x in found.split("pid=")[1:]]
assert pids, found
for pid in pids:
    os.kill(pid, signal.SIGTERM)
line = m.readline()
assert line == b"* BYE [UNAVAILABLE] The server is shutting down\r\n", line
assert m.readline() == b""
PY
        assert_success
    done
}

@test "who says nothing for too long is logged out; who idles is told that the server is there" {
    mkdir "$BATS_TEST_TMPDIR/short"
    DIR=$BATS_TEST_TMPDIR/short demo_start --no-mail --users 2 -o idle_timeout=1m -o imap_idle_notify=25s
    run "$TESTS/dialogue" -t 70 "$IMAP" <<'DIALOGUE'
S: \* OK *
C: a LOGIN user1 postern
S: a OK *
C2: a LOGIN user1 postern
S2~ a OK *
C2: b IDLE
S2: + *
S2: \* OK Still here
S2: \* OK Still here
S: \* BYE Idle for too long
E:
S2: \* OK Still here
C2: DONE
S2: b OK *
DIALOGUE
    DIR=$BATS_TEST_TMPDIR/short demo_stop
    assert_success
}

@test "when the kernel gives no more watches IDLE looks now and then, and the log says so once" {
    mkdir "$BATS_TEST_TMPDIR/poll"
    DIR=$BATS_TEST_TMPDIR/poll demo_start --no-mail --users 1 -o imap_poll=1
    run python3 - "$IMAP" "$DIR/mail/user1" <<'PY'
import ctypes, imaplib, os, sys
host, port = sys.argv[1].split(":")
m = imaplib.IMAP4(host, int(port))
m.login("user1", "postern")
other = imaplib.IMAP4(host, int(port))
other.login("user1", "postern")
uid = os.stat(sys.argv[2]).st_uid
if os.getuid() == 0:
    os.setgroups([])
    os.setuid(uid)
libc = ctypes.CDLL(None)
while libc.inotify_init() >= 0:
    pass
m.select()
for round in "x", "y":
    m.send(round.encode() + b" IDLE\r\n")
    assert m.readline().startswith(b"+ ")
    assert other.append("INBOX", None, None, b"Subject: hi\r\n\r\nHello.\r\n")[0] == "OK"
    line = m.readline()
    assert line.endswith(b" EXISTS\r\n"), line
    m.send(b"DONE\r\n")
    while not m.readline().startswith(round.encode() + b" OK"):
        pass
PY
    DIR=$BATS_TEST_TMPDIR/poll demo_stop
    assert_success
    run eval 'cat "$BATS_TEST_TMPDIR"/poll/*.log | grep -c "IDLE: .*looking every 1 seconds instead"'
    assert_output 1
}
