#!/usr/bin/env bats
# Several sessions on one mailbox: each is told what happens, in numbers that are right at every step (RFC 3501, 7.4.1; RFC 2180).
load imap_session

setup() {
    maildir_begin
    for n in {10..40}; do
        printf 'Subject: %d\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nbody %d\n--x--\n' $n $n | put $n.m
    done
}

@test "sessions at random keep numbers, messages and flags in step" {
    run as_user "$TESTS/several" -s "${SEED:-1}" -t "${SEVERAL_SECONDS:-8}" "$POSTERN_BIN/imapd" -o "mail=maildir:$MD" -o log_level=warning
    echo "$output"
    assert_success
    assert_output --partial 'messages at the end'
}

@test "sessions at the same moment, as fast as they can: nothing is refused, nobody loses a message" {
    demo_start --no-mail --users 1
    run "$TESTS/crowd" -t "${CROWD_SECONDS:-6}" "$IMAP" user1 "$PASSWORD"
    demo_stop
    echo "$output"
    assert_success
    assert_output --partial ' 0 wrong'
}
