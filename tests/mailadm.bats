#!/usr/bin/env bats
# The administrator's program: what it says, what it delivers, and its exit status.
# shellcheck shell=bash disable=SC2030,SC2031,SC2154

load lib

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    local p=$BATS_TEST_TMPDIR
    while [ "$p" != / ]; do # users must be able to pass
        [ -O "$p" ] && chmod o+x "$p"
        p=$(dirname "$p")
    done
    mkdir home
    printf '%s\n' "ann@example.org:{PLAIN}geheim:$(id_of 1):$(id_of 1)::$PWD/home/ann:" \
        "bob:{PLAIN}x:$(id_of 2):$(id_of 2)::$PWD/home/bob::userdb_mail=maildir:~/M:LAYOUT=fs" >users
    mkdir home/ann home/bob
    chmod 600 users
    if [ "$(id -u)" = 0 ]; then
        chown 12001:12001 home/ann
        chown 12002:12002 home/bob
    fi
    cat >postern.conf <<END
auth = "passwd-file:$PWD/users"
lmtp_detail_create = yes
END
}

# As root each user has his own uid; otherwise all have ours.
id_of() {
    if [ "$(id -u)" = 0 ]; then echo $((12000 + $1)); else id -u; fi
}

mailadm() {
    "$POSTERN_BIN/mailadm" -c postern.conf "$@"
}

deliver() { # ARGUMENTS: the message is on standard input
    mailadm -o log=stderr deliver "$@"
}

message() {
    printf 'Subject: %s\n\nbody\n' "$1"
}

@test "check names file and line of a mistake, and what was meant" {
    printf '\nmial = x\n' >wrong.conf
    run "$POSTERN_BIN/mailadm" -c wrong.conf check
    assert_failure 1
    assert_output "error: wrong.conf:2: unknown setting \`mial'; did you mean \`mail'?"
}

@test "check finds a key that is not the certificate's, and one that everybody can read" {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 100 -subj /CN=mail.example.org 2>&-
    openssl genrsa -out other 2048 2>&-
    chmod 600 key other
    run mailadm -o tls_cert="$PWD/cert" -o tls_key="$PWD/key" -o hostname=mail.example.org check
    assert_output --partial "ok: certificate $PWD/cert for CN=mail.example.org, 1 in the chain, until 20"
    refute_output --partial 'error: tls_key'
    refute_output --partial 'is not for the name'
    run mailadm -o tls_cert="$PWD/cert" -o tls_key="$PWD/other" -o hostname=imap.example.org check
    assert_failure 1
    assert_output --partial "error: tls_key $PWD/other is not the key of certificate $PWD/cert"
    assert_output --partial "warning: certificate $PWD/cert is not for the name imap.example.org"
    chmod 644 key
    run mailadm -o tls_cert="$PWD/cert" -o tls_key="$PWD/key" check
    assert_failure 1
    assert_output --partial "error: tls_key $PWD/key can be read or changed by everybody (mode 0644); chmod 600 $PWD/key"
}

@test "check finds an expired certificate and a weak key" {
    openssl req -x509 -newkey rsa:1024 -nodes -keyout key -out cert -days 1 -subj /CN=x 2>&-
    run mailadm -o tls_cert="$PWD/cert" -o tls_key="$PWD/key" check
    assert_output --partial 'expires on'
    assert_output --partial 'has only 1024 bits'
    echo 'no PEM' >cert
    run mailadm -o tls_cert="$PWD/cert" -o tls_key="$PWD/key" check
    assert_failure 1
    assert_output --partial "no certificate in PEM form"
}

