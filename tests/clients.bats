#!/usr/bin/env bats
# Programs that we did not write read and send mail, however the servers were started (START=listen|activate|inetd).

load lib

setup_file() {
    demo_start --users 6
    export HOME=$BATS_FILE_TMPDIR/home
    mkdir -p "$HOME"
}

teardown() {
    [ -z "${session:-}" ] || tmux -L "$session" kill-server 2>/dev/null || true
}

teardown_file() {
    demo_stop
}

port() {
    echo "${1##*:}"
}

# Names of the messages of a Maildir.
messages() {
    find "$1"/cur "$1"/new -type f | wc -l
}

@test "curl reads INBOX over IMAP, plain, with STARTTLS and over TLS" {
    for url in "imap://$IMAP/INBOX;MAILINDEX=1" "imaps://$IMAPS/INBOX;MAILINDEX=1"; do
        run curl -sSk -u user1:postern "$url"
        assert_success
        assert_line --partial 'Subject: Welcome to Postern'
        assert_line --partial 'durable before the server said 250'
    done
    run curl -sSk --ssl-reqd -u user1:postern "imap://$IMAP/INBOX;MAILINDEX=2"
    assert_success
    assert_line --partial 'Subject: =?iso-8859-1?Q?Gr=FC=DFe_aus_K=F6ln?='
}

@test "curl lists, reads and deletes over POP3, plain, with STLS and over TLS" {
    run curl -sSk -u user2:postern "pop3://$POP3/"
    assert_success
    assert_equal "$(grep -c . <<<"$output")" 8
    run curl -sSk --ssl-reqd -u user2:postern "pop3://$POP3/2"
    assert_success
    # Dot-stuffing came off.
    assert_line --regexp $'^\\.\r?$'
    assert_line --regexp $'^\\.\\.And one that starts with two\\.\r?$'
    run curl -sSk -u user2:postern "pop3s://$POP3S/8" -X DELE -l
    run curl -sSk -u user2:postern "pop3s://$POP3S/"
    assert_equal "$(grep -c . <<<"$output")" 7
}

@test "curl uploads by APPEND and finds it by SEARCH" {
    message uploaded >"$BATS_TEST_TMPDIR/m"
    run curl -sSk -u user1:postern "imaps://$IMAPS/Drafts" -T "$BATS_TEST_TMPDIR/m"
    assert_success
    run curl -sSk -u user1:postern "imaps://$IMAPS/Drafts" -X 'SEARCH SUBJECT uploaded'
    assert_output --partial '* SEARCH 1'
}

@test "swaks hands a message over by LMTP over TCP" {
    run swaks --server "${LMTP%:*}" --port "$(port "$LMTP")" --protocol LMTP --from a@example.org --to user1 --header 'Subject: by swaks' --body swaks
    assert_success
    run swaks --server "${LMTP%:*}" --port "$(port "$LMTP")" --protocol LMTP -tls --from a@example.org --to nobody-such --body swaks
    assert_failure
    assert_output --partial '550 5.1.1'
    run curl -sSk -u user1:postern "imaps://$IMAPS/INBOX" -X 'SEARCH SUBJECT "by swaks"'
    assert_output --regexp 'SEARCH [0-9]+'
}

@test "Python's imaplib walks through a mailbox's life" {
    run python3 - "$IMAP" <<'PY'
import imaplib, sys
host, port = sys.argv[1].split(":")
m = imaplib.IMAP4(host, int(port))
m.starttls() if False else None
m.login("user3", "postern")
assert m.select()[1] == [b"8"], "eight messages"
typ, data = m.search(None, "SUBJECT", "meet")
assert data == [b"5 6 7 8"], data
typ, data = m.fetch("1:8", "(UID RFC822.SIZE FLAGS ENVELOPE BODYSTRUCTURE)")
assert typ == "OK" and sum(b" (UID " in (d[0] if isinstance(d, tuple) else d) for d in data) == 8, data
assert m.create("Projekte")[0] == "OK"
assert m.create("Projekte/&ANw-bung")[0] == "OK"
assert m.copy("5:8", "Projekte/&ANw-bung")[0] == "OK"
assert m.store("5:8", "+FLAGS", "(\\Deleted $Moved)")[0] == "OK"
typ, data = m.expunge()
assert [int(n) for n in data] == [5, 5, 5, 5], data
typ, data = m.select("Projekte/&ANw-bung")
assert data == [b"4"], data
assert m.append("INBOX", "\\Seen", imaplib.Time2Internaldate(1000000000), b"Subject: appended\r\n\r\nbody\r\n")[0] == "OK"
assert m.select("INBOX")[1] == [b"5"]
typ, data = m.fetch("5", "(FLAGS INTERNALDATE BODY[])")
assert b"\\Seen" in data[1] + data[0][0] and data[0][1] == b"Subject: appended\r\n\r\nbody\r\n", data
assert m.rename("Projekte", "Archiv")[0] == "OK"
names = [line.split(b' "/" ')[1].strip(b'"') for line in m.list()[1]]
assert b"Archiv/&ANw-bung" in names and b"Projekte" not in names, names
assert m.delete("Archiv/&ANw-bung")[0] == "OK"
assert m.logout()[0] == "BYE"
PY
    assert_success
}

