#!/usr/bin/env bats
# Mailboxes over IMAP: made, renamed, deleted, subscribed, listed, asked about, selected.

load lib

setup_file() {
    demo_start --no-mail --users 6
}

teardown_file() {
    demo_stop
}

# as USER: a dialogue that starts logged in
as() {
    { printf 'S: \\* OK *\nC: login LOGIN %s postern\nS: login OK *\n' "$1"; cat; } | imap
}

@test "mailboxes are made with their parents, and LIST shows levels, children and separators" {
    run as user1 <<'DIALOGUE'
C: a CREATE work/2026/bills
S: a OK *
C: b CREATE work/2026/bills
S: b NO [ALREADYEXISTS] There is already a mailbox "work/2026/bills"
C: c CREATE inbox
S: c NO [ALREADYEXISTS] *
C: d CREATE later/
S: d OK *
C: e LIST "" work*
S* \* LIST (\Noselect \HasChildren) "/" work
S* \* LIST (\Noselect \HasChildren) "/" work/2026
S* \* LIST (\HasNoChildren) "/" work/2026/bills
S* e OK *
C: f LIST work/ %
S: \* LIST (\Noselect \HasChildren) "/" work/2026
S: f OK *
C: g LIST "" ""
S: \* LIST (\Noselect) "/" ""
S: g OK *
C: h LIST "" later
S: \* LIST (\HasNoChildren) "/" later
S: h OK *
C: i LIST "" nothing
S: i OK *
C: j LIST "" iNbOx
S: \* LIST (*) "/" INBOX
S: j OK *
C: k LIST "" iNb%
S: \* LIST (*) "/" INBOX
S: k OK *
C: l LIST In B*
S: \* LIST (*) "/" INBOX
S: l OK *
C: m LIST "" Wor*
S: m OK *
DIALOGUE
    assert_success
}

@test "names are modified UTF-7 on the wire and quoted where they must be" {
    run as user1 <<'DIALOGUE'
C: a CREATE "Entw&APw-rfe"
S: a OK *
C: b CREATE "two words"
S: b OK *
C: c CREATE A&-B
S: c OK *
C: d LIST "" "Entw*"
S: \* LIST (\HasNoChildren) "/" Entw&APw-rfe
S: d OK *
C: e LIST "" "two%"
S: \* LIST (\HasNoChildren) "/" "two words"
S: e OK *
C: f CREATE "A & B"
S: f NO [CANNOT] The mailbox name is not valid modified UTF-7 (RFC 3501, 5.1.3)
C: g SELECT "&AEE-"
S: g NO [CANNOT] *
C: h LIST "" "&AEE-"
S: h OK *
C: i CREATE ""
S: i NO [CANNOT] *
C: j SELECT "Entw&APw-rfe"
S~ j OK [READ-WRITE] *
C: k SELECT nothing&APw-
S: k NO [NONEXISTENT] There is no mailbox "nothing&APw-"
DIALOGUE
    assert_success
    [ -d "$(maildir user1)/.Entw&APw-rfe/cur" ]
}

@test "RENAME takes children along; INBOX stays and is empty" {
    deliver user2 'one'
    run as user2 <<'DIALOGUE'
C: a CREATE old/child
S: a OK *
C: b RENAME old new/place
S: b OK *
C: c LIST "" "*child"
S: \* LIST (*) "/" new/place/child
S: c OK *
C: d RENAME nothing other
S: d NO [NONEXISTENT] There is no mailbox "nothing"
C: e RENAME new INBOX
S: e NO [ALREADYEXISTS] *
C: f CREATE taken
S: f OK *
C: f RENAME new/place taken
S: f NO [ALREADYEXISTS] There is already a mailbox "taken"
C: g SELECT INBOX
S~ \* 1 EXISTS
S~ g OK *
C: h RENAME INBOX saved
S: \* 1 EXPUNGE
S~ h OK *
C: i STATUS saved (MESSAGES)
S: \* STATUS saved (MESSAGES 1)
S~ i OK *
DIALOGUE
    assert_success
}

@test "DELETE takes one mailbox and leaves its children; a selected one is closed" {
    run as user3 <<'DIALOGUE'
C: a CREATE top/below
S: a OK *
C: b CREATE top
S: b OK *
C: c SELECT top
S~ c OK *
C: d DELETE top
S: d OK Deleted; it was selected, no mailbox is selected now
C: e FETCH 1 FLAGS
S: e NO [NONEXISTENT] *
C: f DELETE INBOX
S: f NO [CANNOT] *
C: g DELETE nothing
S: g NO [NONEXISTENT] *
C: h LIST "" top*
S: \* LIST (\Noselect \HasChildren) "/" top
S: \* LIST (\HasNoChildren) "/" top/below
S: h OK *
C: i SELECT top
S: i NO [NONEXISTENT] *
C: j FETCH 1 FLAGS
S: j BAD No mailbox is selected: SELECT one first
DIALOGUE
    assert_success
}

