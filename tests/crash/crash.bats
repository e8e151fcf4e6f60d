#!/usr/bin/env bats
# What a client was told is true after any crash: README.md here.

load ../lib

setup_file() {
    make -s -C "$TOP" BUILD="$(realpath --relative-to="$TOP" "$POSTERN_BIN")" helpers
}

crash() {
    "$BATS_TEST_DIRNAME/run" "$@"
}

# How many points the last line says were tried.
tried() {
    sed -n 's/^[a-z]*: \([0-9]*\) of [0-9]* [a-z]* tried.*/\1/p' <<<"$output"
}

@test "killed before and after system calls that change files: what was acknowledged is there, once, with its UID and flags" {
    run crash --points 200 kill
    assert_success
    assert_output --partial ' 0 failed'
    assert_equal "$(tried)" 200
    echo "# ${lines[-1]}" >&3
}

@test "after a power cut everything durable is there, and no UID is given twice" {
    run crash --points 200 power
    assert_success
    assert_output --partial ' 0 failed'
    assert [ "$(tried)" -ge 150 ]
    echo "# ${lines[-1]}" >&3
}

@test "every way in which mail may change is tried at many points" {
    run crash --points 0 kill
    assert_success
    local name
    for name in deliver append store expunge copy move mailboxes foreign upkeep; do
        assert_output --regexp "(^|
)$name: [1-9][0-9]+ calls change files"
    done
}

@test "without fsync a power cut loses mail, and that is noticed" {
    run crash --points 60 --set durable=no power deliver append copy
    assert_failure
    assert_output --partial 'has lost'
}

@test "a message that is lost, cut short, doubled, renumbered or loses its flags is noticed" {
    local harm
    for harm in lose cut double renumber unflag; do
        run crash --points 3 --tamper "$harm" kill move
        assert_failure
        assert_output --partial '3 failed'
    done
}
