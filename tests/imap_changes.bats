#!/usr/bin/env bats
# What one IMAP session is told of another's doing, and when: sequence numbers never shift under a command that uses them (RFC 3501, 7.4.1).

load lib

setup_file() {
    demo_start --no-mail --users 6
}

teardown_file() {
    demo_stop
}

# USER: two sessions with three messages in INBOX selected, then the dialogue
both() {
    for word in one two three; do
        deliver "$1" $word
    done
    {
        for c in '' 2; do
            printf 'S%s: \\* OK *\nC%s: a LOGIN %s postern\nS%s~ a OK *\nC%s: b SELECT INBOX\nS%s~ \\* 3 EXISTS\nS%s~ b OK *\n' \
                "$c" "$c" "$1" "$c" "$c" "$c" "$c"
        done
        cat
    } | imap
}

@test "FETCH, STORE and SEARCH by number keep the numbers; the next command tells" {
    run both user1 <<'DIALOGUE'
C2: c STORE 1 +FLAGS.SILENT (\\Deleted)
S2: c OK *
C2: d EXPUNGE
S2: \* 1 EXPUNGE
S2~ d OK *
C: c FETCH 3 UID
S: \* 3 FETCH (UID 3)
S: c OK *
C: d STORE 3 +FLAGS (\\Flagged)
S: \* 3 FETCH (FLAGS (\Flagged*))
S: d OK *
C: e SEARCH FLAGGED
S: \* SEARCH 3
S: e OK *
C: f NOOP
S: \* 1 EXPUNGE
S: f OK *
C: g FETCH 2 UID
S: \* 2 FETCH (UID 3)
S: g OK *
DIALOGUE
    assert_success
}

@test "the UID forms may tell" {
    run both user2 <<'DIALOGUE'
C2: c STORE 2 +FLAGS.SILENT (\\Deleted)
S2: c OK *
C2: d EXPUNGE
S2: \* 2 EXPUNGE
S2~ d OK *
C: c UID FETCH 3 UID
S: \* 3 FETCH (UID 3)
S: \* 2 EXPUNGE
S: c OK *
C: d FETCH 2 UID
S: \* 2 FETCH (UID 3)
S: d OK *
DIALOGUE
    assert_success
}

@test "a message that is gone already: its number stays until that is told" {
    run both user3 <<'DIALOGUE'
C2: c STORE 1 +FLAGS.SILENT (\\Deleted)
S2: c OK *
C2: d EXPUNGE
S2: \* 1 EXPUNGE
S2~ d OK *
C: c FETCH 1:3 (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])
S~ \* 2 FETCH (UID 2 BODY[HEADER.FIELDS (SUBJECT)] {16}
L: 16
S: )
S: \* 3 FETCH (UID 3 BODY[HEADER.FIELDS (SUBJECT)] {18}
L: 18
S: )
S: c *
C: d NOOP
S: \* 1 EXPUNGE
S: d OK *
DIALOGUE
    assert_success
}

@test "flags and new keywords of others come with the next command, each once" {
    run both user4 <<'DIALOGUE'
C2: c STORE 2 +FLAGS.SILENT (\\Answered $Todo)
S2: \* FLAGS (\Answered \Flagged \Deleted \Seen \Draft $Todo)
S2: c OK *
C: c NOOP
S: \* FLAGS (\Answered \Flagged \Deleted \Seen \Draft $Todo)
S: \* 2 FETCH (FLAGS (\Answered*$Todo))
S: c OK *
C: d NOOP
S: d OK *
DIALOGUE
    assert_success
}

@test "EXPUNGE removes what another session marked, though this one was not told yet" {
    run both user5 <<'DIALOGUE'
C2: c STORE 2 +FLAGS.SILENT (\\Deleted)
S2: c OK *
C: c EXPUNGE
S: \* 2 FETCH (FLAGS (\Deleted*))
S: \* 2 EXPUNGE
S: c OK *
C2: d STORE 3 +FLAGS.SILENT (\\Deleted)
S2: d OK *
C: d UID EXPUNGE 3
S: \* 2 FETCH (UID 3 FLAGS (\Deleted*))
S: \* 2 EXPUNGE
S: d OK *
C2: e NOOP
S2: \* 2 EXPUNGE
S2: \* 2 EXPUNGE
S2: e OK *
DIALOGUE
    assert_success
}

@test "CLOSE removes what another session marked" {
    run both user6 <<'DIALOGUE'
C2: c STORE 1 +FLAGS.SILENT (\\Deleted)
S2: c OK *
C: c CLOSE
S: c OK *
C2: d NOOP
S2: \* 1 EXPUNGE
S2: d OK *
DIALOGUE
    assert_success
}