@test "a mailbox that another session deletes while it is selected" {
    run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user3 postern
S: a OK *
C2: a LOGIN user3 postern
S2~ a OK *
C: b CREATE doomed
S: b OK *
C: c SELECT doomed
S~ c OK *
C2: d DELETE doomed
S2: d OK *
C: e NOOP
S: \* NO [NONEXISTENT] *
S: e OK *
C: f UID FETCH 1:* FLAGS
S: f NO [NONEXISTENT] *
C: g SELECT INBOX
S~ g OK *
DIALOGUE
    assert_success
}

@test "subscriptions outlive their mailboxes; LSUB and LIST (SUBSCRIBED)" {
    run as user4 <<'DIALOGUE'
C: a CREATE news/a
S: a OK *
C: b CREATE news/b
S: b OK *
C: c SUBSCRIBE news/a
S: c OK *
C: d SUBSCRIBE nothing
S: d NO [NONEXISTENT] *
C: e LSUB "" news/*
S: \* LSUB () "/" news/a
S: e OK *
C: f LSUB "" ne%
S: \* LSUB (\Noselect) "/" news
S: f OK *
C: g LIST (SUBSCRIBED) "" "news*"
S: \* LIST (\HasNoChildren \Subscribed) "/" news/a
S: g OK *
C: h LIST (SUBSCRIBED RECURSIVEMATCH) "" "ne%"
S: \* LIST (\Noselect \HasChildren) "/" news ("CHILDINFO" ("SUBSCRIBED"))
S: h OK *
C: i LIST (SUBSCRIBED RECURSIVEMATCH) "" "news*"
S: \* LIST (\HasNoChildren \Subscribed) "/" news/a
S: i OK *
C: j LIST (RECURSIVEMATCH) "" "*"
S: j BAD RECURSIVEMATCH needs another selection option beside it
C: k DELETE news/a
S: k OK *
C: l LIST (SUBSCRIBED) "" "news*"
S: \* LIST (\NonExistent \Noselect \HasNoChildren \Subscribed) "/" news/a
S: l OK *
C: m LIST "" "news/%" RETURN (SUBSCRIBED CHILDREN)
S: \* LIST (\HasNoChildren) "/" news/b
S: m OK *
C: n UNSUBSCRIBE news/a
S: n OK *
C: o LSUB "" news*
S: o OK *
DIALOGUE
    assert_success
}

@test "LIST with several patterns, special uses and STATUS in one go" {
    deliver user5 'one'
    deliver user5 'two'
    run as user5 <<'DIALOGUE'
C: a LIST (SPECIAL-USE) "" "*" RETURN (SPECIAL-USE)
S* \* LIST (* \Drafts) "/" Drafts
S* \* LIST (* \Junk) "/" Junk
S* \* LIST (* \Sent) "/" Sent
S* \* LIST (* \Trash) "/" Trash
S~ a OK *
C: b LIST "" ("INBOX" "Sent") RETURN (STATUS (MESSAGES UNSEEN))
S~ \* STATUS INBOX (MESSAGES 2 UNSEEN 2)
S~ b OK *
C: c LIST "" "*" RETURN (STATUS)
S: c BAD *
C: d LIST (NONSENSE) "" "*"
S: d BAD LIST has no option NONSENSE
C: e LIST () "" "Sent" RETURN ()
S: \* LIST (*) "/" Sent
S: e OK *
C: f NAMESPACE
S: \* NAMESPACE (("" "/")) NIL NIL
S: f OK *
DIALOGUE
    assert_success
}

@test "special uses below what matches: selection options go together, and with RECURSIVEMATCH" {
    [ "$(id -u)" = 0 ] || skip "needs root to become somebody else"
    local home=$BATS_TEST_TMPDIR/home conf=$BATS_TEST_TMPDIR/postern.conf
    mkdir -p "$home" && chown 65534:65534 "$home"
    chmod o+x "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR"
    cat >"$conf" <<CONF
mail = "maildir:$home/Maildir"
last_valid_uid = 0
namespace "inbox" { inbox = yes  separator = "/" }
mailbox "mine/Archive" { auto = subscribe  special_use = "\\\\Archive" }
mailbox "mine/Junk" { auto = create  special_use = "\\\\Junk" }
mailbox "Sent" { auto = create  special_use = "\\\\Sent" }
CONF
    run "$TESTS/dialogue" "exec:setpriv --reuid=65534 --regid=65534 --clear-groups $POSTERN_BIN/imapd -c $conf" <<'DIALOGUE'
S: \* PREAUTH *
C: a LIST (SPECIAL-USE) "" *
S: \* LIST (\HasNoChildren \Sent) "/" Sent
S: \* LIST (\HasNoChildren \Archive) "/" mine/Archive
S: \* LIST (\HasNoChildren \Junk) "/" mine/Junk
S: a OK *
C: b LIST (SPECIAL-USE RECURSIVEMATCH) "" %
S: \* LIST (\HasNoChildren \Sent) "/" Sent
S: \* LIST (\Noselect \HasChildren) "/" mine ("CHILDINFO" ("SPECIAL-USE"))
S: b OK *
C: c LIST (SUBSCRIBED SPECIAL-USE) "" *
S: \* LIST (\HasNoChildren \Subscribed \Archive) "/" mine/Archive
S: c OK *
C: d LIST (SUBSCRIBED SPECIAL-USE RECURSIVEMATCH) "" %
S: \* LIST (\Noselect \HasChildren) "/" mine ("CHILDINFO" ("SUBSCRIBED" "SPECIAL-USE"))
S: d OK *
C: e LIST (SUBSCRIBED REMOTE) "" (INBOX mine/%) RETURN (STATUS (MESSAGES SIZE))
S: \* LIST (\HasNoChildren \Subscribed \Archive) "/" mine/Archive
S: \* STATUS mine/Archive (MESSAGES 0 SIZE 0)
S: e OK *
C: f LIST "" (mine) RETURN (STATUS (MESSAGES))
S: \* LIST (\Noselect \HasChildren) "/" mine
S: f OK *
C: g LIST () "" ""
S: g OK *
DIALOGUE
    assert_success
}

@test "STATUS" {
    run as user5 <<'DIALOGUE'
C: a STATUS INBOX (messages UIDNEXT UIDVALIDITY UNSEEN)
S: \* STATUS INBOX (MESSAGES 2 UIDNEXT 3 UIDVALIDITY * UNSEEN 2)
S: a OK *
C: b STATUS nothing (MESSAGES)
S: b NO [NONEXISTENT] There is no mailbox "nothing"
C: c STATUS INBOX ()
S: c BAD *
C: d STATUS INBOX (MESSAGES NONSENSE)
S: d BAD There is no STATUS item NONSENSE
C: e STATUS INBOX (SIZE)
S: \* STATUS INBOX (SIZE *)
S: e OK *
DIALOGUE
    assert_success
}

@test "SELECT and EXAMINE describe the mailbox; CLOSE expunges, UNSELECT does not" {
    run as user5 <<'DIALOGUE'
C: a EXAMINE INBOX
S: \* FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
S: \* OK [PERMANENTFLAGS ()] *
S: \* 2 EXISTS
S: \* 2 RECENT
S: \* OK [UNSEEN 1] *
S: \* OK [UIDVALIDITY *] *
S: \* OK [UIDNEXT 3] *
S: a OK [READ-ONLY] *
C: b SELECT INBOX
S: \* FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
S: \* OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft \\*)] *
S: \* 2 EXISTS
S: \* 2 RECENT
S: \* OK [UNSEEN 1] *
S: \* OK [UIDVALIDITY *] *
S: \* OK [UIDNEXT 3] *
S: b OK [READ-WRITE] *
C: c STORE 1 +FLAGS (\Deleted)
S~ c OK *
C: d UNSELECT
S: d OK *
C: e STATUS INBOX (MESSAGES)
S: \* STATUS INBOX (MESSAGES 2)
S: e OK *
C: f SELECT nothing
S: f NO [NONEXISTENT] *
C: g CHECK
S: g BAD No mailbox is selected: SELECT one first
C: h EXAMINE INBOX
S~ h OK *
C: i CLOSE
S: i OK *
C: j STATUS INBOX (MESSAGES)
S: \* STATUS INBOX (MESSAGES 2)
S: j OK *
C: k SELECT INBOX
S~ k OK *
C: l CLOSE
S: l OK *
C: m STATUS INBOX (MESSAGES UIDNEXT)
S: \* STATUS INBOX (MESSAGES 1 UIDNEXT 3)
S: m OK *
DIALOGUE
    assert_success
}
