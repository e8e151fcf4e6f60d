#!/usr/bin/env bats
# SEARCH over a session (RFC 3501, 6.4.4); what each key finds is in tests/unit/test_search.c.
load imap_session

setup() {
    maildir_begin
    printf 'From: ann@example.org\nSubject: =?utf-8?Q?caf=C3=A9?=\n\none\n' | put 1.a S
    printf 'From: bob@example.org\nSubject: tea\nContent-Transfer-Encoding: base64\nContent-Type: text/plain; charset=utf-8\n\nY2Fmw6k=\n' | put 2.b F
    printf 'From: ann@example.org\nSubject: milk\n\nthree\n' | put 3.c
}

@test "answers are one line, in numbers or UIDs" {
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 STORE 1 +FLAGS (\\Deleted)
S~ 2 OK*
C: 3 EXPUNGE
S: * 1 EXPUNGE
S~ 3 OK*
C: 4 SEARCH ALL
S: * SEARCH 1 2
S: 4 OK*
C: 5 UID SEARCH ALL
S: * SEARCH 2 3
S: 5 OK*
C: 6 SEARCH SEEN
S: * SEARCH
S: 6 OK*
C: 7 UID SEARCH UID 3:* 1:*
S: * SEARCH 3
S: 7 OK*
C: 8 SEARCH UNSEEN NOT FLAGGED
S: * SEARCH 2
S: 8 OK*
EOF
}

@test "text is found in any charset and encoding" {
    talk <<'EOF'
C: 1 EXAMINE INBOX
S~ 1 OK*
C: 2 SEARCH CHARSET UTF-8 SUBJECT {5}
S: + *
C: CAF\xc3\x89
S: * SEARCH 1
S: 2 OK*
C: 3 SEARCH CHARSET ISO-8859-1 BODY {4+}
C: caf\xe9
S: * SEARCH 2
S: 3 OK*
C: 4 SEARCH CHARSET UTF-8 TEXT {5+}
C: caf\xc3\xa9
S: * SEARCH 1 2
S: 4 OK*
C: 5 SEARCH OR FROM bob BODY "THREE"
S: * SEARCH 2 3
S: 5 OK*
C: 6 SEARCH CHARSET UTF-8 TEXT "caf\xc3\xa9"
S: * SEARCH 1 2
S: 6 OK*
C: 7 SEARCH SUBJECT "caf\xc3\xa9"
S: * SEARCH 1
S: 7 OK*
C: 8 SEARCH SUBJECT "caf\xe9"
S: 8 NO [BADCHARSET (US-ASCII UTF-8)]*
EOF
}

@test "an unknown charset is refused by name, nonsense as such" {
    talk <<'EOF'
C: 1 EXAMINE INBOX
S~ 1 OK*
C: 2 SEARCH CHARSET KLINGON SUBJECT {3}
S: + *
C: abc
S: 2 NO [BADCHARSET (*UTF-8*)]*
C: 3 SEARCH CHARSET UTF-8 SUBJECT {1+}
C: \xff
S: 3 NO [BADCHARSET*
C: 4 SEARCH BOGUS
S: 4 BAD*
C: 5 SEARCH ((((SEEN)
S: 5 BAD*
C: 6 SEARCH 2
S: * SEARCH 2
S: 6 OK*
EOF
}

@test "an empty mailbox has nothing to find" {
    rm "$MD"/cur/*
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 SEARCH ALL
S: * SEARCH
S: 2 OK*
C: 3 UID SEARCH 1:*
S: * SEARCH
S: 3 OK*
C: 4 UID SEARCH UID *
S: * SEARCH
S: 4 OK*
EOF
}
