#!/usr/bin/env bats
# The benchmark itself, on a mailbox far too small to measure anything: its rows run on all servers, and answers that differ are a failure.

load lib

setup_file() {
    [ "$(id -u)" = 0 ] || skip "the benchmark needs root"
}

# bench ARGUMENT...: a short run in a directory of its own
bench() {
    mkdir -p "$BATS_TEST_TMPDIR/bench"
    local p=$BATS_TEST_TMPDIR/bench
    while [ "$p" != / ]; do
        [ -O "$p" ] && chmod o+x "$p"
        p=$(dirname "$p")
    done
    timeout 300 "$TESTS/bench/run" --messages 200 --rounds 1 --sizes '' --build "$POSTERN_BIN" --dir "$BATS_TEST_TMPDIR/bench" "$@"
}

@test "a few rows of the benchmark: the same answers from Dovecot's Maildir and sdbox" {
    run bench --against maildir,sdbox --json "$BATS_TEST_TMPDIR/rows.json" \
        --only 'ENVELOPE|BODYSTRUCTURE|six header|SEARCH|STORE|one connection|COPY of'
    echo "$output"
    assert_success
    refute_output --partial DIFFER
    refute_output --partial FAILED
    assert_output --partial 'targets met'
    run python3 -c 'import json, sys; rows = json.load(open(sys.argv[1]))["rows"]; print(len(rows), min(r["cpu"] for r in rows) > 0)' \
        "$BATS_TEST_TMPDIR/rows.json"
    assert_output '12 True'
}

@test "the benchmark tells answers that differ, and fails" {
    run python3 - "$TESTS/bench" <<'PY'
import importlib.machinery, importlib.util, sys, types
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import answers

def of(text):
    return answers.fetched(text, True)

literal = of(b'* 1 FETCH (FLAGS (\\Seen \\Recent a) BODY[HEADER.FIELDS (TO)] {4}\r\na"b))\r\n')
quoted = of(b'* 1 FETCH (BODY[HEADER.FIELDS ("TO")] "a\\"b)" FLAGS (a \\Seen))\r\n')
unseen = of(b'* 1 FETCH (BODY[HEADER.FIELDS (TO)] "a\\"b)" FLAGS (a))\r\n')
assert answers.difference(literal, quoted) == "", (literal, quoted)

loader = importlib.machinery.SourceFileLoader("run", sys.argv[1] + "/run")
run = importlib.util.module_from_spec(importlib.util.spec_from_loader("run", loader))
loader.exec_module(run)

class Server:
    def __init__(self, name):
        self.name = name

ours, theirs = Server("postern"), Server("dovecot-maildir")
for answer, wrong in ((quoted, 0), (unseen, 1), ({}, 1)):
    what = types.SimpleNamespace(bench=types.SimpleNamespace(postern=ours), wrong=[])
    run.Run.compare(what, types.SimpleNamespace(name="FETCH"),
                    {ours: types.SimpleNamespace(answer=literal), theirs: types.SimpleNamespace(answer=answer)})
    assert len(what.wrong) == wrong, what.wrong
print("compared")
PY
    assert_line --index -1 compared
}
