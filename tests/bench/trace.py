"""Whether both servers make the same things durable: each is traced for fsync while it does the jobs that promise something."""
import os
import re
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


def trace(server, wire, path):
    """{job: number of calls that sync}; None when tracing is not possible here."""
    try:
        os.remove(path)
    except FileNotFoundError:
        pass
    pids = [word for p in server.cgroup.processes() for word in ("-p", str(p))]
    try:
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=" + CALLS, "-o", path] + pids, stderr=subprocess.PIPE)
    except FileNotFoundError:
        return None
    try:
        time.sleep(1)
        if tracer.poll() is not None:
            return None
        return counts(server, wire, path)
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=20)


def counts(server, wire, path):
    def calls():
        with open(path, errors="replace") as f:
            return len(re.findall(r"\b(?:%s)\(" % CALLS.replace(",", "|"), f.read()))
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
