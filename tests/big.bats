#!/usr/bin/env bats
# A message of two gigabytes goes in and out while each process stays under 32 MB.

load lib

setup_file() {
    demo_start --users 1 --no-mail
}

teardown_file() {
    demo_stop
}

# Peak resident memory (kB) of any process of ours and its name, sampled until the file FILE exists.
watch_memory() { # FILE
    local peak=0 now name
    while [ ! -e "$1" ]; do
        # A process whose exec is under way still has its parent's size: only what we built counts.
        read -r now name < <(for p in $(pgrep -f "^$POSTERN_BIN/(imapd|pop3d|lmtpd)"); do
            awk -v p="$p" '/^Name:/ { name = $2 } /^VmHWM:/ { print $2, name }' "/proc/$p/status" 2>/dev/null
        done | sort -rn | head -n 1)
        [ "${now:-0}" -gt "$peak" ] && peak=$now && echo "$peak $name" >"$1.peak"
        sleep 0.3
    done
}

@test "2 GB in over LMTP, out over IMAP and POP3, each process under 32 MB" {
    watch_memory "$BATS_TEST_TMPDIR/done" &
    local watcher=$!
    run timeout 500 python3 - "$LMTP" "$IMAP" "$POP3" <<'PY'
import hashlib, re, socket, sys
line = b"0123456789abcdef" * 4 + b"0123456789\r\n"     # 76 octets
chunk = line * 13797                                   # about 1 MB
chunks = 2048
def connect(target):
    host, port = target.split(":")
    s = socket.create_connection((host, int(port)), timeout=120)
    return s, s.makefile("rb", buffering=1 << 20)
want = hashlib.md5()
s, f = connect(sys.argv[1]); f.readline()
s.sendall(b"LHLO x\r\n")
while f.readline()[3:4] == b"-": pass
s.sendall(b"MAIL FROM:<a@x>\r\nRCPT TO:<user1>\r\nDATA\r\n")
for code in (b"250", b"250", b"354"): assert f.readline().startswith(code)
head = b"Subject: huge\r\n\r\n"
s.sendall(head); want.update(head)
for i in range(chunks):
    s.sendall(chunk); want.update(chunk)
s.sendall(b".\r\n")
answer = f.readline(); assert answer.startswith(b"250"), answer
size = len(head) + len(chunk) * chunks
def drain(f, n, digest, skip):
    while n:
        piece = f.read(min(n, 1 << 20))
        assert piece, "the server stopped early"
        n -= len(piece)
        digest.update(piece[min(skip, len(piece)):]); skip -= min(skip, len(piece))
s, f = connect(sys.argv[2]); f.readline()
s.sendall(b"a LOGIN user1 postern\r\nb SELECT INBOX\r\nc FETCH 1 BODY.PEEK[]\r\n")
while True:
    l = f.readline(); m = re.search(rb"\{(\d+)\}", l)
    if m: break
total = int(m[1]); assert total > size
got = hashlib.md5(); drain(f, total, got, total - size)
assert got.hexdigest() == want.hexdigest(), "IMAP"
line = f.readline(); assert line == b")\r\n", line
s, f = connect(sys.argv[3]); f.readline()
s.sendall(b"USER user1\r\nPASS postern\r\nRETR 1\r\n")
for _ in range(3):
    answer = f.readline(); assert answer.startswith(b"+OK"), answer
got = hashlib.md5(); drain(f, total, got, total - size)
assert got.hexdigest() == want.hexdigest(), "POP3"
line = f.readline(); assert line == b".\r\n", line
PY
    touch "$BATS_TEST_TMPDIR/done"
    wait $watcher
    assert_success
    local peak name
    read -r peak name <"$BATS_TEST_TMPDIR/done.peak"
    echo "most memory: $peak kB, $name"
    [ "$peak" -gt 500 ]
    [ "$peak" -lt 32768 ]
}
