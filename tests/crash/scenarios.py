"""What is done while processes die: for each scenario the mail that is there before, and commands with what each changes."""
import os
import re

import model as m
from server import Closed, Imap, Lmtp, Server, USER


class Op:
    """A command. changes: see apply(). soft: durable at the next checkpoint only. checkpoint: CLOSE, UNSELECT, LOGOUT."""

    def __init__(self, text, *changes, soft=False, checkpoint=False):
        self.text, self.changes, self.soft, self.checkpoint = text, changes, soft, checkpoint

    def run(self, client, result):
        result.ok, result.line, result.untagged = client.command(self.text)


class Delivery(Op):
    """A message over LMTP."""

    def __init__(self, token, size=1):
        super().__init__(token, ('add', 'INBOX', token, ()))
        self.message = m.message(token, size)

    def run(self, client, result):
        result.ok, result.line = client.deliver(RECIPIENT, self.message)


class Result:
    """ok: None when no answer came. received: octets from the server until the answer was complete."""

    def __init__(self):
        self.ok, self.line, self.untagged, self.received = None, '', [], 0


def recipient():
    import pwd
    return pwd.getpwuid(USER).pw_name


RECIPIENT = recipient()


# ---- what a command does to the model

SURE, SOFT, PENDING = 'sure', 'soft', 'pending'


def change_box(model, name, phase, there):
    allowed = model.boxes.get(name, {not there})
    model.boxes[name] = {there} if phase == SURE else allowed | {there}


def remove_box(model, box, phase):
    change_box(model, box, phase, False)
    for key in [key for key in model.copies if key[0] == box]:
        if phase == SURE:
            del model.copies[key]
        else:
            model.copies[key].allowed |= {(m.ABSENT, frozenset())}
    if phase == SURE:
        model.validity.pop(box, None)


def apply(model, change, phase):
    what, *words = change
    sure, acknowledged = phase == SURE, phase != PENDING
    if what == 'add':
        box, token, flags = words
        copy = model.copies.setdefault((box, token), m.Copy(present=m.ABSENT))
        model.set(copy, (m.PRESENT, frozenset(flags)), sure, acknowledged)
    elif what == 'flags':
        model.set(model.copies[words[0], words[1]], (m.PRESENT, frozenset(words[2])), sure, acknowledged)
    elif what == 'gone':
        model.set(model.copies[words[0], words[1]], (m.ABSENT, frozenset()), sure, acknowledged)
    elif what == 'either':
        if not sure:
            model.either.append([(box, words[0]) for box in words[1:]])
    elif what == 'box':
        change_box(model, words[0], phase, True)
    elif what == 'delete':
        remove_box(model, words[0], phase)
    elif what == 'rename':
        model.rename(*words) if sure else model.renames.append(tuple(words))
    elif what == 'sub':
        allowed = model.subscribed.get(words[0], {False})
        model.subscribed[words[0]] = {words[1]} if sure else allowed | {words[1]}
    else:
        raise ValueError(what)


def move(token, source, target, flags=()):
    return ('add', target, token, flags), ('gone', source, token), ('either', token, source, target)


# ---- what a client learns from the answers

def expand(uids):
    for part in uids.split(','):
        first, _, last = part.partition(':')
        yield from range(int(first), int(last or first) + 1)