@test "Python's poplib with TLS, UIDL, TOP and DELE" {
    run python3 - "$POP3S" <<'PY'
import poplib, ssl, sys
host, port = sys.argv[1].split(":")
context = ssl._create_unverified_context()
p = poplib.POP3_SSL(host, int(port), context=context)
p.user("user4"); p.pass_("postern")
count, size = p.stat()
assert count == 8
sizes = [int(line.split()[1]) for line in p.list()[1]]
assert sum(sizes) == size
whole = b"\r\n".join(p.retr(3)[1]) + b"\r\n"
assert len(whole) == sizes[2], (len(whole), sizes[2])
top = p.top(3, 1)[1]
assert top.index(b"") == len(top) - 2, top
uids = [line.split()[1] for line in p.uidl()[1]]
assert len(set(uids)) == 8
p.dele(1); p.quit()
p = poplib.POP3_SSL(host, int(port), context=context)
p.user("user4"); p.pass_("postern")
assert [line.split()[1] for line in p.uidl()[1]] == uids[1:]
p.quit()
PY
    assert_success
}

@test "mbsync copies a mailbox out, and changes go both ways" {
    local mbox=$BATS_TEST_TMPDIR/local
    mkdir -p "$mbox"
    cat >"$HOME/.mbsyncrc" <<RC
IMAPAccount a
Host ${IMAP%:*}
Port $(port "$IMAP")
User user5
Pass postern
SSLType None
AuthMechs LOGIN

IMAPStore far
Account a

MaildirStore near
Path $mbox/
Inbox $mbox/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
RC
    run mbsync -c "$HOME/.mbsyncrc" -a
    assert_success
    assert_equal "$(messages "$mbox/INBOX")" 8
    # A message written here goes there; a flag set there comes here.
    message from-here >"$mbox/INBOX/new/1700000000.1.here"
    curl -sSk -u user5:postern "imaps://$IMAPS/INBOX" -X 'STORE 1 +FLAGS (\Flagged)' >/dev/null
    curl -sSk -u user5:postern "imaps://$IMAPS/INBOX" -X 'STORE 2 +FLAGS (\Deleted)' >/dev/null
    curl -sSk -u user5:postern "imaps://$IMAPS/INBOX" -X 'EXPUNGE' >/dev/null
    run mbsync -c "$HOME/.mbsyncrc" -a
    assert_success
    assert_equal "$(messages "$mbox/INBOX")" 8
    [ "$(find "$mbox/INBOX/cur" -name '*:2,*F*' | wc -l)" = 1 ]
    run curl -sSk -u user5:postern "imaps://$IMAPS/INBOX" -X 'SEARCH SUBJECT from-here'
    assert_output --regexp 'SEARCH [0-9]+'
    run mbsync -c "$HOME/.mbsyncrc" -a
    assert_success
}

