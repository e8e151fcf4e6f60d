#!/usr/bin/env bats
# COPY and MOVE: RFC 3501, 6.4.7; RFC 6851; COPYUID of RFC 4315.
load imap_session

setup() {
    maildir_begin
    for n in 1 2 3; do
        printf 'Subject: %d\n\nbody\n' $n | put $n.m
    done
}

@test "COPY keeps flags, keywords and dates, and names the UIDs" {
    touch -d '2020-02-03 04:05:06Z' "$MD/cur/3.m:2,"
    talk <<'EOF'
C: 1 CREATE Other
S~ 1 OK*
C: 2 SELECT INBOX
S~ 2 OK*
C: 3 STORE 3 +FLAGS.SILENT (\\Flagged work)
S~ 3 OK*
C: 4 COPY 1,3 Other
S~ 4 OK [COPYUID * 1,3 1:2]*
C: 5 UID COPY 3 Other
S~ 5 OK [COPYUID * 3 3]*
C: 6 SELECT Other
S~ 6 OK*
C: 7 FETCH 2 (FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (Subject)])
S: * 2 FETCH (FLAGS (\Flagged*work*) INTERNALDATE " 3-Feb-2020 04:05:06 +0000" BODY[HEADER.FIELDS (Subject)] {14}
S: Subject: 3
S: 
S: )
S: 7 OK*
EOF
}

@test "a mailbox that is not there: TRYCREATE; UIDs that are not there: nothing to do" {
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 COPY 1 Nowhere
S: 2 NO [TRYCREATE]*
C: 3 MOVE 1 Nowhere
S: 3 NO [TRYCREATE]*
C: 4 UID COPY 100 INBOX
S: 4 OK There*
C: 5 COPY 4 INBOX
S: 5 BAD*
EOF
}

@test "MOVE tells the pairs before it takes the messages away" {
    talk <<'EOF'
C: 1 CREATE Other
S~ 1 OK*
C: 2 SELECT INBOX
S~ 2 OK*
C: 3 MOVE 1:2 Other
S: * OK [COPYUID * 1:2 1:2]*
S: * 1 EXPUNGE
S: * 1 EXPUNGE
S~ 3 OK*
C: 4 UID MOVE 3 Other
S: * OK [COPYUID * 3 3]*
S: * 1 EXPUNGE
S~ 4 OK*
C: 5 STATUS Other (MESSAGES UIDNEXT)
S: * STATUS Other (MESSAGES 3 UIDNEXT 4)
S: 5 OK*
C: 6 STATUS INBOX (MESSAGES)
S: * STATUS INBOX (MESSAGES 0)
S: 6 OK*
EOF
}

@test "COPY into the selected mailbox itself shows the new messages" {
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 COPY 2 INBOX
S* * 4 EXISTS
S* * RECENT
S: 2 OK [COPYUID * 2 4]*
EOF
}

@test "what another session expunged is left out, and nobody is told to create a mailbox" {
    talk <<'EOF'
C1: 0 CREATE Other
S1~ 0 OK*
C1: 1 SELECT INBOX
S1~ 1 OK*
C2: 1 SELECT INBOX
S2~ 1 OK*
C2: 2 STORE 1,3 +FLAGS.SILENT (\\Deleted)
S2~ 2 OK*
C2: 3 EXPUNGE
S2~ 3 OK*
C1: 2 COPY 1 Other
S1: 2 NO [EXPUNGEISSUED]*
C1: 3 COPY 1:2 Other
S1* * 1 EXPUNGE
S1* * 2 EXPUNGE
S1: 3 OK [COPYUID * 2 1] COPY done; some*
C1: 4 STATUS Other (MESSAGES)
S1: * STATUS Other (MESSAGES 1)
S1: 4 OK*
EOF
}
