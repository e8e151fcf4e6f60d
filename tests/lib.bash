# Common to all bats files: servers from tests/demo, dialogues, small waits.
# shellcheck shell=bash disable=SC2034

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(dirname "$TESTS")
export POSTERN_BIN=${POSTERN_BIN:-$TOP/build}
export TESTS TOP
PASSWORD=postern
export PASSWORD

# demo_start [OPTIONS of tests/demo]: servers of this test file in $DIR; sets IMAP IMAPS POP3 POP3S LMTP (HOST:PORT).
# Call it in setup_file (or setup); demo_stop in teardown_file.
demo_start() {
    DIR=${DIR:-$(mktemp -d "${BATS_FILE_TMPDIR:-$BATS_TEST_TMPDIR}/demo.XXXXXX")}
    mkdir -p "$DIR"
    # bats makes its directories for the owner only; users must be able to pass.
    local p=$DIR
    while [ "$p" != / ]; do
        [ -O "$p" ] && chmod o+x "$p"
        p=$(dirname "$p")
    done
    local ready tries
    for tries in 1 2 3 4 5; do
        PORT_BASE=$((11000 + RANDOM % 400 * 100))
        ready=$("$TESTS/demo" --detach --dir "$DIR" --port-base "$PORT_BASE" --start "${START:-listen}" \
            -o auth_failure_delay=0 "$@" 3>&- 2>"$DIR/demo.err") && break
        ready=''
    done
    ready=$(grep '^ready ' <<<"$ready") || {
        cat "$DIR/demo.err" >&2
        return 1
    }
    local word
    for word in $ready; do
        case $word in
        imap=*) IMAP=${word#*=} ;;
        imaps=*) IMAPS=${word#*=} ;;
        pop3=*) POP3=${word#*=} ;;
        pop3s=*) POP3S=${word#*=} ;;
        lmtp=*) LMTP=${word#*=} ;;
        esac
    done
    export DIR PORT_BASE IMAP IMAPS POP3 POP3S LMTP
}

demo_stop() {
    "$TESTS/demo" --stop --dir "$DIR" || true
}

# The servers' log lines so far (listen and activate: a file a server).
logs() {
    cat "$DIR"/*.log
}

# imap, pop3, lmtp: plays the dialogue on standard input (see tests/dialogue).
imap() {
    "$TESTS/dialogue" "$IMAP"
}
pop3() {
    "$TESTS/dialogue" "$POP3"
}
lmtp() {
    "$TESTS/dialogue" "$LMTP"
}

# wait_until SECONDS COMMAND...: true as soon as the command is.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

maildir() { # USER: where his INBOX is
    echo "$DIR/mail/$1/Maildir"
}

# message SUBJECT [BODY]: a small message on standard output
message() {
    printf 'From: Ann <ann@example.org>\nTo: user1@example.org\nSubject: %s\nDate: Mon, 2 Nov 2026 09:00:00 +0100\nMessage-ID: <%s@example.org>\n\n%s\n' \
        "$1" "$(tr -c 'A-Za-z0-9\n' . <<<"$1")" "${2:-Hello.}"
}

# deliver USER [SUBJECT [BODY]]: a small message over LMTP
deliver() {
    local file
    file=$(mktemp)
    message "${2:-Hello}" "${3:-Hello.}" >"$file"
    "$TESTS/deliver" "$LMTP" "$1" "$file"
    local status=$?
    rm -f "$file"
    return $status
}

# in_memory PID TEXT: whether the process has TEXT anywhere in memory of its own. As root.
in_memory() {
    python3 - "$1" "$2" <<'PY'
import sys
pid, text = sys.argv[1], sys.argv[2].encode()
memory = open(f"/proc/{pid}/mem", "rb", 0)
for line in open(f"/proc/{pid}/maps"):
    where, rights = line.split()[:2]
    if rights[1] != "w":
        continue
    start, end = (int(x, 16) for x in where.split("-"))
    if end - start > 1 << 30:  # a sanitizer's notes on memory, not memory
        continue
    memory.seek(start)
    if text in memory.read(end - start):
        sys.exit(0)
sys.exit(1)
PY
}
