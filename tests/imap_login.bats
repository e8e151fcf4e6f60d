#!/usr/bin/env bats
# What imapd says before anybody is logged in.

load lib

setup_file() {
    demo_start --no-mail --users 2
}

teardown_file() {
    demo_stop
}

@test "the greeting announces what can be done before login, and CAPABILITY the same" {
    run "$TESTS/dialogue" "tls:$IMAPS" <<'DIALOGUE'
S: \* OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE AUTH=PLAIN AUTH=LOGIN] *
C: a capability
S: \* CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE AUTH=PLAIN AUTH=LOGIN
S: a OK *
DIALOGUE
    assert_success
}

@test "STARTTLS is announced where it can be used, once" {
    run imap <<'DIALOGUE'
S: \* OK [CAPABILITY * STARTTLS *
C: a STARTTLS
S: a OK *
T:
C: b CAPABILITY
S: \* CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE AUTH=PLAIN AUTH=LOGIN
S: b OK *
C: c STARTTLS
S: c BAD TLS is active already
C: d LOGIN user1 postern
S: d OK [CAPABILITY IMAP4rev1 *] Logged in
DIALOGUE
    assert_success
}

@test "what was sent in plain behind STARTTLS is never run" {
    run imap <<'DIALOGUE'
S: \* OK *
C: a STARTTLS\r\nb LOGIN user1 postern
S: a OK *
E:
DIALOGUE
    assert_success
}

@test "LOGIN takes words, quoted strings and literals of both kinds" {
    local login
    for login in 'user1 postern' '"user1" "postern"'; do
        run imap <<<"S~ \\* OK *
C: a LOGIN $login
S: a OK [CAPABILITY IMAP4rev1 *] Logged in"
        assert_success
    done
    run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN {5}
S: + *
C: user1 {7+}\r\npostern
S: a OK [CAPABILITY IMAP4rev1 *] Logged in
DIALOGUE
    assert_success
}

@test "AUTHENTICATE PLAIN with and without an initial response, and LOGIN" {
    run imap <<'DIALOGUE'
S: \* OK *
C: a AUTHENTICATE PLAIN AHVzZXIxAHBvc3Rlcm4=
S: a OK [CAPABILITY IMAP4rev1 *] Logged in
DIALOGUE
    assert_success
    run imap <<'DIALOGUE'
S: \* OK *
C: a authenticate plain
S: + 
C: AHVzZXIxAHBvc3Rlcm4=
S: a OK [CAPABILITY IMAP4rev1 *] Logged in
DIALOGUE
    assert_success
    run imap <<'DIALOGUE'
S: \* OK *
C: a AUTHENTICATE LOGIN
S: + VXNlcm5hbWU6
C: dXNlcjE=
S: + UGFzc3dvcmQ6
C: cG9zdGVybg==
S: a OK [CAPABILITY IMAP4rev1 *] Logged in
DIALOGUE
    assert_success
}

@test "an exchange that is cancelled, broken or of an unknown mechanism leaves the dialogue as it was" {
    run imap <<'DIALOGUE'
S: \* OK *
C: a AUTHENTICATE PLAIN
S: + 
C: *
S: a BAD You cancelled the authentication
C: b AUTHENTICATE PLAIN
S: + 
C: not base64
S: b BAD *
C: c AUTHENTICATE PLAIN =
S: c BAD That is not what the mechanism asks for
C: d AUTHENTICATE SKEY
S: d NO [CANNOT] *
C: e LOGIN user1 postern
S: e OK *
DIALOGUE
    assert_success
}

@test "unknown user and wrong password look the same; after some the connection ends" {
    run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user1 wrong
S: a NO [AUTHENTICATIONFAILED] Wrong name or password
C: b LOGIN nobody postern
S: b NO [AUTHENTICATIONFAILED] Wrong name or password
C: c AUTHENTICATE PLAIN AHVzZXIxAHdyb25n
S: c NO [AUTHENTICATIONFAILED] Wrong name or password
S: \* BYE *
E:
DIALOGUE
    assert_success
}

@test "what makes no sense gets a sentence that helps" {
    run imap <<'DIALOGUE'
S: \* OK *
C: a
S: a BAD Expected a space and one more argument, found the end of the command
C: * NOOP
S: \* BAD Expected a tag
C: b FETCH 1 FLAGS
S: b BAD Log in first, with LOGIN or AUTHENTICATE
C: c UID SEARCH ALL
S: c BAD Log in first, with LOGIN or AUTHENTICATE
C: d XYZZY plugh
S: d BAD There is no command XYZZY
C: e LOGIN user1
S: e BAD Expected a space and one more argument, found the end of the command
C: f LOGIN user1 pos tern
S: f BAD Expected the end of the command, found a space
C: g LOGIN "user1 postern
S: g BAD A quoted string has no end on its line
C: h NOOP\0
S: h BAD Expected the end of the command, found octet 0x00
C: i NOOP
S: i OK *
DIALOGUE
    assert_success
}

@test "a thousand errors are not listened to" {
    run python3 - "$IMAP" <<'PY'
import socket, sys
host, port = sys.argv[1].split(":")
s = socket.create_connection((host, int(port)))
s.settimeout(10)
try:
    s.sendall(b"\r\n" * 1000)
except OSError:
    pass
data = b""
try:
    while piece := s.recv(65536):
        data += piece
except ConnectionResetError:
    pass
assert data.count(b"* BAD") == 20, data
assert b"* BYE Too many commands that make no sense" in data, data
PY
    assert_success
}

@test "ID is answered and noted before login; LOGOUT says good bye" {
    run imap <<'DIALOGUE'
S: \* OK *
C: a ID ("name" "tester" "version" NIL)
S: \* ID *
S: a OK *
C: b LOGOUT
S: \* BYE *
S: b OK *
E:
DIALOGUE
    assert_success
    run logs
    assert_output --partial 'client: name=tester, version=NIL'
}

@test "passwords are refused without TLS where the administrator says so" {
    mkdir "$BATS_TEST_TMPDIR/never"
    DIR=$BATS_TEST_TMPDIR/never demo_start --no-mail --users 1 -o plaintext=never
    run "$TESTS/dialogue" "$IMAP" <<'DIALOGUE'
S: \* OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE STARTTLS LOGINDISABLED] *
C: a LOGIN user1 postern
S: a NO [PRIVACYREQUIRED] Passwords are taken only under TLS: use STARTTLS first
C: b AUTHENTICATE PLAIN AHVzZXIxAHBvc3Rlcm4=
S: b NO [PRIVACYREQUIRED] *
C: c STARTTLS
S: c OK *
T:
C: d LOGIN user1 postern
S: d OK *
DIALOGUE
    DIR=$BATS_TEST_TMPDIR/never demo_stop
    assert_success
}
