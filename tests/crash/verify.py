"""Whether a user's mail is as it may be after a crash."""
import copy
import time

import model as m
from scenarios import append, remove_index
from server import Imap, Server

#: What is left over by the dead must not make the living wait longer, seconds.
SLOW = 15


def look(home, model, then=lambda client, found: None, rebooted=False):
    """What a new session shows; then(client, found) goes on in it."""
    with Server(Imap, home, rebooted=rebooted) as server:
        server.client.greet()
        found = m.look(server.client, also=[box for box, allowed in model.boxes.items() if allowed == {True}])
        then(server.client, found)
        server.client.command('LOGOUT')
    return found


def probe(client, model, found, problems):
    """A message appended to each mailbox gets a UID that nobody had."""
    for number, box in enumerate(found.boxes):
        token = 'probe%d' % number
        ok, line, _ = client.command(append(box, token).text)
        if not ok:
            problems.append('a new message in %s: %s' % (box, line))
        model.texts[token] = m.message(token)
        model.add(box, token)


def examine(home, model, rebooted):
    problems = []

    def judge(client, found):
        problems.extend(m.compare(model, found))
        m.pin(model, found)
        probe(client, model, found, problems)

    look(home, model, judge, rebooted)
    again = look(home, model)
    problems += ['afterwards: ' + problem for problem in m.compare(model, again)]
    m.pin(model, again)
    remove_index(home)
    return problems + ['without index: ' + problem for problem in m.compare(model, look(home, model))]


def verify(home, model, rebooted=False):
    """Sentences about what is wrong."""
    began = time.monotonic()
    try:
        problems = examine(home, copy.deepcopy(model), rebooted)
    except (AssertionError, TypeError) as e:
        problems = ['%s: %s' % (type(e).__name__, e)]
    except Exception as e:  # the server ended, or said nothing
        problems = ['the server failed: %r' % e]
    took = time.monotonic() - began
    if took > SLOW:
        problems.append('opening took %.1f s' % took)
    return problems
