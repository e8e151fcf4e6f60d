#!/usr/bin/env bats
# THREAD over a session (RFC 5256, 3); the algorithms are in tests/unit/test_thread.c.
load imap_session

setup() {
    maildir_begin
    printf 'Message-ID: <a@x>\nSubject: tea\nDate: 1 Jan 2001 00:00:00 +0000\n\n\n' | put 1.a S
    printf 'Message-ID: <b@x>\nReferences: <a@x>\nSubject: Re: tea\nDate: 2 Jan 2001 00:00:00 +0000\n\n\n' | put 2.b
    printf 'Message-ID: <c@x>\nReferences: <a@x>\n <b@x>\nSubject: milk (was: tea)\nDate: 3 Jan 2001 00:00:00 +0000\n\n\n' | put 3.c
    printf 'Message-ID: <d@x>\nIn-Reply-To: <b@x>\nSubject: Re: tea\nDate: 4 Jan 2001 00:00:00 +0000\n\n\n' | put 4.d
    printf 'Message-ID: <e@x>\nReferences: <gone@x>\nSubject: soup\nDate: 5 Jan 2001 00:00:00 +0000\n\n\n' | put 5.e
    printf 'Message-ID: <f@x>\nReferences: <gone@x>\nSubject: soup!\nDate: 6 Jan 2001 00:00:00 +0000\n\n\n' | put 6.f
    printf 'Message-ID: <g@x>\nSubject: Re: tea\nDate: 7 Jan 2001 00:00:00 +0000\n\n\n' | put 7.g
}

@test "messages come as threads, by references or by subject" {
    talk <<'EOF'
C: 1 EXAMINE INBOX
S~ 1 OK*
C: 2 THREAD REFERENCES UTF-8 ALL
S: * THREAD (1 (2 (3)(4))(7))((5)(6))
S: 2 OK*
C: 3 THREAD ORDEREDSUBJECT UTF-8 ALL
S: * THREAD (1 (2)(4)(7))(3)(5)(6)
S: 3 OK*
C: 4 thread references us-ascii 2:4
S: * THREAD (2 (3)(4))
S: 4 OK*
C: 5 THREAD REFERENCES UTF-8 SUBJECT "soup!"
S: * THREAD (6)
S: 5 OK*
C: 6 THREAD REFERENCES UTF-8 SUBJECT "nothing"
S: * THREAD
S: 6 OK*
EOF
}

@test "the UID form has UIDs" {
    talk <<'EOF'
C: 1 SELECT INBOX
S~ 1 OK*
C: 2 STORE 1 +FLAGS (\\Deleted)
S~ 2 OK*
C: 3 EXPUNGE
S: * 1 EXPUNGE
S~ 3 OK*
C: 4 UID THREAD REFERENCES UTF-8 ALL
S: * THREAD ((2 (3)(4))(7))((5)(6))
S: 4 OK*
C: 5 THREAD ORDEREDSUBJECT UTF-8 UID 2:4
S: * THREAD (1 3)(2)
S: 5 OK*
EOF
}

@test "what is not known is refused" {
    talk <<'EOF'
C: 1 EXAMINE INBOX
S~ 1 OK*
C: 2 THREAD REFERENCES KLINGON ALL
S: 2 NO [BADCHARSET (*UTF-8*)]*
C: 3 THREAD BOGUS UTF-8 ALL
S: 3 BAD*
C: 4 THREAD REFERENCES UTF-8
S: 4 BAD*
C: 5 THREAD REFERENCES UTF-8 ALL junk
S: 5 BAD*
EOF
}

@test "references in a circle are no thread without end" {
    rm "$MD"/cur/*
    for i in 1 2 3 4 5 6 7 8 9; do
        printf 'Message-ID: <%d@x>\nReferences: <%d@x>\n\n' "$i" $((i % 9 + 1)) | put "$i.x"
    done
    talk <<'EOF'
C: 1 EXAMINE INBOX
S~ 1 OK*
C: 2 THREAD REFERENCES UTF-8 ALL
S: * THREAD (9 8 7 6 5 4 3 2 1)
S: 2 OK*
EOF
}
