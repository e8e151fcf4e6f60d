#!/usr/bin/env bats
# STORE, EXPUNGE, UID EXPUNGE: RFC 3501, 6.4.3 and 6.4.6; RFC 4315.
load imap_session

setup() {
    maildir_begin
    for n in 1 2 3; do
        printf 'Subject: %d\n\nbody\n' $n | put $n.m
    done
}

@test "flags are set, added, taken away, and answered" {
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 STORE 1 FLAGS (\\Seen \\Flagged)
S: * 1 FETCH (FLAGS (\Flagged \Seen*))
S: 2 OK*
C: 3 STORE 1 -FLAGS \\Seen
S: * 1 FETCH (FLAGS (\Flagged*))
S: 3 OK*
C: 4 STORE 1:2 +FLAGS.SILENT (\\Answered)
S: 4 OK*
C: 5 FETCH 1:2 FLAGS
S: * 1 FETCH (FLAGS (\Answered \Flagged*))
S: * 2 FETCH (FLAGS (\Answered*))
S: 5 OK*
C: 6 UID STORE 2 FLAGS ()
S: * 2 FETCH (UID 2 FLAGS (*))
S: 6 OK*
C: 7 STORE 1 +FLAGS \\Recent
S: 7 BAD*
C: 8 STORE 1 +FLAG \\Seen
S: 8 BAD*
EOF
    run ls "$MD/cur"
    assert_line --regexp '^1\.m.*:2,FR$'
}

@test "a keyword is announced before it is used, and kept" {
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 STORE 1 +FLAGS ($Forwarded work)
S: * FLAGS (* $Forwarded work)
S: * 1 FETCH (FLAGS (*$Forwarded work))
S: 2 OK*
C: 3 STORE 2 -FLAGS (unheard)
S: * 2 FETCH (FLAGS (*))
S: 3 OK*
EOF
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 FETCH 1 FLAGS
S: * 1 FETCH (FLAGS ($Forwarded work))
S: 2 OK*
EOF
    run cat "$MD/dovecot-keywords"
    assert_line '0 $Forwarded'
    assert_line '1 work'
}

@test "nothing is changed in a mailbox that was opened by EXAMINE" {
    talk <<'EOF'
C: 1 EXAMINE INBOX
S~ 1 OK*
C: 2 STORE 1 +FLAGS \\Seen
S: 2 NO [READ-ONLY]*
C: 3 EXPUNGE
S: 3 NO [READ-ONLY]*
C: 4 MOVE 1 INBOX
S: 4 NO [READ-ONLY]*
EOF
}

@test "EXPUNGE takes what is \\Deleted; UID EXPUNGE only of those UIDs" {
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 STORE 1,3 +FLAGS.SILENT \\Deleted
S: 2 OK*
C: 3 UID EXPUNGE 2:3
S: * 3 EXPUNGE
S~ 3 OK*
C: 4 SEARCH ALL
S: * SEARCH 1 2
S: 4 OK*
C: 5 EXPUNGE
S: * 1 EXPUNGE
S~ 5 OK*
C: 6 UID SEARCH ALL
S: * SEARCH 2
S: 6 OK*
C: 7 UID EXPUNGE
S: 7 BAD*
EOF
    run ls "$MD/cur"
    assert_output --regexp '^2\.m[^ ]*$'
}

@test "one session's flags reach the other" {
    talk <<'EOF'
C1: 1 SELECT INBOX
S1~ 1 OK*
C2: 1 SELECT INBOX
S2~ 1 OK*
C1: 2 STORE 2 +FLAGS (\\Flagged)
S1~ 2 OK*
C2: 2 NOOP
S2: * 2 FETCH (*FLAGS (\Flagged*)*)
S2~ 2 OK*
EOF
}

@test "STORE on a message that another session expunged" {
    talk <<'EOF'
C1: 1 SELECT INBOX
S1~ 1 OK*
C2: 1 SELECT INBOX
S2~ 1 OK*
C2: 2 STORE 1 +FLAGS.SILENT \\Deleted
S2~ 2 OK*
C2: 3 EXPUNGE
S2~ 3 OK*
C1: 2 STORE 1:2 +FLAGS \\Seen
S1: * 2 FETCH (FLAGS (*Seen*))
S1~ 2 OK [EXPUNGEISSUED]*
C1: 3 STORE 1 +FLAGS \\Seen
S1~ 3 NO [EXPUNGEISSUED]*
EOF
}
