#!/usr/bin/env bats
# Kill any process at any moment, fill the disk, cut connections: nothing acknowledged is lost, nothing half-written is shown.

load lib

setup_file() {
    demo_start --users 4 --no-mail
}

teardown() {
    ! mountpoint -q "$(maildir user4)" || umount -l "$(maildir user4)"
}

teardown_file() {
    demo_stop
}

# Ends, with SIGKILL, connection processes of ours at random moments for SECONDS. Now and then they have the time that a
# session takes on a busy machine. $DIR/killed is there when it is over.
killer() { # SECONDS
    rm -f "$DIR/killed"
    python3 - "$POSTERN_BIN" "$1" "$DIR/pids" <<'PY'
import os, random, signal, sys, time
bin, seconds, pids = sys.argv[1], float(sys.argv[2]), sys.argv[3]
listeners = {int(line.split()[0]) for line in open(pids)}
random.seed(1)
end = time.time() + seconds
while time.time() < end:
    time.sleep(random.uniform(0.005, random.choice((0.06, 0.06, 0.6))))
    ours = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            exe = os.readlink("/proc/%s/exe" % pid)
        except OSError:
            continue
        if exe.startswith(bin + "/") and int(pid) not in listeners and os.getpgid(int(pid)) in listeners:
            ours.append(int(pid))
    if ours:
        try:
            os.kill(random.choice(ours), signal.SIGKILL)
        except OSError:
            pass
PY
    touch "$DIR/killed"
}

