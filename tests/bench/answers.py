"""What was answered, in one form for all servers, so that it can be compared: a quoted string and a literal are the same, flags have
no order, what a server may choose for itself is left out."""
import re

TOKEN = re.compile(rb'(?P<item>BODY\[[^\]]*\](?:<\d+>)?)|(?P<open>\()|(?P<close>\))|"(?P<quoted>(?:[^"\\]|\\.)*)"|\{(?P<literal>\d+)\}\r\n'
                   rb'|(?P<atom>[^ ()\r\n"{]+)|(?P<space> )', re.S)
FETCH = re.compile(rb"\* (\d+) FETCH ")


def value(data, at):
    """The parenthesised list at data[at:] as nested tuples, and where it ends."""
    stack = [[]]
    while True:
        m = TOKEN.match(data, at)
        if not m:
            raise ValueError("not a FETCH answer: %r" % data[at:at + 60])
        at, kind = m.end(), m.lastgroup
        if kind == "open":
            stack.append([])
        elif kind == "close":
            done = tuple(stack.pop())
            stack[-1].append(done)
            if len(stack) == 1:
                return done, at
        elif kind == "literal":
            size = int(m["literal"])
            stack[-1].append(data[at:at + size])
            at += size
        elif kind == "quoted":
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", m["quoted"]))
        elif kind != "space":
            stack[-1].append(m[kind])


def upper(v):
    return tuple(map(upper, v)) if isinstance(v, tuple) else v.upper()


def item(name, v):
    if name == b"FLAGS":
        return tuple(sorted(f for f in v if f != b"\\Recent"))
    return upper(v) if name == b"BODYSTRUCTURE" else v


def fetched(answer, thorough):
    """{number: its items}; only the count when not thorough."""
    if not thorough:
        return len(FETCH.findall(answer))
    out, at = {}, 0
    while m := FETCH.search(answer, at):
        items, at = value(answer, m.end())
        pairs = zip(items[::2], items[1::2])
        out[int(m[1])] = tuple(sorted((re.sub(rb'["\\]', b"", name.upper()), item(name.upper(), v)) for name, v in pairs))
    return out


def untagged(answer, word):
    """The words of the untagged answers of this name."""
    return [tuple(line.split()[2:]) for line in answer.split(b"\r\n") if line.startswith(b"* " + word)]


def statuses(answer):
    """{mailbox: its numbers}"""
    found = re.findall(rb'\* STATUS "?([^" ]+)"? \(([^)]*)\)', answer)
    return {name: tuple(sorted(re.findall(rb"([A-Z]+) (\d+)", numbers))) for name, numbers in found}


def exists(answer):
    return int(re.search(rb"\* (\d+) EXISTS", answer)[1])


def difference(a, b):
    """A sentence, empty when both are the same."""
    if a == b:
        return ""
    if isinstance(a, dict) and isinstance(b, dict):
        keys = [k for k in sorted(set(a) | set(b)) if a.get(k) != b.get(k)]
        x, y = a.get(keys[0]), b.get(keys[0])
        if isinstance(x, tuple) and isinstance(y, tuple):
            x, y = next(((p, q) for p, q in zip(x, y) if p != q), (x, y))
        return "%d of %d differ, first %s: %.300r / %.300r" % (len(keys), len(set(a) | set(b)), keys[0], x, y)
    return "%.200r / %.200r" % (a, b)
