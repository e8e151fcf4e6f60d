"""One benchmark: the stock, the servers with their users and mail, measuring, and running a workload on all of them by turns."""
import os
import statistics
import time

import answers
import client
import mail
from limit import Limit
from servers import Dovecot, Postern

LATE, LATE_EACH = 2.5, 0.5  # seconds (for each cycle, in short runs) in which what a server put off (deferred scans, folding) is waited for after the last cycle


class Measure:
    """`with measure:` counts a server's CPU time until it is quiet, the wall time, and the octets that it sent."""

    def __init__(self, server):
        self.server, self.cpu, self.wall = server, 0.0, 0.0

    def __enter__(self):
        self.before, self.octets, self.start = self.server.cgroup.quiet(), client.received, time.perf_counter()
        return self

    def __exit__(self, *trouble):
        self.wall = time.perf_counter() - self.start
        self.octets = client.received - self.octets
        self.end = self.server.cgroup.quiet()
        self.cpu = self.end - self.before


class Result:
    """What a workload took on one server: cycles, CPU seconds of all of them, what came late, the last answer."""

    def __init__(self):
        self.cpus, self.walls, self.late, self.octets, self.answer, self.end = [], [], 0.0, 0, None, None

    def add(self, measure, answer):
        self.cpus.append(measure.cpu)
        self.walls.append(measure.wall)
        self.octets, self.end = measure.octets, measure.end
        if len(self.cpus) == 1:
            self.answer = answer

    def cpu(self):
        """Seconds a cycle; over all cycles, since upkeep comes once in a while."""
        return (sum(self.cpus) + self.late) / len(self.cpus)

    def wall(self):
        return statistics.median(self.walls)


class Bench:
    def __init__(self, directory, build, messages, base, against, starters=True):
        self.dir, self.messages, self.thorough, self.counts = directory, messages, True, {}
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, 0o755)
        self.stock = mail.Stock(directory, build)
        self.limit = Limit(build, self.stock)
        self.wire = self.stock.wire(200)
        where = os.path.join(directory, "servers")
        self.postern = Postern(where, base, build)
        self.servers = [self.postern] + [Dovecot(where, base + 1000 * (i + 1), kind) for i, kind in enumerate(against)]
        self.starters = [Postern(where, base + 1000 * (i + 6), build, how) for i, how in enumerate(("activate", "inetd"))] if starters else []

    def all(self):
        return self.servers + self.starters

    def start(self, inboxes, trees=()):
        """inboxes: {user: messages}; trees: {user: folders}."""
        users = list(inboxes) + list(trees) + ["empty", "target", "reader"] + ["target%d" % k for k in range(20)]
        for s in self.all():
            s.write_users(users)
            for user, count in inboxes.items():
                if self.has(s, user):
                    s.give(self.stock, user, count)
            for user, count in dict(trees).items() if s in self.servers else ():
                s.give_tree(user, count, self.wire[0])
            mail.own(s.dir + "/mail")
        for s in self.all():
            s.start()
            s.given()
        self.settle([u for u, count in inboxes.items() if count <= self.messages], trees)

    def has(self, server, user):
        """Whether a row needs this user's mail on this server: big mailboxes are selected on Postern and Dovecot's Maildir only."""
        if server in self.starters:
            return user == "thousand"
        return not user.startswith("big") or getattr(server, "kind", "maildir") == "maildir"

    def settle(self, inboxes, trees):
        """Everybody has seen his mail once, and what was written is on the disk."""
        for s in self.all():
            for user in [u for u in inboxes if self.has(s, u)]:
                c = client.Imap(s.imap, user)
                c.do("SELECT INBOX")
                c.do("FETCH 1:* (FLAGS RFC822.SIZE)")
                c.close()
            for user in trees if s in self.servers else ():
                c = client.Imap(s.imap, user)
                c.do('LIST "" "*" RETURN (STATUS (MESSAGES UNSEEN UIDNEXT))')
                c.close()
        os.sync()
        for s in self.all():
            s.cgroup.quiet()

    def stop(self):
        for s in self.all():
            s.stop()

    @staticmethod
    def big(count):
        return "big%d" % count

    def count(self, server, user):
        c = client.Imap(server.imap, user)
        seen = answers.exists(c.do("SELECT INBOX"))
        c.close()
        return seen

    def grew(self, server, user):
        """By how many messages since the last time."""
        now = self.count(server, user)
        before = self.counts.get((server.name, user), now)
        self.counts[server.name, user] = now
        return now - before

    def run(self, workload, cycles):
        """{server: Result}, by turns, each warm. A string when a server cannot do it."""
        servers = [s for s in self.all() if workload.on_server(s)]
        if workload.needs:
            for s in servers:
                c = client.Imap(s.imap, "empty")
                able = c.can(workload.needs)
                c.close()
                if not able:
                    return "%s does not announce %s" % (s.name, workload.needs)
        results = {s: Result() for s in servers}
        self.thorough = False
        for s in servers if not workload.forget else ():
            workload.function(s, Measure(s), self)
        os.sync()
        for cycle in range(cycles):
            self.thorough = cycle == 0
            for s in servers:
                self.once(workload, s, results[s])
        time.sleep(min(LATE, cycles * LATE_EACH))
        for s in servers:
            results[s].late += s.cgroup.cpu() - results[s].end
        return results

    def once(self, workload, server, result):
        if result.end is not None:  # since the last cycle
            result.late += server.cgroup.cpu() - result.end
        if workload.forget:
            server.forget("user0", workload.forget == "copied")
        measure = Measure(server)
        result.add(measure, workload.function(server, measure, self))
        # What follows within the function is not counted, so what came late is counted from here.
        result.end = server.cgroup.quiet()