class Listener:
    """Follows the answers: which mailbox is selected, which UIDs were shown. problems: what was wrong with them."""

    def __init__(self, model):
        self.model, self.box, self.problems = model, 'INBOX', []

    def uid(self, box, validity, uid, token):
        problem = self.model.learn_uid(box, validity, uid, token)
        if problem:
            self.problems.append(problem)

    def hear(self, op, result):
        text = b''.join(result.untagged).decode() + result.line
        selected = re.match(r'SELECT "?([^"]+)"?$', op.text)
        if selected and (validity := re.search(r'UIDVALIDITY (\d+)', text)):
            self.box = selected[1]
            if uidnext := re.search(r'UIDNEXT (\d+)', text):
                self.model.learn_next(self.box, int(validity[1]), int(uidnext[1]))
        added = [change for change in op.changes if change[0] == 'add']
        if code := re.search(r'\[(?:APPENDUID (\d+)|COPYUID (\d+) \S+) (\S+)\]', text):
            validity = int(code[1] or code[2])
            for uid, (_, box, token, _) in zip(expand(code[3]), added):
                self.model.validity.setdefault(box, validity)
                self.uid(box, validity, uid, token)
        for item in result.untagged:
            if b'BODY[] {' in item:
                uid, _, token, _ = m.parse(item)
                self.uid(self.box, self.model.validity[self.box], uid, token)


def play(model, ops, results, power=False):
    """Takes the model through the commands that were sent. With power, only what must survive a power cut is sure. Returns problems."""
    listener = Listener(model)
    for op, result in zip(ops, results):
        phase = SURE if result.ok and not (power and op.soft) else SOFT if result.ok else PENDING
        for change in op.changes:
            apply(model, change, phase)
        listener.hear(op, result)
        if power and op.checkpoint and result.ok:
            model.settle()
    return listener.problems


def run(client, ops):
    """Results of the commands until the server is gone."""
    results = []
    try:
        client.greet()
        for op in ops:
            results.append(Result())
            try:
                op.run(client, results[-1])
            finally:
                results[-1].received = client.received
    except Closed:
        pass
    return results


# ---- mail that is there before

def append(box, token, flags=(), size=1):
    return Op(append_text(box, (token, flags, size)), ('add', box, token, flags))


def append_text(box, *messages):
    text = 'APPEND "%s"' % box
    for token, flags, size in messages:
        body = m.message(token, size)
        text += ' (%s) {%d+}\r\n%s' % (' '.join(flags), len(body), body)
    return text


def own(home):
    for top, directories, files in os.walk(home):
        for name in directories + files:
            os.chown(os.path.join(top, name), USER, -1, follow_symlinks=False)
    os.chown(home, USER, -1)


def say(home, *commands):
    """A session that must go well."""
    with Server(Imap, home) as server:
        server.client.greet()
        for text in commands:
            ok, line, _ = server.client.command(text.text if isinstance(text, Op) else text)
            assert ok, (text, line)
        server.client.command('LOGOUT')


INBOX = [('m1', ()), ('m2', ('\\Seen',)), ('m3', ('\\Seen', 'work')), ('m4', ('\\Flagged',)), ('m5', ()), ('m6', ('home',))]


def nothing(home):
    """Not even a directory."""


def some(home):
    say(home, *[append('INBOX', token, flags) for token, flags in INBOX], 'CREATE Work', 'CREATE Work.Deep', 'SUBSCRIBE Work',
        append('Work', 'w1'), append('Work', 'w2', ('\\Answered', 'work')), append('Work.Deep', 'd1', ('\\Seen',)))


def drop(home, folder, name, token):
    """Another program's delivery."""
    path = os.path.join(home, 'Maildir', folder, name)
    with open(path, 'w') as out:
        out.write(m.message(token).replace('\r\n', '\n'))
    os.chown(path, USER, -1)


def foreign(home):
    some(home)
    drop(home, 'new', '1700000001.M1P1.other', 'f1')
    drop(home, 'cur', '1700000002.M2P1.other:2,FS', 'f2')
    drop(home, 'new', '1700000003.M3P1.other', 'f3')


def unindexed(home):
    foreign(home)
    remove_index(home)


def remove_index(home):
    for top, _, files in os.walk(home):
        for name in files:
            if name.startswith('postern.'):
                os.unlink(os.path.join(top, name))


def many(home):
    some(home)
    for box in 'INBOX', 'Work':
        say(home, append_text(box, *[('x%d' % i, (), 1) for i in range(300)]))