@test "fetchmail takes everything by POP3 and by IMAP and gives it to a delivery agent" {
    printf '#!/bin/sh\ncat >>%s/out\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/mda"
    chmod +x "$BATS_TEST_TMPDIR/mda"
    for protocol in "pop3 port $(port "$POP3")" "imap port $(port "$IMAP")"; do
        : >"$BATS_TEST_TMPDIR/out"
        echo "poll 127.0.0.1 protocol $protocol user user6 password postern sslproto '' keep mda $BATS_TEST_TMPDIR/mda" >"$BATS_TEST_TMPDIR/rc"
        chmod 600 "$BATS_TEST_TMPDIR/rc"
        run fetchmail --nosyslog --nodetach -a -f "$BATS_TEST_TMPDIR/rc" --idfile "$BATS_TEST_TMPDIR/ids" --pidfile "$BATS_TEST_TMPDIR/pid"
        assert_success
        assert_equal "$(grep -c '^Subject: ' "$BATS_TEST_TMPDIR/out")" "$(grep -h '^Subject: ' "$TESTS"/mail/sample/*.eml | wc -l)"
    done
}

@test "mpop takes everything by POP3" {
    mkdir -p "$BATS_TEST_TMPDIR/md"/{cur,new,tmp}
    cat >"$BATS_TEST_TMPDIR/mpoprc" <<RC
account a
host ${POP3%:*}
port $(port "$POP3")
user user6
password postern
auth user
tls off
delivery maildir $BATS_TEST_TMPDIR/md
uidls_file $BATS_TEST_TMPDIR/uidls
keep on
RC
    chmod 600 "$BATS_TEST_TMPDIR/mpoprc"
    run mpop -C "$BATS_TEST_TMPDIR/mpoprc" a
    assert_success
    assert_equal "$(messages "$BATS_TEST_TMPDIR/md")" 8
    run mpop -C "$BATS_TEST_TMPDIR/mpoprc" a
    assert_equal "$(messages "$BATS_TEST_TMPDIR/md")" 8
}

@test "mutt reads, flags and deletes by keystrokes" {
    session=postern-$$-$RANDOM
    cat >"$BATS_TEST_TMPDIR/muttrc" <<RC
set folder=imap://user2:postern@$IMAP/
set spoolfile=+INBOX
set ssl_starttls=no
set ssl_force_tls=no
set header_cache=""
set quit=yes
set delete=yes
set mark_old=no
set wait_key=no
set sort=mailbox-order
RC
    tmux -L "$session" -f /dev/null new-session -d -s "$session" -x 120 -y 40 "TERM=screen HOME=$HOME mutt -n -F $BATS_TEST_TMPDIR/muttrc 2>$BATS_TEST_TMPDIR/mutt.err" 3>&-
    screen_has() {
        tmux -L "$session" capture-pane -p -t "$session" | grep -q "$1"
    }
    wait_until 15 screen_has 'Welcome to Postern'
    tmux -L "$session" send-keys -t "$session" 1 Enter
    tmux -L "$session" send-keys -t "$session" F
    tmux -L "$session" send-keys -t "$session" 3 Enter
    tmux -L "$session" send-keys -t "$session" Enter
    wait_until 10 screen_has 'Zwei Bilder'
    tmux -L "$session" send-keys -t "$session" i
    sleep 0.5
    tmux -L "$session" send-keys -t "$session" 4 Enter
    tmux -L "$session" send-keys -t "$session" d
    sleep 0.3
    tmux -L "$session" send-keys -t "$session" q
    gone() {
        ! tmux -L "$session" has-session -t "$session" 2>/dev/null
    }
    wait_until 10 gone || { tmux -L "$session" capture-pane -p -t "$session"; tmux -L "$session" kill-session -t "$session"; false; }
    run curl -sSk -u user2:postern "imaps://$IMAPS/INBOX" -X 'SEARCH FLAGGED SUBJECT Welcome'
    assert_output --partial 'SEARCH 1'
    run curl -sSk -u user2:postern "imaps://$IMAPS/INBOX" -X 'SEARCH SUBJECT moth'
    refute_output --regexp 'SEARCH [0-9]'
    run curl -sSk -u user2:postern "imaps://$IMAPS/INBOX" -X 'SEARCH SEEN SUBJECT Holiday'
    assert_output --partial 'SEARCH 3'
}

@test "openssl negotiates TLS 1.3 and 1.2, and nothing older" {
    run openssl s_client -connect "$IMAPS" -tls1_3 </dev/null
    assert_output --partial 'TLSv1.3'
    run openssl s_client -connect "$POP3" -starttls pop3 -tls1_2 </dev/null
    assert_output --partial 'TLSv1.2'
    run openssl s_client -connect "$IMAPS" -tls1_1 -cipher ALL:@SECLEVEL=0 </dev/null
    assert_failure
}
