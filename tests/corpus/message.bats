# What libmail/message says about the messages of the corpus, against two other servers and another parser.
# POSTERN_CORPUS names the corpus; without it there is nothing to compare with.

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    top=$PWD
    export POSTERN_CORPUS=${POSTERN_CORPUS:-$top/../shared/corpus}
    export DESCRIBE=${POSTERN_BIN:-$top/build}/describe
    local build=${DESCRIBE%/describe}
    make -s "BUILD=${build#"$top"/}" "${DESCRIBE#"$top"/}"
}

setup() {
    [ -d "$POSTERN_CORPUS/expected" ] || skip "no corpus at $POSTERN_CORPUS"
}

@test "size, ENVELOPE, BODY and BODYSTRUCTURE are what both reference servers say" {
    run "$BATS_TEST_DIRNAME/compare" --describe "$DESCRIBE"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"envelope       2268 same, 0 different"* ]]
    [[ $output == *"bodystructure  2106 same, 0 different"* ]]
}

@test "the parts and their octets are those that mime4j expects" {
    run "$BATS_TEST_DIRNAME/trees" --describe "$DESCRIBE"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"trees: 28 same, 0 different"* ]]
}
