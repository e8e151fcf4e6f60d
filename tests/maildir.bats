#!/usr/bin/env bats
# Maildirs as they are found in the wild: layouts, Courier's UIDs, compressed messages, mailboxes made at first login.

load lib

setup_file() {
    demo_start --users 8 --no-mail
}

teardown_file() {
    demo_stop
}

# As the mail's owner.
own() {
    [ "$(id -u)" != 0 ] || chown -R -h 5000:5000 "$DIR/mail"
}

fresh() { # USER: an empty Maildir there
    mkdir -p "$(maildir "$1")"/{cur,new,tmp}
    own
}

fetch() { # USER MAILBOX COMMAND
    curl -sS -u "$1:postern" "imap://$IMAP/$2" -X "$3" | tr -d '\r'
}

@test "messages that Dovecot stored compressed are read: gzip, bzip2, zstd, lz4" {
    fresh user1
    local md n=0 tool
    md=$(maildir user1)
    for tool in cat gzip bzip2 "zstd -q" "lz4 -q"; do
        n=$((n + 1))
        message "number $n" "packed by $tool" >"$BATS_TEST_TMPDIR/m"
        $tool <"$BATS_TEST_TMPDIR/m" >"$md/cur/170000000$n.M1P$n.host,S=$(stat -c %s "$BATS_TEST_TMPDIR/m"):2,S"
    done
    own
    local i=0
    for tool in cat gzip bzip2 "zstd -q" "lz4 -q"; do
        i=$((i + 1))
        run curl -sS -u user1:postern "imap://$IMAP/INBOX;MAILINDEX=$i"
        assert_success
        assert_line --partial "packed by $tool"
        assert_equal "$(wc -c <<<"$output")" "$(fetch user1 INBOX "FETCH $i RFC822.SIZE" | sed -n 's/.*RFC822.SIZE \([0-9]*\).*/\1/p')"
    done
}

@test "Courier's UIDs are taken over once" {
    fresh user2
    local md
    md=$(maildir user2)
    for n in 1 2 3; do message "c$n" >"$md/cur/170000000$n.M1P$n.host:2,S"; done
    printf '1 1234567890 50\n17 1700000001.M1P1.host\n23 1700000002.M1P2.host\n49 1700000003.M1P3.host\n' >"$md/courierimapuiddb"
    own
    run fetch user2 INBOX 'FETCH 1:* UID'
    assert_line '* 1 FETCH (UID 17)'
    assert_line '* 2 FETCH (UID 23)'
    assert_line '* 3 FETCH (UID 49)'
    run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user2 postern
S~ a OK *
C: b STATUS INBOX (UIDVALIDITY UIDNEXT)
S: \* STATUS INBOX (UIDNEXT 50 UIDVALIDITY 1234567890)
S: b OK *
DIALOGUE
    assert_success
}

@test "at first login the configured mailboxes are there, subscribed, with their special use" {
    run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user3 postern
S~ a OK *
C: b LIST "" "*"
S* \* LIST (*) "/" INBOX
S* \* LIST (*\\Drafts*) "/" Drafts
S* \* LIST (*\\Sent*) "/" Sent
S* \* LIST (*\\Trash*) "/" Trash
S* \* LIST (*\\Junk*) "/" Junk
S: b OK *
C: c LSUB "" "S*"
S: \* LSUB (*) "/" Sent
S: c OK *
DIALOGUE
    assert_success
    [ -d "$(maildir user3)/.Sent/cur" ]
    grep -qx Sent "$(maildir user3)/subscriptions"
}

