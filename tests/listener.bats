#!/usr/bin/env bats
# What stays of a login, and what the listener learns of an end: processes of one TLS connection of a listener, looked at
# from outside.

load lib

setup_file() {
    demo_start
}

teardown() {
    [ -z "${CLIENT_PID:-}" ] || kill "$CLIENT_PID" 2>/dev/null || true
}

teardown_file() {
    demo_stop
}

# Logs in over TLS as somebody whose password is found nowhere else; TLS_END: the process that speaks TLS,
# SESSION: the user's, LISTENER.
tls_session() {
    echo "hidden:{PLAIN}kept-out-of-memory:5000:5000::$DIR/mail/user1::" >>"$DIR/users"
    coproc CLIENT { openssl s_client -quiet -connect "$IMAPS" 2>/dev/null 3>&-; }
    local line pid
    read -r -t 10 line <&"${CLIENT[0]}"
    printf 'a LOGIN hidden kept-out-of-memory\r\n' >&"${CLIENT[1]}"
    while read -r -t 10 line <&"${CLIENT[0]}" && [[ $line != 'a '* ]]; do :; done
    [[ $line == 'a OK'* ]]
    TLS_END=
    for pid in $(pgrep -u nobody imapd); do
        [ "$(readlink "/proc/$pid/root")" != "$DIR/run/empty" ] || TLS_END=$pid
    done
    SESSION=$(ps -o ppid= -p "$TLS_END" | tr -d ' ')
    LISTENER=$(ps -o ppid= -p "$SESSION" | tr -d ' ')
}

@test "a password is in nobody's memory once its user is logged in" {
    [ "$(id -u)" = 0 ] || skip "reads the memory of other processes"
    tls_session
    in_memory "$SESSION" hidden # so that not finding something means something
    for pid in $TLS_END $SESSION $LISTENER; do
        run in_memory "$pid" kept-out-of-memory
        assert_failure
    done
    kill "$CLIENT_PID"
}

@test "a crash of the TLS end of a session is the listener's to know: it starts anew" {
    [ "$(id -u)" = 0 ] || skip "one uid for all"
    tls_session
    kill -SEGV "$TLS_END"
    anew() { grep -q "died of signal 11.*starting anew" "$DIR"/imaps.log; }
    wait_until 5 anew
    "$TESTS/dialogue" "tls:$IMAPS" <<<'S: \* OK \[CAPABILITY IMAP4rev1 *'
}
