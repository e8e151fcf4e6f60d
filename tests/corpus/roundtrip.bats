#!/usr/bin/env bats
# The mail of the corpus goes in over LMTP (DATA and BDAT in turn) and comes out over POP3 and IMAP octet for octet.

load ../lib

setup_file() {
    demo_start --users 1 --no-mail
}

teardown_file() {
    demo_stop
}

@test "every message of the corpus comes back octet for octet, trace fields aside" {
    run timeout 300 "$TESTS/corpus/roundtrip" --lmtp "$LMTP" --pop3 "$POP3" --imap "$IMAP" --user user1
    assert_success
    assert_output --regexp '^[1-9][0-9]+ messages, 0 differ'
}