@test "autoexpunge removes what is too old at the end of a session, and nothing else" {
    local md=$BATS_TEST_TMPDIR/md as=()
    mkdir -p "$md"/{cur,new,tmp} "$md"/.Old/{cur,new,tmp}
    message ancient >"$md/.Old/cur/1500000000.M1P1.host:2,S"
    message recent >"$md/.Old/cur/$(date +%s).M1P2.host:2,S"
    message ancient >"$md/cur/1500000000.M1P3.host:2,S"
    touch -d @1500000000 "$md"/.Old/cur/*.M1P1.* "$md"/cur/*
    printf 'mail = "maildir:%s"\nmailbox "Old" { autoexpunge = 30d }\n' "$md" >"$BATS_TEST_TMPDIR/postern.conf"
    if [ "$(id -u)" = 0 ]; then # nobody is a user as good as any
        chown -R nobody "$md"
        chmod o+x "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR"
        as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    fi
    run "${as[@]}" "$TESTS/dialogue" "exec:$POSTERN_BIN/imapd -c $BATS_TEST_TMPDIR/postern.conf" <<'DIALOGUE'
S: \* PREAUTH *
C: a STATUS Old (MESSAGES)
S: \* STATUS Old (MESSAGES 2)
S: a OK *
C: b LOGOUT
S~ b OK *
E:
DIALOGUE
    assert_success
    run find "$md" -name '*.M1P*'
    assert_line --partial '.M1P2.'
    assert_line --partial '.M1P3.'
    refute_output --partial '.M1P1.'
}

@test "per-user settings of the password file: LAYOUT=fs, INDEX and CONTROL elsewhere" {
    local home=$DIR/mail/user5 uid=5000 
    [ "$(id -u)" = 0 ] || uid=''
    sed -i "/^user5:/d" "$DIR/users"
    echo "user5:{PLAIN}postern:$uid:$uid::$home::userdb_mail=maildir:~/fs:LAYOUT=fs:INDEX=~/idx:CONTROL=~/ctl" >>"$DIR/users"
    fetch user5 INBOX NOOP >/dev/null
    curl -sS -u user5:postern "imap://$IMAP/" -X 'CREATE a/b/c' >/dev/null
    message deep >"$BATS_TEST_TMPDIR/m"
    curl -sS -u user5:postern "imap://$IMAP/a/b/c" -T "$BATS_TEST_TMPDIR/m" >/dev/null
    run fetch user5 a/b/c 'FETCH 1 (UID FLAGS ENVELOPE)'
    assert_output --partial '"deep"'
    [ -d "$home/fs/a/b/c/cur" ]
    [ -f "$home/ctl/a/b/c/dovecot-uidlist" ]
    [ -z "$(find "$home/fs" -name 'dovecot-uidlist' -o -name 'postern.index*')" ]
    [ -n "$(find "$home/idx" -name 'postern.*')" ]
}

@test "a mailbox whose directory name is no modified UTF-7 harms nothing" {
    fresh user6
    local md
    md=$(maildir user6)
    mkdir -p "$md/$(printf '.f\366\366')"/{cur,new,tmp} "$md/.&bad"/{cur,new,tmp} "$md/.good"/{cur,new,tmp}
    own
    run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user6 postern
S~ a OK *
C: b LIST "" "g*"
S: \* LIST (*) "/" good
S: b OK *
C: c LIST "" "*"
S~ c OK *
C: d SELECT "&bad"
S: d NO *
C: e CREATE "b\xf6se"
S: e *
C: f SELECT good
S~ f OK *
DIALOGUE
    assert_success
}

@test "IDLE hears of a delivery at once, and from the inotify limit on within the polling time, said in the log" {
    run python3 - "$IMAP" "$TESTS/deliver" "$LMTP" "$TESTS/mail/sample/01-welcome.eml" <<'PY'
import socket, subprocess, sys, time
host, port = sys.argv[1].split(":")
s = socket.create_connection((host, int(port)), timeout=10); f = s.makefile("rb")
f.readline()
s.sendall(b"a LOGIN user7 postern\r\nb SELECT INBOX\r\n")
while not f.readline().startswith(b"b OK"): pass
s.sendall(b"c IDLE\r\n")
assert f.readline().startswith(b"+ ")
times = []
for i in range(5):
    start = time.time()
    subprocess.run([sys.argv[2], sys.argv[3], "user7", sys.argv[4]], check=True)
    line = f.readline()
    assert line == b"* %d EXISTS\r\n" % (i + 1), line
    assert f.readline() == b"* %d RECENT\r\n" % (i + 1)
    times.append(time.time() - start)
s.sendall(b"DONE\r\n")
assert f.readline().startswith(b"c OK")
print(times)
assert min(times) < 1.0
PY
    assert_success
    [ "$(id -u)" = 0 ] || skip "the kernel's limit is root's to change"
    local old
    old=$(cat /proc/sys/fs/inotify/max_user_instances)
    echo 0 >/proc/sys/fs/inotify/max_user_instances
    DIR=$BATS_TEST_TMPDIR/poll
    demo_start --users 1 --no-mail -o imap_poll=1
    run imap <<'DIALOGUE'
S: \* OK *
C: a LOGIN user1 postern
S~ a OK *
C: b SELECT INBOX
S~ b OK *
C: c IDLE
S: + *
C2: a LOGIN user1 postern
S2~ a OK *
C2: b APPEND INBOX {16+}
C2: Subject: x\r\n\r\ny\
C2:
S2~ b OK *
S: \* 1 EXISTS
S: \* 1 RECENT
C: DONE
S: c OK *
DIALOGUE
    echo "$old" >/proc/sys/fs/inotify/max_user_instances
    local said
    said=$(logs | grep -ci inotify || true)
    demo_stop
    assert_success
    [ "$said" -ge 1 ]
}
