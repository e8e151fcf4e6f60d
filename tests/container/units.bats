#!/usr/bin/env bats
# Inside a container where systemd is process 1 and Postern was installed by make install: what an administrator
# does with the units, with system users (PAM) and Postfix, and nothing configured.

load ../lib

setup_file() {
    mkdir -p /etc/postern
    useradd -m -s /bin/bash alice
    echo alice:wonderland | chpasswd
    useradd -m -s /bin/bash bob
    echo bob:builder | chpasswd
    systemd-sysusers
    systemd-tmpfiles --create
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -keyout /etc/postern/tls.key \
        -out /etc/postern/tls.crt 2>/dev/null
    chmod 600 /etc/postern/tls.key
    systemctl daemon-reload
    systemctl start imapd.socket imaps.socket pop3d.socket pop3s.socket lmtpd.socket
    install -D -m 644 /usr/share/doc/postern/examples/lmtpd-postfix.conf /etc/systemd/system/lmtpd.socket.d/postfix.conf
    systemctl daemon-reload
    systemctl restart lmtpd.socket
    postconf -e mailbox_transport=lmtp:unix:/run/postern/lmtp inet_interfaces=loopback-only mydestination=localhost,postern-test
    postconf -F lmtp/unix/chroot=n
    systemctl restart postfix
}

send() { # USER SUBJECT, by Postfix
    printf 'Subject: %s\nFrom: root@localhost\nTo: %s@localhost\n\nBy way of Postfix.\n' "$2" "$1" | sendmail "$1@localhost"
}

has_mail() { # USER PASSWORD SUBJECT
    curl -sk -u "$1:$2" "imaps://localhost/INBOX" -X "SEARCH SUBJECT $3" | grep -q 'SEARCH [0-9]'
}

@test "the shipped units pass systemd-analyze verify" {
    run systemd-analyze verify --man=no /usr/lib/systemd/system/{imapd,imaps,pop3d,pop3s,lmtpd,lmtpd-tcp}{,-listener}.socket \
        /usr/lib/systemd/system/{imapd,imaps,pop3d,pop3s,lmtpd,lmtpd-tcp}-listener.service
    assert_success
    refute_output --regexp '(imap|pop3|lmtp)'
}

@test "mailadm check finds nothing wrong on a fresh installation" {
    run mailadm check
    echo "$output"
    assert_success
}

@test "mailadm check finds what stands between Postfix and the socket, and a socket that does not listen" {
    postconf -F lmtp/unix/chroot=y
    systemctl stop pop3s.socket
    systemctl enable pop3s.socket
    run mailadm check
    postconf -F lmtp/unix/chroot=n
    systemctl disable pop3s.socket
    systemctl start pop3s.socket
    assert_failure 1
    assert_line --partial 'postconf -F lmtp/unix/chroot=n && postfix reload'
    assert_line --partial 'error: pop3s.socket is enabled, but does not listen'
    assert_line --regexp '^2 errors'
}

@test "Postfix hands mail for a system user over by LMTP and curl reads it over IMAP with TLS" {
    send alice first-letter
    wait_until 20 has_mail alice wonderland first-letter
    run curl -sk -u alice:wonderland 'imaps://localhost/INBOX;MAILINDEX=1'
    assert_success
    assert_line --partial 'By way of Postfix.'
    assert_line --partial 'Return-Path: <root@'
    assert_line --partial 'Delivered-To: alice@localhost'
    [ "$(stat -c %U /home/alice/Maildir/cur)" = alice ]
}

@test "Postfix refuses an unknown user because lmtpd does" {
    run curl -s --unix-socket /run/postern/lmtp smtp://localhost
    send nobody-such lost
    wait_until 20 sh -c 'journalctl -u "postfix*" | grep -q "550.5.1.1"'
}

@test "POP3 with STLS reads the same mailbox" {
    send bob pop-letter
    wait_until 20 has_mail bob builder pop-letter
    run curl -sk --ssl-reqd -u bob:builder pop3://localhost/1
    assert_success
    assert_line --partial 'By way of Postfix.'
}

@test "a wrong password is refused, takes a while, and is in the journal with the user's name" {
    SECONDS=0
    run curl -sk -u alice:rabbit imaps://localhost/
    assert_failure
    [ $SECONDS -ge 1 ]
    wait_until 5 sh -c 'journalctl -o cat MAIL_SERVICE=imap | grep -q "^login failed: user=alice"'
}

