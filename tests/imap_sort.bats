#!/usr/bin/env bats
# SORT over a session (RFC 5256, 3); the order of each key is in tests/unit/test_sort.c.
load imap_session

setup() {
    maildir_begin
    printf 'From: bob@example.org\nSubject: Re: tea\nDate: 3 Jan 2001 00:00:00 +0000\n\none\n' | put 1.a S
    printf 'From: ann@example.org\nSubject: =?utf-8?Q?=C3=84pfel?=\nDate: 2 Jan 2001 00:00:00 +0000\n\ntwo two\n' | put 2.b F
    printf 'From: cyn@example.org\nSubject: milk\nDate: 1 Jan 2001 00:00:00 +0000\n\nthree three\n' | put 3.c
    printf 'From: Ann@example.com\nSubject: [list] tea (fwd)\nDate: 2 Jan 2001 01:00:00 +0100\n\nfour\n' | put 4.d
}

@test "messages come in the order that was asked for" {
    talk <<'EOF'
C: 1 EXAMINE INBOX
S~ 1 OK*
C: 2 SORT (SUBJECT) UTF-8 ALL
S: * SORT 2 3 1 4
S: 2 OK*
C: 3 SORT (REVERSE SUBJECT) US-ASCII ALL
S: * SORT 1 4 3 2
S: 3 OK*
C: 4 SORT (DATE) "UTF-8" ALL
S: * SORT 3 2 4 1
S: 4 OK*
C: 5 SORT (FROM REVERSE DATE) utf-8 ALL
S: * SORT 2 4 1 3
S: 5 OK*
C: 6 sort (subject reverse from) utf-8 UNDELETED NOT SEEN
S: * SORT 2 3 4
S: 6 OK*
C: 7 SORT (ARRIVAL) UTF-8 SUBJECT "nothing"
S: * SORT
S: 7 OK*
C: 8 SORT (REVERSE CC TO CC) UTF-8 FROM {3+}
C: ann
S: * SORT 2 4
S: 8 OK*
EOF
}

@test "the UID form has UIDs, and a message that is gone is not sorted" {
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 STORE 1 +FLAGS (\\Deleted)
S~ 2 OK*
C: 3 EXPUNGE
S: * 1 EXPUNGE
S~ 3 OK*
C: 4 UID SORT (SUBJECT) UTF-8 ALL
S: * SORT 2 3 4
S: 4 OK*
C: 5 SORT (SUBJECT) UTF-8 UID 3:*
S: * SORT 2 3
S: 5 OK*
EOF
}

@test "what SORT and THREAD compare is known from then on without reading the mail" {
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 SORT (SUBJECT FROM DATE CC TO) UTF-8 ALL
S: * SORT 2 3 4 1
S: 2 OK*
EOF
    for file in "$MD"/cur/*; do # of the same size, but no mail any more
        tr -c '\n' x <"$file" >"$BATS_TEST_TMPDIR/x"
        touch -r "$file" "$BATS_TEST_TMPDIR/x"
        cat "$BATS_TEST_TMPDIR/x" >"$file"
        touch -r "$BATS_TEST_TMPDIR/x" "$file"
    done
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 SORT (SUBJECT FROM) UTF-8 ALL
S: * SORT 2 3 4 1
S: 2 OK*
C: 3 THREAD ORDEREDSUBJECT UTF-8 ALL
S: * THREAD (3)(2)(4 1)
S: 3 OK*
C: 4 SORT (SUBJECT) UTF-8 SUBJECT "TEA"
S: * SORT 1 4
S: 4 OK*
EOF
}

@test "a charset that is not known is refused by name, nonsense as such" {
    talk <<'EOF'
C: 1 EXAMINE INBOX
S~ 1 OK*
C: 2 SORT (SUBJECT) KLINGON ALL
S: 2 NO [BADCHARSET (*UTF-8*)]*
C: 3 SORT (SUBJECT) UTF-8 SUBJECT {1+}
C: \xff
S: 3 NO [BADCHARSET*
C: 4 SORT () UTF-8 ALL
S: 4 BAD*
C: 5 SORT (BOGUS) UTF-8 ALL
S: 5 BAD*
C: 6 SORT (REVERSE) UTF-8 ALL
S: 6 BAD*
C: 7 SORT (SUBJECT) UTF-8
S: 7 BAD*
C: 8 SORT SUBJECT UTF-8 ALL
S: 8 BAD*
C: 9 SORT (TO) UTF-8 ALL
S: * SORT 1 2 3 4
S: 9 OK*
EOF
}

@test "an empty mailbox sorts to nothing" {
    rm "$MD"/cur/*
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 SORT (SUBJECT) UTF-8 ALL
S: * SORT
S: 2 OK*
EOF
}
