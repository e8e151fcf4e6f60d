#!/usr/bin/env bats
# APPEND and MULTIAPPEND: RFC 3501, 6.3.11; RFC 3502; APPENDUID of RFC 4315.
load imap_session

setup() {
    maildir_begin
}

left_over() {
    find "$MD/tmp" "$MD/new" "$MD/cur" -type f
}

@test "a message is kept with its flags, keywords and date" {
    talk <<'EOF'
C: 1 APPEND INBOX (\\Seen work) " 3-Feb-2020 04:05:06 +0100" {20}
S~ + *
C: Subject: x\r\n\r\nbody\r\n\
C: 
S: 1 OK [APPENDUID * 1]*
C: 2 SELECT INBOX
S~ 2 OK*
C: 3 FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[TEXT])
S: * 1 FETCH (FLAGS (\Seen*work) INTERNALDATE " 3-Feb-2020 03:05:06 +0000" RFC822.SIZE 20 BODY[TEXT] {6}
S: body
S: )
S: 3 OK*
EOF
}

@test "literals without asking, and EXISTS in the selected mailbox" {
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 APPEND INBOX {14+}
C: Subject: x\r\n\r\n\
C: 
S* * 1 EXISTS
S* * RECENT
S: 2 OK [APPENDUID * 1]*
EOF
}

@test "several messages at once, or none of them" {
    talk <<'EOF'
C: 1 APPEND INBOX (\\Seen) {12+}
C: Subject: a\r\n\
C:  (\\Flagged) {12}
S~ + *
C: Subject: b\r\n\
C: 
S: 1 OK [APPENDUID * 1:2]*
C: 2 APPEND INBOX {12+}
C: Subject: c\r\n\
C:  {0+}
C: 
S: 2 NO*
C: 3 APPEND INBOX {12+}
C: Subject: d\r\n\
C:  (\\Bogus) {12+}
C: Subject: e\r\n\
C: 
S: 3 BAD*
C: 4 SELECT INBOX
S~ 4 OK*
C: 5 FETCH 1:* FLAGS
S: * 1 FETCH (FLAGS (\Seen*))
S: * 2 FETCH (FLAGS (\Flagged*))
S: 5 OK*
EOF
    run left_over
    assert_equal "${#lines[@]}" 2
}

@test "a mailbox that is not there is said before the message is sent, or after it was swallowed" {
    talk <<'EOF'
C: 1 APPEND Nowhere {1000000000}
S~ 1 NO [TRYCREATE]*
C: 2 APPEND Nowhere {12+}
C: Subject: a\r\n\
C: 
S: 2 NO [TRYCREATE]*
C: 3 APPEND Nowhere (\\Seen) {12+}
C: Subject: a\r\n\
C:  {5}
S: 3 NO [TRYCREATE]*
C: 4 NOOP
S: 4 OK*
EOF
}

@test "a message that is too big, or empty, is refused" {
    talk -o message_size_limit=1000 <<'EOF'
C: 1 APPEND INBOX {1001}
S~ 1 NO [TOOBIG]*
C: 2 APPEND INBOX {0}
S: 2 NO*
C: 3 APPEND INBOX {1003+}
C: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
C: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
C: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
C: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
C: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
C: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
C: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
C: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
C: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
C: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
C: abc
S: 3 NO [TOOBIG]*
C: 4 NOOP
S: 4 OK*
EOF
    run left_over
    assert_output ''
}

@test "a connection that is cut inside a message leaves nothing" {
    talk <<'EOF'
C: 1 APPEND INBOX {1000000000}
S~ + *
C: Subject: never\r\n\r\nto be ended
X:
EOF
    wait_until 5 test -z "$(left_over)"
    run left_over
    assert_output ''
}

@test "imaplib appends and reads back the same octets" {
    as_user /usr/bin/python3 - "$POSTERN_BIN/imapd" "$MD" <<'EOF'
import imaplib, sys
imap = imaplib.IMAP4_stream("%s -o mail=maildir:%s" % (sys.argv[1], sys.argv[2]))
mail = b"From: a@b\r\nSubject: =?utf-8?q?=C3=A9?=\r\n\r\n" + bytes(range(1, 256)).replace(b"\r", b"").replace(b"\n", b"") + b"\r\n.\r\n"
for i in range(3):
    assert imap.append("INBOX", "(\\Flagged)", None, mail)[0] == "OK"
assert imap.select("INBOX") == ("OK", [b"3"])
kind, data = imap.fetch("1:3", "(FLAGS BODY.PEEK[])")
assert kind == "OK" and [d[1] for d in data if isinstance(d, tuple)] == [mail] * 3
assert imap.uid("SEARCH", "FLAGGED")[1] == [b"1 2 3"]
imap.logout()
EOF
}

@test "a server that is told to end does not wait for the message" {
    as_user /usr/bin/python3 - "$POSTERN_BIN/imapd" "$MD" <<'EOF'
import signal, socket, subprocess, sys
ours, theirs = socket.socketpair()
process = subprocess.Popen([sys.argv[1], "-o", "mail=maildir:" + sys.argv[2]], stdin=theirs, stdout=theirs)
theirs.close()
ours.settimeout(5)
ours.sendall(b"1 APPEND INBOX {1000000000}\r\n")
said = b""
while b"\r\n+ " not in said:
    said += ours.recv(65536)
ours.sendall(b"Subject: begun")
process.send_signal(signal.SIGTERM)
said = b"".join(iter(lambda: ours.recv(65536), b""))
assert said.startswith(b"* BYE"), said
process.wait(5)
EOF
    run left_over
    assert_output ''
}

@test "what is appended, copied or moved is recent, with flags as without" {
    talk <<'EOF'
C: 1 CREATE fresh
S~ 1 OK*
C: 2 APPEND fresh (\\Seen) {12+}
C: Subject: a\r\n\
C:  {12+}
C: Subject: b\r\n\
C: 
S: 2 OK*
C: 3 STATUS fresh (RECENT)
S: * STATUS fresh (RECENT 2)
S: 3 OK*
C: 4 SELECT fresh
S~ * 2 RECENT
S~ 4 OK*
C: 5 CREATE other
S: 5 OK*
C: 6 COPY 1 other
S: 6 OK*
C: 7 MOVE 1 other
S~ 7 OK*
C: 8 EXAMINE other
S~ * 2 RECENT
S~ 8 OK*
C: 9 FETCH 1:2 FLAGS
S: * 1 FETCH (FLAGS (\Seen \Recent))
S: * 2 FETCH (FLAGS (\Seen \Recent))
S: 9 OK*
EOF
}
