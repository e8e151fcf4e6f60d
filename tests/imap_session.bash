# Sessions of imapd without a server around it: PREAUTH over a socket pair, on a Maildir of the test's own.
# shellcheck shell=bash disable=SC2034,SC2154
load lib

# Somebody who is in the user data base and may have mail: nobody is.
SESSION_UID=${SESSION_UID:-65534}

# maildir_begin: an empty Maildir in $MD, owned by the user whom sessions run as.
maildir_begin() {
    local p=$BATS_TEST_TMPDIR
    HOME_DIR=$BATS_TEST_TMPDIR/home
    MD=$HOME_DIR/Maildir
    mkdir -p "$MD"/{cur,new,tmp}
    while [ "$p" != / ]; do
        [ -O "$p" ] && chmod o+x "$p"
        p=$(dirname "$p")
    done
    AS=''
    if [ "$(id -u)" = 0 ]; then
        chown -R "$SESSION_UID:$SESSION_UID" "$HOME_DIR"
        AS="setpriv --reuid=$SESSION_UID --regid=$SESSION_UID --clear-groups"
    fi
    export HOME_DIR MD AS
}

# put NAME [FLAGS] < message: into cur/, in the order of the names
put() {
    cat >"$MD/cur/$1:2,${2-}"
    [ "$(id -u)" != 0 ] || chown "$SESSION_UID:$SESSION_UID" "$MD/cur/$1:2,${2-}"
}

# talk [OPTION...] < dialogue: each connection of it is a session (see tests/dialogue)
talk() {
    "$TESTS/dialogue" "exec:env HOME=$HOME_DIR $AS $POSTERN_BIN/imapd -o mail=maildir:$MD $*"
}

# as_user COMMAND...: as the user of the sessions
as_user() {
    # shellcheck disable=SC2086
    env HOME="$HOME_DIR" $AS "$@"
}
