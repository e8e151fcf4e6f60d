"""Rows about connections that wait: their memory, and how soon they hear of new mail."""
import statistics
import subprocess
import time

import client
from workloads import selected


def memory(server, count, tls=False):
    """(kB private dirty, kB in the cgroup or None, processes) for each of count connections that have INBOX selected."""
    g = server.cgroup
    selected(server, "thousand", tls).close()
    settle(g)
    before = g.private_dirty(), g.memory(), len(g.processes())
    held = []
    try:
        for _ in range(count):
            held.append(selected(server, "thousand", tls))
        settle(g)
        after = g.private_dirty(), g.memory(), len(g.processes())
    finally:
        for c in held:
            c.sock.close()
        g.quiet()
    kernel = None if after[1] is None else (after[1] - before[1]) / 1024 / count
    return (after[0] - before[0]) / count, kernel, (after[2] - before[2]) / count


def settle(group):
    """Until it is quiet and no process has come or gone for half a second."""
    for _ in range(20):
        group.quiet()
        count = len(group.processes())
        time.sleep(0.5)
        if len(group.processes()) == count:
            return


def bare_child(build, stock):
    """kB private dirty of a forked child that does nothing."""
    out = subprocess.run([build + "/bench_limit", "memory", stock.maildir(1000), "1", "0"], check=True, capture_output=True).stdout
    return float(out.split()[0])


def wake_up(server, wire, count, user="reader"):
    """Seconds, count times, from LMTP's 250 to EXISTS at an idling client; 0 where EXISTS came first."""
    c = selected(server, user)
    c.idle()
    l = client.Lmtp(server.lmtp)
    took = []
    for i in range(count):
        time.sleep(0.05)  # both have nothing left to do
        sent = l.deliver(user, wire[i % len(wire)])
        took.append(max(0.0, c.idled(b"EXISTS") - sent))
    l.close()
    c.done()
    c.close()
    return took


def middle(values):
    return statistics.median(values)
