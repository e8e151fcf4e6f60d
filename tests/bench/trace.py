"""Whether both servers make the same things durable: each is traced for fsync while it does the jobs that promise something."""
import os
import re
import shutil
import signal
import subprocess
import time

import client

CALLS = "fsync,fdatasync,sync_file_range,syncfs,msync"
JOBS = [
    ("LMTP delivery", lambda c, s, wire: client.Lmtp(s.lmtp).deliver("target", wire[0])),
    ("APPEND", lambda c, s, wire: c.append("INBOX", [wire[1]])),
    ("COPY of one", lambda c, s, wire: c.do("COPY 1 Traced")),
    ("STORE on one", lambda c, s, wire: c.do("STORE 1 +FLAGS (\\Deleted)")),
    ("EXPUNGE of one", lambda c, s, wire: c.do("EXPUNGE")),
    ("LOGOUT", lambda c, s, wire: c.close()),
]


class Trace:
    """`with Trace(server, calls, path) as t:` t.count() calls since; t.works is false where tracing is not possible."""

    def __init__(self, server, calls, path):
        self.pattern = re.compile(r"\b(?:%s)\(" % calls.replace(",", "|"))
        self.path, self.works = path, shutil.which("strace") is not None
        self.command = ["strace", "-f", "-qq", "-e", "trace=" + calls, "-o", path] + [w for p in server.cgroup.processes() for w in ("-p", str(p))]

    def __enter__(self):
        open(self.path, "w").close()
        if self.works:
            self.tracer = subprocess.Popen(self.command, stderr=subprocess.PIPE)
            time.sleep(1)
            self.works = self.tracer.poll() is None
        return self

    def __exit__(self, *trouble):
        if self.works:
            self.tracer.send_signal(signal.SIGINT)
            self.tracer.communicate(timeout=20)

    def count(self):
        with open(self.path, errors="replace") as f:
            return len(self.pattern.findall(f.read()))


def calls_of(server, calls, path, function):
    """How many of these calls the server makes for function(); None when tracing is not possible."""
    with Trace(server, calls, path) as t:
        if not t.works:
            return None
        function()
        server.cgroup.quiet()
        return t.count()


def trace(server, wire, path):
    """{job: number of calls that sync}; None when tracing is not possible here."""
    with Trace(server, CALLS, path) as t:
        return counts(server, wire, t.count) if t.works else None


def counts(server, wire, calls):
    c = client.Imap(server.imap, "target")
    try:
        c.do("CREATE Traced")
    except RuntimeError:
        pass  # of an earlier trace
    c.append("INBOX", [wire[0]])
    c.do("SELECT INBOX")
    out = {}
    for name, job in JOBS:
        server.cgroup.quiet()
        before = calls()
        job(c, server, wire)
        server.cgroup.quiet()
        out[name] = calls() - before
    return out


def table(servers, wire, directory):
    """Lines to print."""
    found = {s.name: trace(s, wire, os.path.join(directory, "trace")) for s in servers}
    lines = ["calls that sync (%s), traced:" % CALLS, "  %-20s %s" % ("", "  ".join("%16s" % n for n in found))]
    for name, _ in JOBS:
        lines.append("  %-20s %s" % (name, "  ".join("%16s" % (f[name] if f else "no strace") for f in found.values())))
    return lines, found
