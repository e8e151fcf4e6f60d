"""The workloads: each is a function(server, measure, bench) that does the job once and returns what was answered, in a form that is
the same for all servers. What is inside `with measure:` is counted; what a session still does until it is closed belongs to it."""
import threading

import answers
import client

WORKLOADS = []


class Workload:
    """name; target: ratio to reach over Dovecot's Maildir; tuned: over tuned Dovecot; forget: "" (cached), "index" (index files deleted
    before each cycle) or "copied" (as files just copied in); on: which servers; starters: also started by systemd and by inetd;
    needs: the capability; limit(bench, octets): what bench_limit is to do."""

    def __init__(self, function, name, target=None, tuned=None, forget="", on="all", starters=False, needs=None, limit=None, cycles=None):
        self.function, self.name, self.target, self.tuned, self.forget, self.on = function, name, target, tuned, forget, on
        self.starters, self.needs, self.limit, self.cycles = starters, needs, limit, cycles

    def on_server(self, server):
        form = getattr(server, "kind", "maildir")
        if getattr(server, "how", "listen") != "listen":
            return self.starters
        return self.on == "all" and form != "tuned" or form == "maildir" or self.on == "login"


def workload(name, **how):
    def register(function):
        WORKLOADS.append(Workload(function, name, **how))
        return function
    return register


def at_once(count, function):
    """function(0) ... function(count - 1) in threads; the first trouble of any is raised."""
    trouble = []

    def run(k):
        try:
            function(k)
        except Exception as e:  # raised below, in the caller's thread
            trouble.append(e)
    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    if trouble:
        raise trouble[0]


def selected(server, user="user0", tls=False):
    c = client.Imap(server.imaps if tls else server.imap, user, tls)
    c.do("SELECT INBOX")
    return c


# ---- login

@workload("login and logout, one after the other (50)", target=0.15, tuned=0.4, on="login", starters=True,
          limit=lambda b, octets: ("login", 1000, 50, 0))
def login(server, measure, bench):
    with measure:
        for _ in range(50):
            client.Imap(server.imap, "empty").close()


@workload("login and logout, 20 at once (100)", target=0.15, tuned=0.4, on="login", starters=True,
          limit=lambda b, octets: ("login", 1000, 100, 0))
def login_parallel(server, measure, bench):
    def some(k):
        for _ in range(5):
            client.Imap(server.imap, "empty").close()
    with measure:
        at_once(20, some)


@workload("login and logout, TLS 1.3 (20)", target=0.25, on="login", starters=True)
def login_tls(server, measure, bench):
    with measure:
        for _ in range(20):
            client.Imap(server.imaps, "empty", tls=True).close()


# ---- SELECT

BIG = {10000: 0.6, 100000: 0.2, 1000000: 0.05}  # messages: ratio to reach


def select_big(count):
    """The row of a mailbox of so many messages."""
    def run(server, measure, bench):
        sessions = [client.Imap(server.imap, bench.big(count)) for _ in range(5)]
        with measure:
            seen = [answers.exists(c.do("SELECT INBOX")) for c in sessions]
        [c.close() for c in sessions]
        return seen
    return Workload(run, "SELECT in a new session, %s messages (5)" % format(count, ","), target=BIG.get(count), on="maildir",
                    limit=lambda b, octets: ("select", 1000, 5, octets))


def all_workloads(sizes):
    at = next(i for i, w in enumerate(WORKLOADS) if w.name.startswith("SELECT"))
    return WORKLOADS[:at] + [select_big(n) for n in sizes] + WORKLOADS[at:]


@workload("SELECT again in the same session (50)", target=1.0, limit=lambda b, octets: ("select", 1000, 50, octets))
def select_again(server, measure, bench):
    c = selected(server)
    with measure:
        for _ in range(50):
            seen = answers.exists(c.do("SELECT INBOX"))
    c.close()
    return seen


@workload("SELECT with index files deleted", target=0.6, forget="index", on="maildir", limit=lambda b, octets: ("scan", b.messages, 1, octets))
def select_bare(server, measure, bench):
    c = client.Imap(server.imap, "user0")
    with measure:
        seen = answers.exists(c.do("SELECT INBOX"))
        c.close()
    return seen


