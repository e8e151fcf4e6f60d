#!/usr/bin/env bats
# The ways in which a program can be started (DESIGN, section 3), and what a person sees who starts it wrongly.

load lib

setup_file() {
    demo_start
}

teardown_file() {
    demo_stop
}

@test "each server greets at its port" {
    "$TESTS/dialogue" "$IMAP" <<<'S: \* OK \[CAPABILITY IMAP4rev1 *'
    "$TESTS/dialogue" "tls:$IMAPS" <<<'S: \* OK \[CAPABILITY IMAP4rev1 *'
    "$TESTS/dialogue" "$POP3" <<<'S: +OK *'
    "$TESTS/dialogue" "tls:$POP3S" <<<'S: +OK *'
    "$TESTS/dialogue" "$LMTP" <<<'S: 220 *'
}

@test "at a terminal it says how it is meant to be started" {
    for program in imapd pop3d lmtpd; do
        run -2 script -qec "$POSTERN_BIN/$program" /dev/null
        assert_output --partial 'systemd'
        assert_output --partial 'inetd'
    done
}

@test "through a pipe, as ssh starts it, imapd greets with PREAUTH as the invoking user" {
    [ "$(id -u)" = 0 ] || skip "needs root to become somebody else"
    local md=$BATS_TEST_TMPDIR/md
    mkdir -p "$md" && chown 65534:65534 "$md" && chmod o+x "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR"
    run "$TESTS/dialogue" "exec:setpriv --reuid=65534 --regid=65534 --clear-groups $POSTERN_BIN/imapd -o mail=maildir:$md" <<'DIALOGUE'
S: \* PREAUTH *
C: a SELECT INBOX
S~ a OK \[READ-WRITE\] *
C: b LOGOUT
S: \* BYE *
S: b OK *
E:
DIALOGUE
    assert_success
}

@test "through a pipe as root it refuses in a sentence" {
    [ "$(id -u)" = 0 ] || skip "needs root"
    run "$TESTS/dialogue" "exec:$POSTERN_BIN/imapd" <<'DIALOGUE'
S: \* BYE *root*
E:
DIALOGUE
    assert_success
}

@test "through a pipe pop3d refuses in a sentence" {
    run "$TESTS/dialogue" "exec:setpriv --reuid=65534 --regid=65534 --clear-groups $POSTERN_BIN/pop3d" <<'DIALOGUE'
S: -ERR *
E:
DIALOGUE
    assert_success
}

@test "an unknown setting stops the start and names file, line and setting" {
    printf 'mail = "maildir:~/Maildir"\nmial = "x"\n' >"$BATS_TEST_TMPDIR/postern.conf"
    run "$POSTERN_BIN/mailadm" -c "$BATS_TEST_TMPDIR/postern.conf" conf
    assert_failure
    assert_output --partial "$BATS_TEST_TMPDIR/postern.conf:2"
    assert_output --partial 'mial'
    assert_output --partial 'mail'
}

@test "no half of a connection stays root, and the login process has no way out" {
    [ "$(id -u)" = 0 ] || skip "needs root"
    exec 5<>"/dev/tcp/${IMAP%:*}/${IMAP##*:}"
    read -r -t 5 greeting <&5
    printf 'a LOGIN user1 postern\r\n' >&5
    local line
    while read -r -t 10 line <&5 && [[ $line != 'a '* ]]; do :; done
    [[ $line == 'a OK'* ]]
    # The session is uid 5000, the user of the mail.
    run pgrep -u 5000 imapd
    assert_success
    for pid in $output; do
        grep -q '^NoNewPrivs:.*1' "/proc/$pid/status"
        grep -q '^Seccomp:.*2' "/proc/$pid/status"
        grep -Eq '^Uid:.5000.5000.5000.5000$' "/proc/$pid/status"
    done
    exec 5>&-
}

@test "before login the process is in an empty root directory, under its own uid, with a filter" {
    [ "$(id -u)" = 0 ] || skip "needs root"
    exec 5<>"/dev/tcp/${IMAP%:*}/${IMAP##*:}"
    read -r -t 5 greeting <&5
    local found=no pid
    for pid in $(pgrep -u nobody imapd); do
        [ "$(readlink "/proc/$pid/root")" = "$DIR/run/empty" ] || continue
        grep -q '^Seccomp:.*2' "/proc/$pid/status"
        found=yes
    done
    exec 5>&-
    [ $found = yes ]
}

@test "a module of another build is named, not used" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    cp "$POSTERN_BIN"/mailadm "$POSTERN_BIN"/*.so "$BATS_TEST_TMPDIR/bin"
    sed -i 's/postern-build-/postern-other-/' "$BATS_TEST_TMPDIR/bin/tls.so"
    run "$BATS_TEST_TMPDIR/bin/mailadm" -c "$DIR/postern.conf" check
    assert_failure
    assert_output --partial "$BATS_TEST_TMPDIR/bin/tls.so is of another build than this program: install both together"
    refute_output --partial 'crypt.so is of another build'
}

@test "where the configuration is broken the client is told that it is not his fault, and the log has file and line" {
    local conf=$BATS_TEST_TMPDIR/broken.conf program start
    printf '\nmial = x\n' >"$conf"
    expected() { # PROGRAM
        case $1 in
        imapd) echo 'S: \* BYE \[UNAVAILABLE\] *' ;;
        pop3d) echo 'S: -ERR \[SYS/TEMP\] *' ;;
        lmtpd) echo 'S: 421 4.3.5 *' ;;
        esac
        echo E:
    }
    for program in imapd pop3d lmtpd; do
        for start in nowait exec; do # a connected socket, a tunnel
            run --separate-stderr "$TESTS/dialogue" "$start:$POSTERN_BIN/$program -c $conf" <<<"$(expected $program)"
            assert_success
            # shellcheck disable=SC2154 # run sets it
            grep -F "$conf:2: unknown setting \`mial'; did you mean \`mail'?" <<<"$stderr"
        done
        run --separate-stderr "$TESTS/dialogue" "nowait:$POSTERN_BIN/$program -c $DIR/postern.conf -o login_root=/etc" \
            <<<"$(expected $program)"
        [ "$(id -u)" != 0 ] || assert_success
        # Who speaks TLS could not read it.
        "$TESTS/dialogue" "nowait:$POSTERN_BIN/$program -c $conf -o tls=implicit" <<<'E:'
    done
    # A listener that cannot start answers those who wait, so that nobody starts it again for them.
    run --separate-stderr python3 - "$POSTERN_BIN/imapd" "$conf" <<'PY'
import socket, subprocess, sys
listener = socket.create_server(("127.0.0.1", 0))
clients = [socket.create_connection(listener.getsockname()) for _ in range(3)]
assert subprocess.run([sys.argv[1], "-c", sys.argv[2]], stdin=listener, timeout=10).returncode == 78
for client in clients:
    assert client.makefile("rb").read().startswith(b"* BYE [UNAVAILABLE] "), client
PY
    assert_success
}
