# Sections and searches of the corpus's messages, against Dovecot on the same Maildir.

@test "BODY[...] and SEARCH say what Dovecot says, save what sections.explained explains" {
    run "$BATS_TEST_DIRNAME/sections"
    echo "$output"
    [ "$status" -ne 77 ] || skip "no corpus at $POSTERN_CORPUS"
    [ "$status" -eq 0 ]
    [[ $output == *" passed, 0 failed, "* ]]
}