def thin_out(home):
    """Another program removes most of `many`: what lists and index know is mostly dead."""
    for top, _, files in os.walk(home):
        if os.path.basename(top) not in ('new', 'cur'):
            continue
        for path in (os.path.join(top, name) for name in files):
            with open(path) as file:
                gone = 'Subject: x' in file.read()
            if gone:
                os.unlink(path)


# ---- the scenarios

def logout():
    return Op('LOGOUT', checkpoint=True)


class Scenario:
    """before(home) lays out the mail, just_before(home) changes it when the index knows it. must: patterns; a whole run makes such calls."""

    def __init__(self, client, before, *ops, just_before=None, must=()):
        self.client, self.before, self.ops, self.just_before, self.must = client, before, ops, just_before, must


SCENARIOS = {
    'deliver-first': Scenario(Lmtp, nothing, Delivery('l1'), Delivery('l2')),
    'deliver': Scenario(Lmtp, some, Delivery('l1'), Delivery('l2', 9000), Delivery('l3')),
    'append': Scenario(
        Imap, some, Op('SELECT INBOX'), append('INBOX', 'a1', ('\\Seen', 'work')), append('INBOX', 'a2', (), 9000),
        Op(append_text('INBOX', ('a3', (), 1), ('a4', ('\\Draft', 'new'), 1), ('a5', (), 1)),
           ('add', 'INBOX', 'a3', ()), ('add', 'INBOX', 'a4', ('\\Draft', 'new')), ('add', 'INBOX', 'a5', ())),
        append('Work', 'a6', ('other',)), logout()),
    'copy-many': Scenario(
        Imap, many, Op('SELECT INBOX'), Op('COPY 7:30 Work.Deep', *[('add', 'Work.Deep', 'x%d' % n, ()) for n in range(24)]), logout(),
        must=('^sync-all',)),
    'store': Scenario(
        Imap, some, Op('SELECT INBOX'),
        Op('STORE 1:2 +FLAGS (\\Flagged)', ('flags', 'INBOX', 'm1', ('\\Flagged',)), ('flags', 'INBOX', 'm2', ('\\Seen', '\\Flagged')), soft=True),
        Op('STORE 3 -FLAGS.SILENT (work)', ('flags', 'INBOX', 'm3', ('\\Seen',)), soft=True),
        Op('STORE 2:4 FLAGS (\\Answered never)', *[('flags', 'INBOX', 'm%d' % n, ('\\Answered', 'never')) for n in (2, 3, 4)], soft=True),
        Op('FETCH 5 (UID BODY[])', ('flags', 'INBOX', 'm5', ('\\Seen',)), soft=True),
        Op('UNSELECT', checkpoint=True), Op('SELECT Work'),
        Op('STORE 1 +FLAGS (\\Seen)', ('flags', 'Work', 'w1', ('\\Seen',)), soft=True), logout()),
    'expunge': Scenario(
        Imap, some, Op('SELECT INBOX'),
        Op('STORE 2,4 +FLAGS (\\Deleted)', ('flags', 'INBOX', 'm2', ('\\Seen', '\\Deleted')), ('flags', 'INBOX', 'm4', ('\\Flagged', '\\Deleted')), soft=True),
        Op('EXPUNGE', ('gone', 'INBOX', 'm2'), ('gone', 'INBOX', 'm4'), soft=True),
        Op('STORE 4 +FLAGS (\\Deleted)', ('flags', 'INBOX', 'm6', ('\\Deleted', 'home')), soft=True),
        Op('UID EXPUNGE 1:*', ('gone', 'INBOX', 'm6'), soft=True), append('INBOX', 'a1'),
        Op('STORE 1 +FLAGS (\\Deleted)', ('flags', 'INBOX', 'm1', ('\\Deleted',)), soft=True),
        Op('CLOSE', ('gone', 'INBOX', 'm1'), soft=True, checkpoint=True), append('INBOX', 'a2'), logout()),
    'copy': Scenario(
        Imap, some, Op('SELECT INBOX'),
        Op('COPY 1:3 Work', ('add', 'Work', 'm1', ()), ('add', 'Work', 'm2', ('\\Seen',)), ('add', 'Work', 'm3', ('\\Seen', 'work'))),
        Op('UID COPY 6 Work.Deep', ('add', 'Work.Deep', 'm6', ('home',))), append('Work', 'a1'), logout()),
    'move': Scenario(
        Imap, some, Op('SELECT INBOX'),
        Op('MOVE 1:2 Work', *move('m1', 'INBOX', 'Work'), *move('m2', 'INBOX', 'Work', ('\\Seen',))), append('INBOX', 'a1'),
        Op('UID MOVE 6 Work.Deep', *move('m6', 'INBOX', 'Work.Deep', ('home',))), Op('SELECT Work'),
        Op('MOVE 1 INBOX', *move('w1', 'Work', 'INBOX')), logout()),
    'mailboxes': Scenario(
        Imap, some, Op('CREATE A.B', ('box', 'A.B')), Op('SUBSCRIBE A.B', ('sub', 'A.B', True)), append('A.B', 'b1', ('\\Seen', 'work')),
        Op('RENAME A C', ('rename', 'A.B', 'C.B')),
        Op('RENAME Work Archive', ('rename', 'Work', 'Archive'), ('rename', 'Work.Deep', 'Archive.Deep')),
        Op('UNSUBSCRIBE Work', ('sub', 'Work', False)), Op('DELETE C.B', ('delete', 'C.B')), append('Archive', 'b2'),
        Op('SELECT Archive.Deep'), Op('UNSELECT', checkpoint=True), Op('DELETE Archive.Deep', ('delete', 'Archive.Deep')),
        Op('CREATE Archive.Deep', ('box', 'Archive.Deep')), append('Archive.Deep', 'b3'), logout()),
    'rename-inbox': Scenario(
        Imap, some, Op('RENAME INBOX Old', ('box', 'Old'), *[change for token, flags in INBOX for change in move(token, 'INBOX', 'Old', flags)]),
        append('INBOX', 'a1'), logout()),
    'foreign': Scenario(
        Imap, foreign, Op('SELECT INBOX'), Op('FETCH 1:* (UID FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[])'),
        Op('STORE 7 +FLAGS (\\Seen)', ('flags', 'INBOX', 'f1', ('\\Seen',)), soft=True), logout()),
    'unindexed': Scenario(
        Imap, unindexed, Op('STATUS INBOX (MESSAGES UIDNEXT)'), Op('SELECT INBOX'), Op('FETCH 1:* (UID FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[])'),
        Op('SELECT Work'), Op('FETCH 1:* (UID RFC822.SIZE ENVELOPE)'), append('Work', 'a1'), logout()),
    'upkeep': Scenario(
        Imap, many, Op('SELECT INBOX'), Op('FETCH 1:* (UID FLAGS ENVELOPE)'), Op('NOOP'), append('INBOX', 'a1'), Op('CLOSE', checkpoint=True),
        Op('SELECT Work'), Op('STORE 1 +FLAGS (\\Flagged)', ('flags', 'Work', 'w1', ('\\Flagged',)), soft=True), append('Work', 'a2'), Op('NOOP'), logout(),
        just_before=thin_out, must=(r'^rename .*Maildir/dovecot-uidlist$', r'^rename .*Work/dovecot-uidlist$', r'Maildir/postern\.')),
}


def brought(op):
    """The octets of messages in a command."""
    return op.message if isinstance(op, Delivery) else op.text


def learn_texts(model, scenario):
    """Lets the model know the messages that the scenario brings."""
    for op in scenario.ops:
        for what, *words in op.changes:
            if what == 'add' and words[1] not in model.texts:
                size = brought(op).count('%s goes on' % words[1])
                model.texts[words[1]] = m.message(words[1], size)
