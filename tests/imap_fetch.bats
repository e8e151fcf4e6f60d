#!/usr/bin/env bats
# FETCH: RFC 3501, 6.4.5.
load imap_session

setup() {
    maildir_begin
    put 1.a <<'MAIL'
From: Ann <ann@example.org>
To: bob@example.org
Subject: one
Date: Mon, 2 Nov 2026 09:00:00 +0100

Hello.
MAIL
    put 2.b S <<'MAIL'
Subject: two
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/plain

first
--x
Content-Type: message/rfc822

Subject: inner
From: carol@example.org

inside
--x--
MAIL
}

@test "items come in the order in which they are asked for" {
    talk <<'EOF'
S: * PREAUTH*
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 FETCH 1 (UID RFC822.SIZE FLAGS)
S: * 1 FETCH (UID 1 RFC822.SIZE 112 FLAGS (*))
S: 2 OK*
C: 3 FETCH 2 (FLAGS UID)
S: * 2 FETCH (FLAGS (\Seen*) UID 2)
S: 3 OK*
EOF
}

@test "macros stand for their items" {
    talk <<'EOF'
C: 1 EXAMINE INBOX
S~ 1 OK*
C: 2 FETCH 1 FAST
S: * 1 FETCH (FLAGS (*) INTERNALDATE "*" RFC822.SIZE 112)
S: 2 OK*
C: 3 FETCH 1 ALL
S: * 1 FETCH (FLAGS (*) INTERNALDATE "*" RFC822.SIZE 112 ENVELOPE ("Mon, 2 Nov 2026 09:00:00 +0100" "one" (("Ann" NIL "ann" "example.org")) (("Ann" NIL "ann" "example.org")) (("Ann" NIL "ann" "example.org")) ((NIL NIL "bob" "example.org")) NIL NIL NIL NIL))
S: 3 OK*
C: 4 FETCH 1 FULL
S: * 1 FETCH (FLAGS (*) INTERNALDATE "*" RFC822.SIZE 112 ENVELOPE (*) BODY ("text" "plain" * NIL NIL "7bit" 8 1))
S: 4 OK*
C: 5 FETCH 1 (ALL)
S: 5 BAD*
EOF
}

@test "sections, partials and what is not there" {
    talk <<'EOF'
C: 1 EXAMINE INBOX
S~ 1 OK*
C: 2 FETCH 1 (BODY[HEADER.FIELDS (subject from)] BODY[TEXT])
S: * 1 FETCH (BODY[HEADER.FIELDS (subject from)] {45}
L~
S:  BODY[TEXT] {8}
S: Hello.
S: )
S: 2 OK*
C: 3 FETCH 2 (BODY[1] BODY[2.HEADER] BODY[2.1] BODY[2.MIME])
S: * 2 FETCH (BODY[1] {5}
S: first BODY[2.HEADER] {43}
S: Subject: inner
S: From: carol@example.org
S: 
S:  BODY[2.1] {6}
S: inside BODY[2.MIME] {32}
S: Content-Type: message/rfc822
S: 
S: )
S: 3 OK*
C: 4 FETCH 1 (BODY[]<0.4> BODY[]<6.3> BODY[]<112.1> BODY[]<108.100>)
S: * 1 FETCH (BODY[]<0> {4}
S: From BODY[]<6> {3}
S: Ann BODY[]<112> "" BODY[]<108> {4}
S: o.
S: )
S: 4 OK*
C: 5 FETCH 1 (BODY[2] BODY[1.HEADER] BODY[1.MIME]<0.4> BODY[1])
S: * 1 FETCH (BODY[2] NIL BODY[1.HEADER] NIL BODY[1.MIME]<0> {4}
S: From BODY[1] {8}
S: Hello.
S: )
S: 5 OK*
C: 6 FETCH 1 (RFC822.HEADER RFC822.TEXT)
S: * 1 FETCH (RFC822.HEADER {104}
L~
S:  RFC822.TEXT {8}
L~
S: )
S: 6 OK*
EOF
}