@test "check looks at everybody in the password file" {
    cat >>users <<END
no colon
low:{PLAIN}x:5:5::/tmp:
eve:{PLAIN}x:$(id_of 3):$(id_of 3)::$PWD/home/eve::userdb_mail=mbox:~/m
mal:{PLAIN}x:$(id_of 3):$(id_of 3)::$PWD/home/eve::userdb_first_valid_uid=1
bob:{PLAIN}y:$(id_of 2):$(id_of 2)::$PWD/home/bob:
nix::$(id_of 4):$(id_of 4)::$PWD/home/nix:
END
    chmod 666 users
    run mailadm check
    assert_failure 1
    assert_output --partial "error: password file $PWD/users can be changed by others than its owner (mode 0666)"
    assert_output --partial "error: $PWD/users:3: no colon behind the user name"
    assert_output --partial "error: $PWD/users:4: user low:"
    assert_output --partial "error: $PWD/users:5: mail of user eve: passwd-file:$PWD/users:5: mail: mbox:~/m: mailbox format mbox is not built"
    assert_output --partial "\`first_valid_uid' cannot be set for one user"
    assert_output --partial "warning: $PWD/users has user bob more than once"
    assert_output --partial "warning: $PWD/users:8: user nix has no password"
}

@test "check looks at each user's mail with his own eyes" {
    [ "$(id -u)" = 0 ] || skip 'needs root'
    mkdir -p home/ann/Maildir/{cur,new,tmp}
    chown -R 12001:12001 home/ann/Maildir
    chown 12002:12002 home/ann/Maildir/cur
    chmod 700 home/ann/Maildir/cur
    chown 0:0 home/bob
    printf '%s\n' "cyd:{PLAIN}x:$(id_of 3):$(id_of 3)::$PWD/closed/cyd:" "dan:{PLAIN}x:$(id_of 4):$(id_of 4)::/:" \
        "eli:{PLAIN}x:$(id_of 5):$(id_of 5):::" >>users
    mkdir -m 700 closed
    run mailadm check
    assert_failure 1
    assert_line "error: $PWD/users:1: user ann@example.org (uid 12001) cannot write $PWD/home/ann/Maildir/cur, which belongs to uid 12002 and has mode 0700; chown -R 12001:12001 $PWD/home/ann/Maildir/cur"
    assert_line "error: $PWD/users:2: user bob (uid 12002) cannot make $PWD/home/bob/M: $PWD/home/bob belongs to uid 0 and has mode 0755; mkdir -p $PWD/home/bob/M and give it to him"
    assert_line "error: $PWD/users:3: user cyd (uid 12003) cannot reach $PWD/closed/cyd/Maildir: $PWD/closed/cyd: Permission denied; let him pass"
    assert_line --partial "error: $PWD/users:4: user dan (uid 12004) cannot make /Maildir: / belongs to uid 0"
    assert_line --partial "error: $PWD/users:5: mail of user eli: no setting \`mail' says where the mail is"
    rm -rf home/ann/Maildir
    chown 12002:12002 home/bob
    chmod 755 closed
    sed -i '/^cyd/,$d' users
    run mailadm check
    refute_output --partial "$PWD/users:"
}

@test "words that only Dovecot knows do not shut a user out" {
    sed -i 's|^bob.*|bob:{PLAIN}x:'"$(id_of 2):$(id_of 2)::$PWD/home/bob"'::userdb_quota_rule=*:storage=1G userdb_mail_location=maildir:~/M|' users
    run mailadm check
    assert_output --partial "warning: user bob: passwd-file:$PWD/users:2: unknown setting \`quota_rule'; it is ignored"
    run mailadm user bob
    assert_success
    assert_line "    because mail is \"maildir:~/M\" (passwd-file:$PWD/users:2)"
    message one | deliver bob
    assert_equal "$(find home/bob/M/new -type f | wc -l)" 1
}

@test "conf prints what can be read again, and -n where it is from" {
    mailadm conf >all.conf
    "$POSTERN_BIN/mailadm" -c all.conf conf >again.conf
    cmp all.conf again.conf
    run mailadm -o durable=no conf -n
    assert_line "auth = { \"passwd-file:$PWD/users\" }  # postern.conf:1"
    assert_line 'durable = no  # -o'
    run mailadm conf login_timeout mailbox/Sent/special_use
    assert_output - <<'END'
login_timeout = 1m
mailbox/Sent/special_use = "\\Sent"
END
    run mailadm conf no_such
    assert_failure 1
}