@test "an expired account is refused although the password is right" {
    chage -E 1 bob
    run "$TESTS/dialogue" tls:localhost:993 <<'DIALOGUE'
S: * OK *
C: a LOGIN bob builder
S: a NO *
DIALOGUE
    chage -E -1 bob
    assert_success
}

@test "a login leaves one line with fields in the journal, and so does the end of the session" {
    curl -sk -u alice:wonderland imaps://localhost/ >/dev/null
    wait_until 5 sh -c 'journalctl -o json MAIL_USER=alice | grep -q MAIL_SESSION'
    run journalctl -o cat MAIL_USER=alice
    assert_line --regexp '^login'
    assert_line --regexp '^session ended: .* user=alice$'
}

@test "a session runs as its user and nothing of the connection stays root" {
    "$TESTS/dialogue" localhost:143 <<'DIALOGUE'
S: * OK *
C: a LOGIN alice wonderland
S~ a OK *
C: b SELECT INBOX
S~ b OK *
DIALOGUE
    exec 5<>/dev/tcp/127.0.0.1/143
    printf 'a LOGIN alice wonderland\r\n' >&5
    wait_until 5 pgrep -u alice imapd
    run ps -C imapd -o user=
    exec 5>&-
    refute_line root
}

@test "IPv4 and IPv6 both answer" {
    run curl -sk -4 -u alice:wonderland imaps://localhost/
    assert_success
    run curl -sk -6 -u alice:wonderland imaps://localhost/
    assert_success
}

@test "five hundred connections at once do not switch the socket off" {
    for i in $(seq 500); do
        exec {fd}<>/dev/tcp/127.0.0.1/143 || true
    done
    for fd in /proc/self/fd/*; do fd=${fd##*/}; [ "$fd" -gt 10 ] && eval "exec $fd>&-" 2>/dev/null; done
    wait_until 20 systemctl is-active imapd.socket
    wait_until 30 curl -sk --max-time 5 -u alice:wonderland imap://127.0.0.1/
}

@test "the listener form takes over, and a restart of it leaves its connections" {
    systemctl stop imapd.socket
    systemctl start imapd-listener.socket
    exec 5<>/dev/tcp/127.0.0.1/143
    read -r -t 5 greeting <&5
    [[ $greeting == '* OK'* ]]
    printf 'a LOGIN alice wonderland\r\n' >&5
    read -r -t 10 answer <&5
    [[ $answer == 'a OK'* || $answer == '*'* ]]
    systemctl is-active imapd-listener.service
    systemctl restart imapd-listener.service
    printf 'b NOOP\r\n' >&5
    local line
    while read -r -t 5 line <&5 && [[ $line != b\ * ]]; do :; done
    [[ $line == 'b OK'* ]]
    exec 5>&-
    curl -sk -u alice:wonderland imap://127.0.0.1/ >/dev/null
    systemctl stop imapd-listener.socket imapd-listener.service
    systemctl start imapd.socket
}

@test "an idle listener goes and is started again by the next connection" {
    mkdir -p /etc/systemd/system/pop3d-listener.service.d
    printf '[Service]\nExecStart=\nExecStart=/usr/libexec/postern/pop3d -o listener_idle=1\n' \
        >/etc/systemd/system/pop3d-listener.service.d/idle.conf
    systemctl daemon-reload
    systemctl stop pop3d.socket
    systemctl start pop3d-listener.socket
    curl -sk --ssl-reqd -u alice:wonderland pop3://localhost/ >/dev/null
    wait_until 10 sh -c '! systemctl is-active -q pop3d-listener.service'
    curl -sk --ssl-reqd -u alice:wonderland pop3://localhost/
    systemctl stop pop3d-listener.socket pop3d-listener.service
    systemctl start pop3d.socket
}

@test "xinetd starts imapd from the sample" {
    [ -x /usr/sbin/xinetd ] || skip "xinetd could not be had"
    systemctl stop imapd.socket
    mkdir -p /etc/xinetd.d
    cp /usr/share/doc/postern/examples/xinetd-imap /etc/xinetd.d/imap
    printf 'defaults\n{\n}\nincludedir /etc/xinetd.d\n' >/etc/xinetd.conf
    /usr/sbin/xinetd -pidfile /run/xinetd.pid 3>&-
    wait_until 10 curl -sk --ssl-reqd -u alice:wonderland imap://127.0.0.1/
    kill "$(cat /run/xinetd.pid)"
    systemctl start imapd.socket
}
