#!/usr/bin/env bats
# tests/demo as a new user runs it: as root and as an ordinary user, with --stop and with Ctrl-C.

load lib

# Processes whose executable or script is in our directories and whose arguments name DIR.
running_in() {
    pgrep -fc -- "-c $1/postern.conf" || true
}

# A base whose five ports nobody listens on.
free_base() {
    local base port
    while :; do
        base=$((11000 + RANDOM % 200 * 100))
        for port in 143 993 110 995 24; do
            (exec 3<>"/dev/tcp/127.0.0.1/$((base + port))") 2>/dev/null && continue 2
        done
        echo $base
        return
    done
}

@test "it prints one ready line, and curl works as the line says" {
    DIR=$BATS_TEST_TMPDIR/demo
    demo_start --users 3
    run curl -sSk -u user3:postern "imaps://$IMAPS/"
    demo_stop
    assert_success
    assert_line --partial '\Sent'
    [ "$(running_in "$DIR")" = 0 ]
}

@test "Ctrl-C leaves nothing running, sessions included" {
    local dir=$BATS_TEST_TMPDIR/demo base
    base=$(free_base)
    chmod o+x "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR"
    # A new session of its own, so that the signal reaches the demo as the terminal would send it: the whole group.
    env --default-signal=INT setsid "$TESTS/demo" --dir "$dir" --port-base $base >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    local demo=$!
    wait_until 60 grep -q 'Ctrl-C' "$BATS_TEST_TMPDIR/out"
    exec 5<>/dev/tcp/127.0.0.1/$((base + 143))
    printf 'a LOGIN user1 postern\r\nb IDLE\r\n' >&5
    wait_until 5 sh -c "head -c 20 <&5 | grep -q OK" 5<&5 || true
    [ "$(running_in "$dir")" -ge 6 ]
    kill -INT -- "-$(ps -o pgid= -p $demo | tr -d ' ')" || kill -INT $demo
    wait $demo || true
    nothing() {
        [ "$(running_in "$dir")" = 0 ]
    }
    wait_until 5 nothing
    exec 5>&-
}

@test "an ordinary user runs it too, everything under his own uid" {
    [ "$(id -u)" = 0 ] || skip "the other tests run it so already"
    local dir
    dir=$(mktemp -d /tmp/postern-ordinary.XXXXXX)
    chown 61235:61235 "$dir"
    local copy=$dir/bin base
    base=$(free_base)
    mkdir "$copy" "$dir/tests"
    cp "$POSTERN_BIN"/{imapd,pop3d,lmtpd,mailadm} "$copy/"
    cp "$POSTERN_BIN"/*.so "$copy/"
    cp -r "$TESTS"/{demo,bind,deliver,mail,packages.build} "$dir/tests/"
    chmod -R a+rX "$dir"
    run setpriv --reuid=61235 --regid=61235 --clear-groups env HOME="$dir" POSTERN_BIN="$copy" \
        "$dir/tests/demo" --detach --dir "$dir/demo" --port-base $base 3>&-
    assert_success
    assert_line --regexp '^ready imap='
    run curl -sSk -u user1:postern "imaps://127.0.0.1:$((base + 993))/INBOX;MAILINDEX=1"
    assert_success
    assert_line --partial 'Welcome to Postern'
    run ps -eo uid=,args=
    run grep -c "^ *61235 .*-c $dir/demo/postern.conf" <<<"$output"
    [ "$output" -ge 5 ]
    setpriv --reuid=61235 --regid=61235 --clear-groups "$dir/tests/demo" --stop --dir "$dir/demo"
    [ "$(running_in "$dir/demo")" = 0 ]
    rm -rf "$dir"
}

@test "an unknown option prints the usage" {
    run -2 "$TESTS/demo" --frobnicate
    assert_output --partial 'usage: tests/demo'
}

@test "a wrong setting is named before anything starts" {
    run "$TESTS/demo" --dir "$BATS_TEST_TMPDIR/d" --detach -o idle_timout=5
    assert_failure
    assert_output --partial 'idle_timout'
    assert_output --partial 'idle_timeout'
}
