#!/usr/bin/env bats
# The tree of mailboxes, by turns with Dovecot on the same directories, in each layout: names, attributes, subscriptions. And the
# same tree when the process that changes it is killed at any of its steps.

load lib

LAYOUTS=(':' ':LAYOUT=fs:CONTROL=~/ctl:INDEX=~/idx' ':CONTROL=~/ctl:INDEX=~/idx:INBOX=~/in')

as_owner() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=5000 --regid=5000 --clear-groups "$@"
    else
        "$@"
    fi
}

# dovecot COMMAND...: IMAP commands to Dovecot's imap on $HERE/home.
dovecot() {
    cat >"$HERE/dovecot.conf" <<CONF
base_dir = $HERE/run
state_dir = $HERE/run
log_path = $HERE/run/log
mail_location = maildir:~/Maildir$LAYOUT
ssl = no
first_valid_uid = 1
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
namespace inbox {
  inbox = yes
  separator = /
}
CONF
    { printf '%s\r\n' "$@"; printf 'z LOGOUT\r\n'; } |
        as_owner env USER=user1 HOME="$HERE/home" /usr/lib/dovecot/imap -c "$HERE/dovecot.conf" 2>>"$HERE/run/log" | tr -d '\r'
}

# postern COMMAND...: the same to our server, a process that ends with its session.
postern() {
    { printf 'l LOGIN user1 postern\r\n'; printf '%s\r\n' "$@"; printf 'z LOGOUT\r\n'; } |
        socat -t 20 - "TCP:$IMAP" | tr -d '\r'
}

setup() {
    unset DIR
    PATH=$PATH:/usr/sbin
}

teardown() {
    demo_stop
}

# start LAYOUT: our servers on an empty home that both share
start() {
    LAYOUT=$1
    demo_start --users 1 --no-mail -o "mail=maildir:~/Maildir$LAYOUT"
    HERE=$DIR/shared
    mkdir -p "$HERE/run" "$HERE/home"
    sed -i "s|^\(user1:[^:]*:[^:]*:[^:]*:[^:]*\):[^:]*|\1:$HERE/home|" "$DIR/users"
    chmod a+rwX "$HERE" "$HERE/run"
    [ "$(id -u)" != 0 ] || chown -R 5000:5000 "$HERE/home"
}

# Every name with its attributes and subscriptions, as this server shows them, in one order and one way of quoting.
tree() { # dovecot|postern
    "$1" 'a LIST "" *' 'b LSUB "" *' 'c LIST "" %' 'd LSUB "" %' |
        sed -n -e 's/ *\\\(Subscribed\|Drafts\|Junk\|Sent\|Trash\)//g; s/^\* \(LIST\|LSUB\) (\([^)]*\)) "\(.\)" "\{0,1\}\([^"]*\)"\{0,1\}$/\1 \4 \3 (\2)/p' |
        sed 's/^\(LSUB .*\) (.*Noselect.*)$/\1 (\\Noselect)/; s/^\(LSUB .*\) (\\Has[A-Za-z]*)$/\1 ()/' | sort
}

same_tree() {
    diff <(tree dovecot) <(tree postern)
}

@test "Dovecot and we show the same tree, whoever made it" {
    for layout in "${LAYOUTS[@]}"; do
        start "$layout"
        postern "a CREATE a/b/c" 'a CREATE Entw&APw-rfe' 'a CREATE "R&AOQ-ucher &- S&APY-hne"' "a CREATE INBOX/child" \
            'a CREATE "star*cent%"' 'a CREATE one' "a SUBSCRIBE a/b/c" 'a SUBSCRIBE INBOX' 'a SUBSCRIBE Entw&APw-rfe' >"$HERE/out"
        run same_tree
        assert_success
        assert_equal "$(tree postern | grep -c ^LIST)" 23
        dovecot "a CREATE d/e/f" "a SUBSCRIBE d/e/f" 'a DELETE one' "a RENAME a/b x" 'a UNSUBSCRIBE INBOX' \
            'a CREATE "&U,BTFw-"' >"$HERE/out"
        run same_tree
        assert_success
        postern "a RENAME x/c back" "a DELETE d/e/f" 'a SUBSCRIBE "&U,BTFw-"' 'a RENAME Entw&APw-rfe Neu' >"$HERE/out"
        run same_tree
        assert_success
        assert_equal "$(tree postern | grep -c '^LIST &U,BTFw-')" 2
        demo_stop
        unset DIR
    done
}

@test "UIDs and UIDVALIDITY move along with a renamed mailbox, for both" {
    for layout in "${LAYOUTS[@]}"; do
        start "$layout"
        local before after
        postern "a CREATE a/b" "a APPEND a/b {17+}" $'Subject: x\r\n\r\nabc' "a APPEND a/b {17+}" $'Subject: y\r\n\r\nabc' >"$HERE/out"
        before=$(postern "a STATUS a/b (UIDVALIDITY UIDNEXT MESSAGES)" | grep '^\* STATUS' | sed 's/.*(//')
        [[ $before == *'MESSAGES 2'* ]]
        postern 'a RENAME a z' >"$HERE/out"
        after=$(dovecot "a STATUS z/b (MESSAGES UIDNEXT UIDVALIDITY)" | grep '^\* STATUS' | sed 's/.*(//')
        sorted() { tr -d ')\n' <<<"$1" | sed 's/ \([A-Z]\)/\n\1/g' | sort; }
        assert_equal "$(sorted "$after")" "$(sorted "$before")"
        dovecot "a RENAME z y" >"$HERE/out"
        after=$(postern "a STATUS y/b (MESSAGES UIDNEXT UIDVALIDITY)" | grep '^\* STATUS' | sed 's/.*(//')
        assert_equal "$(sorted "$after")" "$(sorted "$before")"
        demo_stop
        unset DIR
    done
}