# ---- FETCH

def fetch_workload(name, items, target, forget="", tls=False, limit=None):
    @workload("FETCH %s of all, %s" % (name, "first time" if forget else "TLS" if tls else "cached" if "BODY[]" not in name and name != "FLAGS" else "plain"),
              target=target, forget=forget, limit=limit)
    def run(server, measure, bench):
        c = client.Imap(server.imaps if tls else server.imap, "user0", tls)
        if not forget:
            c.do("SELECT INBOX")
        with measure:
            if forget:
                c.do("SELECT INBOX")
            answer = c.do("FETCH 1:* (%s)" % items)
            if forget:
                c.close()
        if not forget:
            c.close()
        return answers.fetched(answer, bench.thorough)


def memory_limit(b, octets):
    return "answer", 1000, 1, octets


def read_limit(b, octets):
    return "read", b.messages, 1, octets


SIX = "BODY.PEEK[HEADER.FIELDS (FROM TO CC SUBJECT DATE MESSAGE-ID)]"
fetch_workload("FLAGS", "FLAGS", 0.4, limit=memory_limit)
for title, what, cached, first in (("ENVELOPE and size", "ENVELOPE RFC822.SIZE", 0.1, 0.5), ("BODYSTRUCTURE", "BODYSTRUCTURE", 0.6, 0.5),
                                   ("six header fields", SIX, 0.4, 0.5)):
    fetch_workload(title, what, first, forget="copied", limit=read_limit)
    fetch_workload(title, what, cached, limit=memory_limit)
fetch_workload("BODY[]", "BODY.PEEK[]", 0.4, limit=lambda b, octets: ("copy", b.messages, 1, 0))
fetch_workload("BODY[]", "BODY.PEEK[]", 0.6, tls=True)


# ---- SEARCH, SORT, THREAD

def search_workload(command, target, needs=None, limit=memory_limit):
    @workload(" ".join(command.split()[:2]), target=target, needs=needs, limit=limit)
    def run(server, measure, bench):
        c = selected(server)
        with measure:
            answer = c.do(command)
        c.close()
        return answers.untagged(answer, command.split()[0].encode())


search_workload("SEARCH UNSEEN", 0.3)
search_workload("SEARCH SUBJECT holiday", 0.3)
search_workload('SEARCH BODY "concert weather"', 0.3, limit=read_limit)
search_workload("SORT (SUBJECT) UTF-8 ALL", 0.5, needs="SORT")
search_workload("THREAD REFERENCES UTF-8 ALL", 0.4, needs="THREAD=REFERENCES")


# ---- changes

@workload("STORE +FLAGS on all", target=0.85, limit=lambda b, octets: ("rename", b.messages, 1, 0))
def store(server, measure, bench):
    c = selected(server)
    with measure:
        answer = c.do("STORE 1:* +FLAGS (\\Deleted)")
        c.close()
    again(server, "SELECT INBOX", "STORE 1:* -FLAGS.SILENT (\\Deleted)")  # no message of the stock has it
    return answers.fetched(answer, bench.thorough)


def wire_limit(job, count):
    return lambda b, octets: (job, 1000, count, sum(map(len, b.wire[:count])))


@workload("APPEND, 100 messages", target=0.6, limit=wire_limit("deliver", 100))
def append(server, measure, bench):
    c = client.Imap(server.imap, "target")
    with measure:
        for m in bench.wire[:100]:
            c.append("INBOX", [m])
        c.close()
    return bench.grew(server, "target")


@workload("MULTIAPPEND, 100 messages", target=0.6, needs="MULTIAPPEND", limit=wire_limit("multi", 100))
def multiappend(server, measure, bench):
    c = client.Imap(server.imap, "target")
    with measure:
        c.append("INBOX", bench.wire[:100])
        c.close()
    return bench.grew(server, "target")


def again(server, *commands):
    c = client.Imap(server.imap, "user0")
    for command in commands:
        c.do(command)
    c.close()


def empty_mailbox(server, name):
    """name, as new, whatever an earlier cycle left."""
    try:
        again(server, "DELETE " + name)
    except RuntimeError:
        pass  # as it should be
    again(server, "CREATE " + name)


