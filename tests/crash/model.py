"""What a client was told about a user's mail, and what may therefore be there after a crash.

A message is known by a token in its subject and body, and is at most once in a mailbox. Each copy has its latest state, and the
states that may be found: one, unless a command has got no answer yet or, for power cuts, was acknowledged but need not be durable."""
import re

PRESENT, ABSENT = True, False


def message(token, size=1):
    return 'From: Ann <ann@crash.test>\r\nSubject: %s\r\n\r\n%s%s ends\r\n' % (token, ('%s goes on\r\n' % token) * size, token)


class Copy:
    """latest, allowed: (present, flags)"""

    def __init__(self, flags=(), present=PRESENT):
        self.latest = (present, frozenset(flags))
        self.allowed = {self.latest}


class Model:
    def __init__(self):
        self.boxes = {}    # name: the existences that may be found
        self.copies = {}   # (box, token): Copy
        self.subscribed = {}
        self.either = []   # [(box, token), ...]: at least one of them is there
        self.renames = []  # (old, new): done or not
        self.uids = {}     # (box, UIDVALIDITY): {uid: token}
        self.told_next = {}  # (box, UIDVALIDITY): the greatest UIDNEXT that a client saw
        self.validity = {}   # box: UIDVALIDITY that a client saw
        self.texts = {}    # token: the whole text
        self.original = set()  # (box, token) of before: may have a UID that no client saw, below a UIDNEXT that one saw

    # ---- what commands do. sure: it was acknowledged and is durable; else it may be found or not

    def add(self, box, token, flags=(), sure=True):
        copy = self.copies.setdefault((box, token), Copy(present=ABSENT))
        self.set(copy, (PRESENT, frozenset(flags)), sure)

    def set(self, copy, state, sure, acknowledged=True):
        copy.allowed = {state} if sure else copy.allowed | {state}
        if acknowledged:
            copy.latest = state

    def learn_uid(self, box, validity, uid, token):
        """None, or what is wrong."""
        known = self.uids.setdefault((box, validity), {})
        if known.setdefault(uid, token) != token:
            return 'UID %d of %s was given to %s and is now that of %s' % (uid, box, known[uid], token)
        return None

    def learn_next(self, box, validity, uidnext):
        self.told_next[box, validity] = max(uidnext, self.told_next.get((box, validity), 0))
        self.validity[box] = validity

    def settle(self):
        """All that was said is durable now."""
        for copy in self.copies.values():
            copy.allowed = {copy.latest}

    def rename(self, old, new):
        """A mailbox and what is known of it."""
        self.boxes[new], self.boxes[old] = {PRESENT}, {ABSENT}
        for table in (self.copies, self.uids, self.told_next):
            for key in [key for key in table if key[0] == old]:
                table[(new, key[1])] = table.pop(key)
        if old in self.validity:
            self.validity[new] = self.validity.pop(old)
        self.either = [[(new if box == old else box, token) for box, token in group] for group in self.either]


# ---- what is found

class Found:
    def __init__(self):
        self.boxes = {}       # name: (UIDVALIDITY, UIDNEXT, [(uid, flags, token or None, text)])
        self.subscribed = set()

    def same(self):
        """For comparison with another look."""
        return {name: (validity, [(uid, flags, token) for uid, flags, token, _ in messages])
                for name, (validity, _, messages) in self.boxes.items()}, self.subscribed


def names(untagged, kind):
    found = set()
    for line in untagged:
        match = re.match(rb'\* ' + kind + rb' \(([^)]*)\) (?:"."|NIL) (?:"(.*)"|(.*))\r\n', line)
        if match and b'\\Noselect' not in match[1] and b'\\NonExistent' not in match[1]:
            found.add((match[2] or match[3]).decode())
    return found


def look(imap, also=()):
    """Everything that a client can see, as Found. also: mailboxes that must be asked for, listed or not."""
    found = Found()
    found.subscribed = names(imap.command('LSUB "" "*"')[2], b'LSUB')
    for name in sorted(names(imap.command('LIST "" "*"')[2], b'LIST') | set(also)):
        ok, line, untagged = imap.command('SELECT "%s"' % name)
        if not ok:
            if name in also:
                continue
            raise AssertionError('%s is listed but cannot be opened: %s' % (name, line))
        codes = b''.join(untagged)
        validity = int(re.search(rb'UIDVALIDITY (\d+)', codes)[1])
        uidnext = int(re.search(rb'UIDNEXT (\d+)', codes)[1])
        messages, exists = [], int(re.search(rb'\* (\d+) EXISTS', codes)[1])
        ok, line, untagged = imap.command('FETCH 1:* (UID FLAGS RFC822.SIZE BODY.PEEK[])') if exists else (True, '', [])
        assert ok, 'FETCH in %s: %s' % (name, line)
        for item in untagged:
            if b'FETCH' in item[:20]:
                messages.append(parse(item))
        assert len(messages) == exists, '%s: %d EXISTS, but %d FETCHed' % (name, exists, len(messages))
        found.boxes[name] = (validity, uidnext, messages)
    return found