@test "user explains where somebody's mail is, and makes nothing" {
    run mailadm user bob
    assert_success
    assert_line "    found by passwd-file:$PWD/users:2"
    assert_line "    home $PWD/home/bob"
    assert_line "    because mail is \"maildir:~/M:LAYOUT=fs\" (passwd-file:$PWD/users:2)"
    assert_line "    maildir in $PWD/home/bob/M, directories in directories (LAYOUT=fs)"
    assert_line '    none yet: INBOX is made with the first mail or login'
    assert [ ! -e home/bob/M ]
    message one | deliver -m a/b bob
    run mailadm user bob
    assert_line '    a  (no mailbox itself)'
    assert_line '    a/b'
    run mailadm user nobody.here
    assert_failure 1
    assert_output --partial 'there is no user nobody.here'
}

@test "pw makes hashes that fit, and never takes a password as an argument" {
    for scheme in '' SHA512-CRYPT; do
        hash=$(echo geheim | mailadm pw -s "$scheme")
        [[ $hash == '{'*'}$'* ]]
        run mailadm pw -t "$hash" <<<geheim
        assert_success
        run mailadm pw -t "$hash" <<<falsch
        assert_failure 1
    done
    run mailadm pw geheim
    assert_failure 64
    run mailadm pw </dev/null
    assert_failure 1
}