@test "LMTP: while processes are killed at random, each message that got its 250 is there exactly once or more, whole" {
    killer 12 &
    local k=$!
    run python3 - "$LMTP" "$BATS_TEST_TMPDIR/acked" <<'PY'
import socket, sys, time
host, port = sys.argv[1].split(":")
out = open(sys.argv[2], "w")
end = time.time() + 11
n = acked = 0
while time.time() < end:
    try:
        s = socket.create_connection((host, int(port)), timeout=5)
        f = s.makefile("rb")
        f.readline()
        s.sendall(b"LHLO x\r\n")
        while f.readline()[3:4] == b"-": pass
        for _ in range(5):
            n += 1
            s.sendall(b"MAIL FROM:<a@x>\r\nRCPT TO:<user1>\r\nDATA\r\n")
            if not f.readline().startswith(b"250") or not f.readline().startswith(b"250") or not f.readline().startswith(b"354"): break
            s.sendall(b"Subject: n%d\r\n\r\n" % n + b"line\r\n" * 500 + b"end%d\r\n.\r\n" % n)
            if not f.readline().startswith(b"250"): break
            print(n, file=out, flush=True)
            acked += 1
    except OSError:
        pass
print("acknowledged", acked, "of", n)
assert acked > 20, acked
assert acked < n, "nothing was killed"
PY
    wait $k || true
    assert_success
    local n md missing=0
    md=$(maildir user1)
    while read -r n; do
        grep -lqx "Subject: n$n" -r "$md/new" "$md/cur" || missing=$((missing + 1))
    done <"$BATS_TEST_TMPDIR/acked"
    assert_equal $missing 0
    # Whatever is shown is whole.
    local f
    for f in "$md"/new/* "$md"/cur/*; do
        [ -f "$f" ] || continue
        tail -n 1 "$f" | grep -q '^end[0-9]*$' || fail "half a message: $f: $(head -c 300 "$f")"
    done
}

@test "IMAP: APPEND, COPY, MOVE and STORE under random kills keep what was acknowledged" {
    killer 14 &
    local k=$!
    run python3 - "$IMAP" "$DIR/killed" <<'PY'
import imaplib, os, random, re, sys, time
host, port = sys.argv[1].split(":")
random.seed(2)
end = time.time() + 12
appended = []
uids = {}   # (mailbox, uid) -> subject, must never change
def connect():
    m = imaplib.IMAP4(host, int(port), timeout=5)
    m.login("user2", "postern")
    return m
n = broken = 0
while time.time() < end:
    try:
        m = connect()
        m.create("Old")
        while time.time() < end:
            n += 1
            subject = "m%d" % n
            typ, data = m.append("INBOX", None, None, ("Subject: %s\r\n\r\nbody %d\r\n" % (subject, n)).encode())
            if typ != "OK": break
            appended.append(subject)
            v, u = re.search(rb"APPENDUID (\d+) (\d+)", data[0]).groups()
            assert uids.setdefault((b"INBOX", v, u), subject) == subject, "UID given twice"
            if n % 3 == 0:
                m.select("INBOX")
                typ, found = m.uid("SEARCH", None, "SUBJECT", random.choice(appended))
                if typ == "OK" and found[0]:
                    uid = found[0].split()[0].decode()
                    typ, data = m.uid("STORE", uid, "+FLAGS", "(\\Flagged)")
                    typ, data = m.uid("MOVE", uid, "Old") if n % 6 == 0 else m.uid("COPY", uid, "Old")
    except (OSError, imaplib.IMAP4.error) as e:
        broken += 1
while not os.path.exists(sys.argv[2]): time.sleep(0.1)
m = connect()
subjects = set()
for box in ("INBOX", "Old"):
    assert m.select(box)[0] == "OK"
    typ, data = m.fetch("1:*", "(UID BODY.PEEK[])") if m.select(box)[1] != [b"0"] else ("OK", [])
    for item in data:
        if isinstance(item, tuple):
            text = item[1].decode()
            assert re.fullmatch(r"Subject: m(\d+)\r\n\r\nbody \1\r\n", text), text
            subject = text.split("\r\n")[0][9:]
            subjects.add(subject)
            if box == "INBOX":
                uid = re.search(rb"UID (\d+)", item[0])[1]
                for (b, v, u), s in uids.items():
                    if u == uid: assert s == subject, (u, s, subject)
lost = [s for s in appended if s not in subjects]
print("appended", len(appended), "broken", broken, "lost", lost)
assert not lost and broken > 0 and len(appended) > 10
PY
    wait $k || true
    assert_success
}

@test "a connection cut in the middle of DATA or APPEND leaves nothing behind" {
    "$TESTS/dialogue" "$LMTP" <<'DIALOGUE'
S: 220 *
C: LHLO x
S~ 250 *
C: MAIL FROM:<a@x>
S: 250 *
C: RCPT TO:<user3>
S: 250 *
C: DATA
S: 354 *
C: Subject: half
X!
DIALOGUE
    imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user3 postern
S~ a OK *
C: b APPEND INBOX {1000}
S: + *
C: Subject: half
X!
DIALOGUE
    clean() {
        [ -z "$(cd "$(maildir user3)" && find tmp new cur -type f)" ]
    }
    wait_until 5 clean
}

@test "on a full disk each protocol says so, nothing half-written stays, and all goes on when there is room" {
    [ "$(id -u)" = 0 ] || skip "mounting needs root"
    local md
    md=$(maildir user4)
    rm -rf "$md"
    mkdir -p "$md"
    mount -t tmpfs -o size=1m,uid=5000,gid=5000,mode=700 tmpfs "$md"
    deliver user4 before
    head -c 900000 /dev/zero | as_mail tee "$md/filler" >/dev/null || true
    head -c 300000 /dev/zero | tr '\0' 'x' | fold -w 70 >"$BATS_TEST_TMPDIR/big"
    { message big; cat "$BATS_TEST_TMPDIR/big"; } >"$BATS_TEST_TMPDIR/m"
    run "$TESTS/deliver" "$LMTP" user4 "$BATS_TEST_TMPDIR/m"
    assert_failure
    assert_output --regexp '(452|552) [45]\.(2\.2|3\.1)'
    run curl -sS -u user4:postern "imap://$IMAP/INBOX" -T "$BATS_TEST_TMPDIR/m"
    assert_failure
    run find "$md/tmp" -type f
    assert_output ''
    run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user4 postern
S~ a OK *
C: b SELECT INBOX
S~ b OK *
C: c FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]
S~ c OK *
DIALOGUE
    rm "$md/filler"
    "$TESTS/deliver" "$LMTP" user4 "$BATS_TEST_TMPDIR/m"
    run curl -sS -u user4:postern "imap://$IMAP/INBOX" -X 'SEARCH SUBJECT big'
    umount "$md"
    assert_output --partial 'SEARCH 2'
}

@test "a quota of the file system that is hit: each protocol says so at whatever step, nothing half-written stays, the log tells" {
    [ "$(id -u)" = 0 ] || skip "interfering with the servers needs root"
    # The Nth write (or fsync) of each process that serves the connection meets EDQUOT (and is a getpid to its system-call filter).
    run python3 - "$IMAP" "$LMTP" "$(maildir user1)" "$POSTERN_BIN" <<'PY'
import imaplib, os, smtplib, subprocess, sys, time
imap, lmtp, maildir, bin = sys.argv[1:]
text = b"Subject: quota\r\n\r\n" + b"0123456789\r\n" * 20000

def processes(program):
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink("/proc/%s/exe" % pid) == "%s/%s" % (bin, program):
                found.add(pid)
        except OSError:
            pass
    return found

def interfere(pids, call, n):
    args = ["strace", "-qq", "-o", "/dev/null", "-e", "inject=%s:error=EDQUOT:syscall=getpid:when=%d" % (call, n)]
    tracer = subprocess.Popen(args + [arg for pid in pids for arg in ("-p", pid)])
    for pid in pids:
        while "TracerPid:\t0\n" in open("/proc/%s/status" % pid).read():
            time.sleep(0.01)
    return tracer

def messages():
    return sum(len(os.listdir(maildir + "/" + d)) for d in ("new", "cur"))

def append(call, n):
    before = processes("imapd")
    m = imaplib.IMAP4(*imap.split(":"), timeout=20)
    m.login("user1", "postern")
    tracer = interfere(processes("imapd") - before, call, n)
    typ, data = m.append("INBOX", None, None, text)
    assert m.select("INBOX") == ("OK", [b"%d" % messages()]), "the session goes on"
    m.logout()
    tracer.wait(20)
    assert typ == "OK" or (typ == "NO" and data[0].startswith(b"[OVERQUOTA] ")), (typ, data)
    return typ == "OK"

def deliver(call, n):
    before = processes("lmtpd")
    l = smtplib.LMTP(*lmtp.split(":"), timeout=20)
    l.ehlo()
    assert l.docmd("MAIL FROM:<a@b.example>")[0] == l.docmd("RCPT TO:<user1>")[0] == 250
    assert l.docmd("DATA")[0] == 354
    tracer = interfere(processes("lmtpd") - before, call, n)
    l.send(text + b".\r\n")
    code, said = l.getreply()
    assert l.docmd("NOOP")[0] == 250, "the session goes on"
    l.quit()
    tracer.wait(20)
    assert code == 250 or (code in (452, 552) and b".2.2 " in said), (code, said)
    return code == 250

for attempt in append, deliver:
    assert attempt("write", 1000)
    left = set(os.listdir(maildir + "/tmp")) # by what was killed before
    refused = []
    for call in "write", "fsync":
        for n in range(1, 7):
            had = messages()
            done = attempt(call, n)
            assert messages() == had + done, (attempt, call, n)
            assert set(os.listdir(maildir + "/tmp")) == left, (attempt, call, n)
            if not done:
                refused.append((call, n))
    print(attempt.__name__, refused)
    assert {("write", 1), ("fsync", 1)} <= set(refused) and len(refused) > 2
PY
    assert_success
    logs | grep 'imapd.*APPEND.*Disk quota exceeded' || fail "imapd's log: $(logs | grep -i quota)"
    logs | grep 'lmtpd.*delivery failed.*Disk quota exceeded' || fail "lmtpd's log: $(logs | grep -i quota)"
}

as_mail() {
    if [ "$(id -u)" = 0 ]; then setpriv --reuid=5000 --regid=5000 --clear-groups "$@"; else "$@"; fi
}

@test "a mailbox deleted while it is selected: the session says so and goes on" {
    run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user3 postern
S~ a OK *
C: b CREATE Doomed
S: b OK *
C: c SELECT Doomed
S~ c OK *
C2: a LOGIN user3 postern
S2~ a OK *
C2: b DELETE Doomed
S2: b OK *
C: d NOOP
S~ d *
C: e FETCH 1:* FLAGS
S~ e *
C: f STATUS INBOX (MESSAGES)
S: \* STATUS *
S: f OK *
DIALOGUE
    assert_success
}

@test "index files deleted or filled with rubbish at any time: same UIDs, same flags, said once in the log" {
    deliver user3 one
    deliver user3 two
    local before after
    list() {
        curl -sS -u user3:postern "imap://$IMAP/INBOX" -X 'FETCH 1:* (UID FLAGS RFC822.SIZE ENVELOPE BODYSTRUCTURE)'
    }
    list >/dev/null
    before=$(list)
    find "$(maildir user3)" -name 'postern.*' -type f -exec sh -c 'head -c 3000 /dev/urandom >"$1"' sh {} \;
    after=$(list)
    assert_equal "$after" "$before"
    find "$(maildir user3)" -name 'postern.*' -type f -delete
    after=$(list)
    assert_equal "$after" "$before"
}