@workload("COPY of all to another mailbox", target=0.4, limit=lambda b, octets: ("link", b.messages, 1, 0))
def copy(server, measure, bench):
    empty_mailbox(server, "Copy")
    c = selected(server)
    with measure:
        c.do("COPY 1:* Copy")
        c.close()
    c = client.Imap(server.imap, "user0")
    seen = answers.statuses(c.do("STATUS Copy (MESSAGES UNSEEN)"))
    c.close()
    again(server, "DELETE Copy")
    return seen


@workload("EXPUNGE of all", target=0.7, limit=lambda b, octets: ("unlink", b.messages, 1, 0))
def expunge(server, measure, bench):
    empty_mailbox(server, "Doomed")
    again(server, "SELECT INBOX", "COPY 1:* Doomed", "SELECT Doomed", "STORE 1:* +FLAGS.SILENT (\\Deleted)")
    c = client.Imap(server.imap, "user0")
    c.do("SELECT Doomed")
    with measure:
        answer = c.do("EXPUNGE")
        c.close()
    again(server, "DELETE Doomed")
    return answer.count(b" EXPUNGE\r\n")


# ---- many mailboxes

NUMBERS = "(MESSAGES UNSEEN UIDNEXT)"


@workload("STATUS of 1,000 mailboxes one by one", target=0.3, limit=lambda b, octets: ("status", 1000, 1000, octets))
def status(server, measure, bench):
    c = client.Imap(server.imap, "many")
    with measure:
        seen = [c.do("STATUS m%d %s" % (i, NUMBERS)) for i in range(1000)]
    c.close()
    return answers.statuses(b"".join(seen))


@workload("LIST with STATUS of 1,000 mailboxes", target=0.2, limit=lambda b, octets: ("list", 1000, 1000, octets))
def list_status(server, measure, bench):
    c = client.Imap(server.imap, "many")
    with measure:
        answer = c.do('LIST "" "*" RETURN (STATUS %s)' % NUMBERS)
    c.close()
    return answers.statuses(answer)


# ---- LMTP

def deliver_some(server, bench, user, messages):
    l = client.Lmtp(server.lmtp)
    for m in messages:
        l.deliver(user, m)
    l.close()


@workload("LMTP, one connection (200 messages)", target=0.3, on="login", limit=wire_limit("deliver", 200))
def lmtp(server, measure, bench):
    with measure:
        deliver_some(server, bench, "target", bench.wire)
    return bench.grew(server, "target")


@workload("LMTP, 20 connections (200 messages)", target=0.4, on="login", limit=wire_limit("deliver", 200))
def lmtp_parallel(server, measure, bench):
    with measure:
        at_once(20, lambda k: deliver_some(server, bench, "target%d" % k, bench.wire[k * 10:k * 10 + 10]))
    return [bench.grew(server, "target%d" % k) for k in range(20)]


@workload("LMTP (50 messages) and the reader's next FETCH of them")
def lmtp_and_fetch(server, measure, bench):
    before = bench.count(server, "reader")
    with measure:
        deliver_some(server, bench, "reader", bench.wire[:50])
        c = selected(server, "reader")
        answer = c.do("FETCH %d:* (FLAGS ENVELOPE RFC822.SIZE)" % (before + 1))
        c.close()
    return len(answers.FETCH.findall(answer))


# ---- POP3

@workload("POP3 login, STAT, UIDL", target=0.2, on="login", limit=lambda b, octets: ("login", 1000, 1, octets))
def pop3(server, measure, bench):
    with measure:
        p = client.pop3(server.pop3, "user0")
        stat = p.do("STAT")
        p.do("UIDL")
        octets = p.lines()
        p.close()
    return stat.split()[1:3], octets


@workload("POP3 whole session of 5,000", target=0.5, limit=lambda b, octets: ("retrieve", 5000, 5000, octets))
def pop3_whole(server, measure, bench):
    with measure:
        p = client.pop3(server.pop3, "five")
        count = int(p.do("STAT").split()[1])
        octets = 0
        for i in range(count):
            p.do("RETR %d" % (i + 1))
            octets += p.lines()
        p.close()
    return count, octets