@test "deliver puts the message into the mailbox, with its trace" {
    message one | deliver -f '<sender@example.net>' -a ann@example.org ann@example.org
    run cat home/ann/Maildir/new/*
    assert_output "$(printf 'Return-Path: <sender@example.net>\nDelivered-To: ann@example.org\nSubject: one\n\nbody')"
}

@test "deliver takes the detail for a mailbox, and INBOX when there is none" {
    message one | deliver ann+Work@example.org
    message two | deliver -a bob+lists/x@example.org bob
    assert_equal "$(find home -path '*/new/*' | wc -l)" 2
    assert_equal "$(cat home/ann/Maildir/.Work/new/* | grep ^Subject)" 'Subject: one'
    assert_equal "$(cat home/bob/M/lists/x/new/* | grep ^Subject)" 'Subject: two'
    message local | deliver bob+lists/x@localhost
    assert_equal "$(cat home/bob/M/lists/x/new/* | grep -c ^Subject)" 2
    rm home/bob/M/lists/x/new/*
    run mailadm -o lmtp_detail_create=no -o log=stderr deliver -m Nowhere ann@example.org < <(message three)
    assert_success
    assert_equal "$(cat home/ann/Maildir/new/* | grep ^Subject)" 'Subject: three'
    # A name that no mailbox can have is no reason to lose mail.
    message four | deliver -m '../../etc' ann@example.org
    assert_equal "$(cat home/ann/Maildir/new/* | grep -c ^Subject)" 2
}

@test "deliver takes an mbox separator for the sender, not for the message" {
    { echo 'From sender@example.net Mon Jan  1 00:00:00 2024'; message one; } | deliver ann@example.org
    run cat home/ann/Maildir/new/*
    assert_line 'Return-Path: <sender@example.net>'
    refute_line --partial 'From sender'
}

@test "deliver says with sysexits what may be tried again" {
    run deliver zork < <(message one)
    assert_failure 67
    run deliver ann@example.org </dev/null
    assert_failure 65
    run mailadm -o message_size_limit=10 deliver ann@example.org < <(message one)
    assert_failure 65
    run "$POSTERN_BIN/mailadm" -c /nonexistent deliver bob < <(message one)
    assert_failure 75
    run deliver --no-such-option bob < <(message one)
    assert_failure 64
    assert_equal "$(find home -path '*/new/*' -o -path '*/tmp/*' | wc -l)" 0
}

@test "deliver becomes the user, and as a user serves only him" {
    [ "$(id -u)" = 0 ] || skip 'needs root'
    message one | deliver ann@example.org
    assert_equal "$(stat -c %u:%a home/ann/Maildir/new/*)" 12001:600
    chmod 644 users
    run setpriv --reuid 12001 --regid 12001 --clear-groups "$POSTERN_BIN/mailadm" -c postern.conf deliver bob < <(message two)
    assert_failure 75
    assert_output --partial 'serves only it'
    run setpriv --reuid 12001 --regid 12001 --clear-groups "$POSTERN_BIN/mailadm" -c postern.conf -o log=stderr \
        deliver ann@example.org < <(message three)
    assert_success
    assert_equal "$(find home/ann/Maildir/new -type f | wc -l)" 2
}

@test "index build makes what servers need, verify finds it the same, drop takes it away" {
    for i in 1 2 3; do message "$i" | deliver ann@example.org; done
    message work | deliver ann+Work@example.org
    rm -f home/ann/Maildir/postern.* home/ann/Maildir/.Work/postern.*
    run mailadm index verify ann@example.org INBOX
    assert_failure 2
    assert_output --partial 'mailadm: INBOX: there is no index that can be read'
    run mailadm index build ann@example.org
    assert_success
    assert_line 'INBOX: 3 messages'
    assert_line 'Work: 1 messages'
    [ "$(id -u)" != 0 ] || assert_equal "$(stat -c %u home/ann/Maildir/postern.index.2)" 12001
    run mailadm index verify --deep ann@example.org
    assert_success
    assert_line 'INBOX: 3 messages, 0 differences'
    assert_line 'Work: 1 messages, 0 differences'
    # All that is cached is there: the messages are not needed for it.
    run mailadm index show ann@example.org INBOX
    assert_success
    assert_line --partial '3 messages, 3 unseen, 0 deleted'
    assert_line --partial '3 of 65536 slots in use, 0 of them dead (0%)'
    assert_line --partial 'octets of the cache are in use, 32 wasted (2%)'
    run script -qec "'$POSTERN_BIN/mailadm' -c postern.conf index build ann@example.org" /dev/null
    assert_output --partial 'INBOX [##########                    ]  33%  1 of 3'
    run mailadm index drop ann@example.org Work
    assert_success
    assert [ ! -e home/ann/Maildir/.Work/postern.index.2 ]
    assert [ -e home/ann/Maildir/postern.index.2 ]
    assert_equal "$(find home/ann/Maildir -path '*/new/*' | wc -l)" 4
}

@test "index verify says each difference in a sentence" {
    for i in 1 2 3 4 5; do message "message $i" | deliver ann@example.org; done
    mailadm index build ann@example.org
    mapfile -t files < <(cd home/ann/Maildir/new && printf '%s\n' * | sort)
    cd home/ann/Maildir
    mv "new/${files[0]}" "cur/${files[0]}:2,F"
    rm "new/${files[1]}"
    printf 'changed' >"new/${files[2]}"
    message new >new/9999999999.other.host
    cd - >/dev/null
    run mailadm index verify --deep ann@example.org
    assert_failure 1
    assert_line 'INBOX: message 1: the name says flags 0x4 and keywords 0, the record 0 and 0.'
    assert_line 'INBOX: message 1 lies in cur, the record says new.'
    assert_line 'INBOX: message 2 has no file.'
    assert_line --partial 'INBOX: message 3 has 7 octets on the disk'
    assert_line 'INBOX: message 3: the cached ENVELOPE is not what the message has.'
    assert_line 'INBOX: the file new/9999999999.other.host has no UID in the list yet.'
    refute_line --partial 'message 4'
    # Whoever opens the mailbox mends that; what changed in place nobody may see (a message never changes).
    mailadm index build ann@example.org
    run mailadm index verify ann@example.org
    assert_success
    assert_line 'INBOX: 5 messages, 0 differences'
    printf 'garbage' | dd of=home/ann/Maildir/postern.index.2 bs=1 seek=100 conv=notrunc status=none
    run mailadm index verify ann@example.org
    assert_failure 2
    run mailadm index build ann@example.org
    assert_success
    run mailadm index verify --deep ann@example.org
    assert_success
}

@test "index says what is wrong with how it was called" {
    run mailadm index
    assert_failure 64
    run mailadm index paint ann@example.org
    assert_failure 64
    run mailadm index build
    assert_failure 64
    run mailadm index build --deep ann@example.org
    assert_failure 64
    run mailadm index show nobody.here
    assert_failure 2
    message one | deliver ann@example.org
    run mailadm index show ann@example.org Nowhere
    assert_failure 2
    assert_output --partial 'mailadm: Nowhere: there is no such mailbox'
}