@test "BODY[] sets \\Seen and shows it, once; PEEK does not" {
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 FETCH 1:2 (BODY.PEEK[TEXT]<0.1> RFC822.HEADER)
S~ 2 OK*
C: 3 FETCH 1 FLAGS
S: * 1 FETCH (FLAGS (\Recent))
S: 3 OK*
C: 4 FETCH 1:2 BODY[TEXT]<0.1>
S: * 1 FETCH (BODY[TEXT]<0> {1}
S: H FLAGS (\Seen \Recent))
S: * 2 FETCH (BODY[TEXT]<0> {1}
S: -)
S: 4 OK*
C: 5 FETCH 1 FLAGS
S: * 1 FETCH (FLAGS (\Seen \Recent))
S: 5 OK*
EOF
    run ls "$MD/cur"
    assert_line --regexp '^1\.a.*:2,S$'
}

@test "EXAMINE leaves \\Seen alone" {
    talk <<'EOF'
C: 1 EXAMINE INBOX
S~ 1 OK*
C: 2 FETCH 1 RFC822
S: * 1 FETCH (RFC822 {112}
L~
S: )
S: 2 OK*
EOF
    run ls "$MD/cur"
    assert_line --regexp '^1\.a.*:2,$'
}

@test "UID FETCH has the UID in each answer and passes over what is not there" {
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 UID FETCH 2:99 FLAGS
S: * 2 FETCH (UID 2 FLAGS (\Seen*))
S: 2 OK*
C: 3 UID FETCH 77 FLAGS
S: 3 OK*
C: 4 UID FETCH 99:* UID
S: * 2 FETCH (UID 2)
S: 4 OK*
C: 5 FETCH 3 FLAGS
S: 5 BAD*
C: 6 FETCH 1 BOGUS
S: 6 BAD*
C: 7 FETCH 1 BODY[MIME]
S: 7 BAD*
C: 8 FETCH 1 (FLAGS
S: 8 BAD*
EOF
}

@test "a message that can't be read: the others come, then NO" {
    put 3.c <<<"Subject: three"
    chmod 000 "$MD/cur/2.b:2,S"
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 FETCH 1:3 BODY.PEEK[HEADER.FIELDS (Subject)]
S: * 1 FETCH (BODY[HEADER.FIELDS (Subject)] {16}
L~
S: )
S: * 3 FETCH (BODY[HEADER.FIELDS (Subject)] {16}
L~
S: )
S: 2 NO*
C: 3 FETCH 1:3 FLAGS
S: * 1 FETCH (FLAGS (*))
S: * 2 FETCH (FLAGS (*))
S: * 3 FETCH (FLAGS (*))
S: 3 OK*
EOF
}

@test "sizes in names that lie change nothing" {
    printf 'Subject: lie\n\nbody\n' | put '3.c,S=5,W=6'
    printf 'Subject: lie\n\nbody\n' | put '4.d,S=5000,W=6000'
    talk <<'EOF'
C: 1 EXAMINE INBOX
S~ 1 OK*
C: 2 FETCH 3:4 (RFC822.SIZE BODY.PEEK[] BODY.PEEK[TEXT])
S: * 3 FETCH (RFC822.SIZE 22 BODY[] {22}
L~
S:  BODY[TEXT] {6}
S: body
S: )
S: * 4 FETCH (RFC822.SIZE 22 BODY[] {22}
L~
S:  BODY[TEXT] {6}
S: body
S: )
S: 2 OK*
EOF
}

@test "a message that changed its size on the disk is refused once, then read anew: never a literal of a wrong length" {
    head -c 200000 /dev/zero | tr '\0' x | fold | put 3.c
    as_user /usr/bin/python3 - "$POSTERN_BIN/imapd" "$MD" <<'EOF'
import os, re, socket, subprocess, sys
ours, theirs = socket.socketpair()
subprocess.Popen([sys.argv[1], "-o", "mail=maildir:" + sys.argv[2]], stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
theirs.close()
file = ours.makefile("rb")
ours.sendall(b"1 EXAMINE INBOX\r\n2 FETCH 1:3 (RFC822.SIZE BODYSTRUCTURE)\r\n")
while not file.readline().startswith(b"2 OK"):
    pass
os.truncate(sys.argv[2] + "/cur/1.a:2,", 50)
os.truncate(sys.argv[2] + "/cur/3.c:2,", 100000)
ours.sendall(b"3 FETCH 1 BODY.PEEK[]\r\n4 FETCH 3 BODY.PEEK[]\r\n5 FETCH 1 BODY.PEEK[]\r\n6 LOGOUT\r\n")
said = file.read()
assert re.match(rb"3 NO [^\r]*\r\n4 NO [^\r]*\r\n\* 1 FETCH \(BODY\[\] \{(\d+)\}\r\n", said), said
size = int(re.search(rb"\{(\d+)\}", said)[1])
assert said[said.index(b"}") + 3 + size:].startswith(b")\r\n5 OK"), said
EOF
}

@test "another session's expunge does not renumber a FETCH" {
    put 3.c <<<"Subject: three"
    talk <<'EOF'
C1: 1 SELECT INBOX
S1~ 1 OK*
C2: 1 SELECT INBOX
S2~ 1 OK*
C2: 2 STORE 1 +FLAGS.SILENT (\\Deleted)
S2~ 2 OK*
C2: 3 EXPUNGE
S2: * 1 EXPUNGE
S2~ 3 OK*
C1: 2 FETCH 1:3 (UID BODY.PEEK[HEADER.FIELDS (Subject)])
S1~ * 2 FETCH (UID 2 BODY[*
L1~
S1: )
S1: * 3 FETCH (UID 3 BODY[*
L1~
S1: )
S1~ 2 OK [EXPUNGEISSUED]*
C1: 3 FETCH 1 BODY.PEEK[]
S1~ 3 NO [EXPUNGEISSUED]*
C1: 4 NOOP
S1: * 1 EXPUNGE
S1~ 4 OK*
EOF
}

@test "NUL octets become 0x80: a literal of IMAP4rev1 can't hold them" {
    printf 'Subject: nul\n\na\0b\n' | put 3.c
    as_user /usr/bin/python3 - "$POSTERN_BIN/imapd" "$MD" <<'EOF'
import socket, subprocess, sys
ours, theirs = socket.socketpair()
process = subprocess.Popen([sys.argv[1], "-o", "mail=maildir:" + sys.argv[2]], stdin=theirs, stdout=theirs)
theirs.close()
ours.sendall(b"1 EXAMINE INBOX\r\n2 FETCH 3 BODY[TEXT]\r\n3 LOGOUT\r\n")
said = b"".join(iter(lambda: ours.recv(65536), b""))
assert b"* 3 FETCH (BODY[TEXT] {5}\r\na\x80b\r\n)\r\n2 OK" in said, said
EOF
}

@test "a big message streams: its exact length, little memory" {
    {
        printf 'Subject: big\n\n'
        yes 0123456789abcdef0123456789abcdef0123456789abcdef | head -c 49000000
    } | put 3.c
    as_user /usr/bin/python3 - "$POSTERN_BIN/imapd" "$MD" <<'EOF'
import re, socket, subprocess, sys
ours, theirs = socket.socketpair()
process = subprocess.Popen([sys.argv[1], "-o", "mail=maildir:" + sys.argv[2]], stdin=theirs, stdout=theirs)
theirs.close()
file = ours.makefile("rb")
ours.sendall(b"1 EXAMINE INBOX\r\n2 FETCH 3 BODY[]\r\n")
while b" FETCH (" not in (line := file.readline()):
    assert line, "closed"
size = int(re.search(rb"\{(\d+)\}", line)[1])
assert size == 16 + 49000000 + 1000000, size
left = size
while left:
    left -= len(file.read(min(left, 1 << 20)))
assert file.readline() == b")\r\n"
assert file.readline().startswith(b"2 OK")
peak = int(re.search(r"VmHWM:\s+(\d+)", open("/proc/%d/status" % process.pid).read())[1])
assert peak < 32 * 1024, "%d kB" % peak
EOF
}