def parse(item):
    head, _, rest = item.partition(b'BODY[] {')
    size, _, rest = rest.partition(b'}\r\n')
    text, around = rest[:int(size)].decode(), head + rest[int(size):]
    uid = int(re.search(rb'UID (\d+)', around)[1])
    flags = re.search(rb'FLAGS \((.*?)\)', around)
    flags = frozenset(flags[1].decode().split() if flags else ()) - {'\\Recent'}
    said = re.search(rb'RFC822.SIZE (\d+)', around)
    assert not said or said[1] == size, 'RFC822.SIZE is not the size: %r' % around
    token = re.search(r'^Subject: (\S+)\r$', text, re.M)
    return uid, flags, token[1] if token else None, text


# ---- the judgement

def undo_renames(model, found):
    """A rename without answer is done or not, for each mailbox."""
    problems = []
    for old, new in model.renames:
        if (old in found.boxes) == (new in found.boxes):
            problems.append('RENAME of %s to %s: %s there' % (old, new, 'both are' if old in found.boxes else 'neither is'))
        elif new in found.boxes:
            model.rename(old, new)
        else:
            model.boxes[new] = {ABSENT}
            model.boxes[old] = {PRESENT}
    return problems


def compare_messages(model, box, messages):
    there = {}
    for uid, flags, token, text in messages:
        if token not in model.texts or not text.endswith(model.texts[token]):
            yield '%s shows half a message or a strange one as UID %d: %r' % (box, uid, text[-200:])
        elif token in there:
            yield '%s has %s twice: UIDs %d and %d' % (box, token, there[token][0], uid)
        else:
            there[token] = (uid, flags)
    for token in {token for name, token in model.copies if name == box} | set(there):
        copy = model.copies.get((box, token)) or Copy(present=ABSENT)
        if token not in there:
            if not any(present == ABSENT for present, _ in copy.allowed):
                yield '%s has lost %s' % (box, token)
        elif not any(present == PRESENT for present, _ in copy.allowed):
            yield '%s still has %s' % (box, token)
        elif (PRESENT, there[token][1]) not in copy.allowed:
            yield '%s: flags of %s are %s, not %s' % (box, token, sorted(there[token][1]), sorted(
                sorted(flags) for present, flags in copy.allowed if present))


def compare_uids(model, box, validity, uidnext, messages):
    if model.validity.get(box, validity) != validity:
        yield 'UIDVALIDITY of %s was %d and is %d' % (box, model.validity[box], validity)
    known = model.uids.get((box, validity), {})
    told = model.told_next.get((box, validity), 0)
    uids = [uid for uid, _, _, _ in messages]
    if uids != sorted(set(uids)) or (uids and uids[-1] >= uidnext):
        yield '%s: UIDs %s, UIDNEXT %d' % (box, uids, uidnext)
    if uidnext < told or uidnext <= max(known, default=0):
        yield '%s: UIDNEXT is %d, but was %d, with UIDs up to %d' % (box, uidnext, told, max(known, default=0))
    for uid, _, token, _ in messages:
        if uid in known and known[uid] != token:
            yield '%s: UID %d was %s and is %s' % (box, uid, known[uid], token)
        if uid not in known and uid < told and (box, token) not in model.original:
            yield '%s: UID %d of %s is below an UIDNEXT of %d' % (box, uid, token, told)
        if uid not in known and token in known.values():
            copy = model.copies.get((box, token))
            if not (copy and any(present == ABSENT for present, _ in copy.allowed)):
                yield '%s: %s had another UID than %d' % (box, token, uid)


def compare(model, found):
    """A list of sentences; none when all that was acknowledged is there."""
    problems = undo_renames(model, found)
    for box, allowed in model.boxes.items():
        if (box in found.boxes) not in allowed:
            problems.append('mailbox %s is %s' % (box, 'there' if box in found.boxes else 'gone'))
    for name, allowed in model.subscribed.items():
        if (name in found.subscribed) not in allowed:
            problems.append('the subscription of %s is %s' % (name, 'there' if name in found.subscribed else 'gone'))
    for box, (validity, uidnext, messages) in found.boxes.items():
        if box not in model.boxes:
            problems.append('there is a mailbox %s' % box)
        problems += compare_messages(model, box, messages)
        problems += compare_uids(model, box, validity, uidnext, messages)
    for group in model.either:
        if not any(token == told for box, told in group for _, _, token, _ in found.boxes.get(box, (0, 0, []))[2]):
            problems.append('%s is in none of %s' % (group[0][1], [box for box, _ in group]))
    return problems


def learn(model, found):
    """What a client knows after it has looked."""
    for box, (validity, uidnext, messages) in found.boxes.items():
        model.learn_next(box, validity, uidnext)
        for uid, _, token, _ in messages:
            model.learn_uid(box, validity, uid, token)


def model_of(found):
    """Where everything starts. Who has UIDs from this look alone, and not from before, is forgotten again."""
    model = Model()
    model.subscribed = {name: {PRESENT} for name in found.subscribed}
    for box, (_, _, messages) in found.boxes.items():
        model.boxes[box] = {PRESENT}
        for _, flags, token, text in messages:
            model.copies[box, token] = Copy(flags)
            model.texts[token] = text
    learn(model, found)
    model.original = set(model.copies)
    return model


def pin(model, found):
    """From now on exactly what was found is true."""
    model.boxes = {box: {PRESENT} for box in found.boxes}
    model.subscribed = {name: {PRESENT} for name in found.subscribed}
    model.either, model.renames = [], []
    model.copies = {(box, token): Copy(flags) for box, (_, _, messages) in found.boxes.items() for _, flags, token, _ in messages}
    learn(model, found)
