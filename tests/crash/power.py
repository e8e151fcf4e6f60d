"""The states of a disk that a power cut may leave, made from the record of one run: README.md, "Power cuts"."""
import copy
import hashlib
import os
import random
import shutil
from multiprocessing import Pool

import scenarios as s
from kill import Prepared, fresh
from server import USER, Server
from verify import verify

BLOCK = 512
LEAST, NEW, ANY = 'least', 'all', 'any'             # which unsynced changes of directories are there
LOST, WHOLE, ZEROS, TORN = 'lost', 'whole', 'zeros', 'torn'  # what is there of a file's unsynced data
PLANS = [(LEAST, LOST), (LEAST, WHOLE), (NEW, LOST), (NEW, ZEROS), (NEW, WHOLE)]


class File:
    """base: what is surely there, (data, mtime). pending: the states after each later change, and what it wrote: (data, mtime, at, length)"""

    def __init__(self, data=b'', mtime=0):
        self.base, self.pending = (data, mtime), []

    def latest(self):
        return self.pending[-1][:2] if self.pending else self.base

    def change(self, data, at, length):
        self.pending.append([data, self.latest()[1], at, length])

    def sync(self):
        self.base, self.pending = self.latest(), []

    def after_cut(self, plan, rng):
        if plan == ANY:
            plan = rng.choice([LOST, WHOLE, ZEROS, TORN])
        if plan == LOST or not self.pending:
            return self.base
        if plan == WHOLE:
            return self.latest()
        count = len(self.pending) if plan == ZEROS else rng.randrange(len(self.pending) + 1)
        data, mtime = self.pending[count - 1][:2] if count else self.base
        data = bytearray(data)
        for _, _, at, length in self.pending[:count]:
            for block in range(at, min(at + length, len(data)), BLOCK):
                if plan == ZEROS or rng.random() < .5:
                    self.not_written(data, block, min(block + BLOCK, at + length, len(data)), rng if plan == TORN else None)
        return bytes(data), mtime

    def not_written(self, data, start, end, rng):
        """What was there before, or nothing where nothing was."""
        old = self.base[0][start:end]
        if rng is None or rng.random() < .5 or old:
            data[start:end] = old + bytes(end - start - len(old))


class Disk:
    """Files, and the changes of directories since the beginning, each with the directories that hold it."""

    def __init__(self, home):
        self.files, self.stamps, self.now, self.beginning = {}, {}, {}, {}
        self.changes = []  # [durable, {directory: mtime after it}, [(directory, name, inode or None), ...]]
        self.root = os.stat(home).st_ino
        self.scan(home)
        self.beginning = copy.deepcopy(self.now)

    def scan(self, path):
        here = self.now.setdefault(os.stat(path).st_ino, {})
        self.stamps[os.stat(path).st_ino] = os.stat(path).st_mtime_ns
        for entry in os.scandir(path):
            st = entry.stat(follow_symlinks=False)
            here[entry.name] = st.st_ino
            if entry.is_dir(follow_symlinks=False):
                self.scan(entry.path)
            else:
                with open(entry.path, 'rb') as file:
                    self.files[st.st_ino] = File(file.read(), st.st_mtime_ns)

    def find(self, path):
        """(the directory's inode, name)"""
        *above, name = path.split('/')
        directory = self.root
        for part in above:
            directory = self.now[directory][part]
        return directory, name

    def enter(self, *entries):
        for directory, name, ino in entries:
            if ino is None:
                del self.now[directory][name]
            else:
                self.now[directory][name] = ino
        self.changes.append([False, {directory: None for directory, _, _ in entries}, entries])

    # ---- a line of the record

    def do(self, what, words):
        paths = [bytes.fromhex(word).decode() for word in words if what in ('rename', 'unlink', 'rmdir')]
        if what in ('create', 'mkdir', 'link'):
            ino = int(words[0])
            if what == 'mkdir':
                self.now[ino] = {}
            elif what == 'create':
                self.files[ino] = File()
            self.enter((*self.find(bytes.fromhex(words[1]).decode()), ino))
        elif what == 'nameless':
            self.files[int(words[0])] = File()
        elif what in ('unlink', 'rmdir'):
            self.enter((*self.find(paths[0]), None))
        elif what == 'rename':
            source, target = self.find(paths[0]), self.find(paths[1])
            self.enter((*source, None), (*target, self.now[source[0]][source[1]]))
        elif what in ('write', 'truncate', 'times'):
            self.change_file(what, self.files[int(words[0])], words[1:])
        elif what == 'sync':
            self.sync(int(words[0]))
        elif what == 'sync-all':
            self.sync_all()
        elif what == 'stamp':
            self.stamp(int(words[0]), int(words[1]))
        else:
            raise AssertionError('the record has what a replay cannot do: %s %s' % (what, words))

    def change_file(self, what, file, words):
        data = file.latest()[0]
        if what == 'write':
            at, new = int(words[0]), bytes.fromhex(words[1])
            file.change(data[:at].ljust(at, b'\0') + new + data[at + len(new):], at, len(new))
        elif what == 'truncate':
            length = int(words[0])
            file.change(data[:length].ljust(length, b'\0'), length, 0)
        else:
            file.change(data, 0, 0)
            file.pending[-1][1] = int(words[0])

    def stamp(self, ino, mtime):
        if ino in self.files:
            self.files[ino].pending[-1][1] = mtime
        else:
            self.changes[-1][1][ino] = mtime

    def sync(self, ino):
        if ino in self.files:
            self.files[ino].sync()
            return
        needed = {ino}
        for change in reversed(self.changes):
            if needed & set(change[1]):
                needed |= set(change[1])
                change[0] = True

    def sync_all(self):
        for file in self.files.values():
            file.sync()
        for change in self.changes:
            change[0] = True

    # ---- what may be left

    def persisted(self, plan, rng):
        """The changes that are there: with one, all before it in its directories."""
        chosen, needed = [], set()
        chance = rng.random()
        for change in reversed(self.changes):
            if change[0] or plan == NEW or needed & set(change[1]) or (plan == ANY and rng.random() < chance):
                needed |= set(change[1])
                chosen.append(change)
        return reversed(chosen)

    def after_cut(self, plan, rng):
        """A State."""
        directories_plan, files_plan = plan
        tree = {ino: dict(names) for ino, names in self.beginning.items()}
        stamps = dict(self.stamps)
        for _, times, entries in self.persisted(directories_plan, rng):
            stamps.update((ino, mtime) for ino, mtime in times.items() if mtime is not None)
            for directory, name, ino in entries:
                if ino is None:
                    tree.setdefault(directory, {}).pop(name, None)
                else:
                    tree.setdefault(directory, {})[name] = ino
        contents = {ino: file.after_cut(files_plan, rng) for ino, file in sorted(self.files.items())}
        return State(self.root, tree, stamps, contents)


class State:
    def __init__(self, root, tree, stamps, contents):
        self.root, self.tree, self.stamps, self.contents = root, tree, stamps, contents

    def walk(self, ino=None, path=''):
        """(path, inode) of what can be reached, directories before what is in them."""
        ino = self.root if ino is None else ino
        yield path, ino
        if ino not in self.contents:
            for name, below in sorted(self.tree.get(ino, {}).items()):
                if name.endswith('.lock') and not name.startswith('postern.'):
                    continue  # judged by its age after a boot, which a replay cannot give it
                yield from self.walk(below, path + '/' + name)

    def digest(self):
        parts = [(path, ino, self.contents.get(ino), self.stamps.get(ino)) for path, ino in self.walk()]
        return hashlib.sha256(repr(parts).encode()).hexdigest()


class Bench:
    """Where states are built, of the very inodes that the run had: a stale index must not be seen by their numbers."""

    def __init__(self, place, home):
        self.home, self.keep, self.spare = home, place + '/keep', place + '/directories'
        os.makedirs(self.spare)

    def keep_files(self):
        os.makedirs(self.keep)
        for top, _, files in os.walk(self.home):
            for name in files:
                path = os.path.join(top, name)
                os.link(path, '%s/%d' % (self.keep, os.stat(path).st_ino))

    def clear(self):
        for top, directories, files in os.walk(self.home, topdown=False):
            for name in files:
                os.unlink(os.path.join(top, name))
            for name in directories:
                path = os.path.join(top, name)
                os.rename(path, '%s/%d' % (self.spare, os.stat(path).st_ino))

    def build(self, state):
        self.clear()
        whole = list(state.walk())
        for path, ino in whole:
            if ino in state.contents:
                self.put_file(self.home + path, ino, *state.contents[ino])
            elif path:
                self.put_directory(self.home + path, '%s/%d' % (self.spare, ino))
        for path, ino in reversed(whole):
            if ino not in state.contents and (mtime := state.stamps.get(ino)):
                os.utime(self.home + path, ns=(mtime, mtime))

    def put_file(self, path, ino, data, mtime):
        kept = '%s/%d' % (self.keep, ino)
        with open(kept, 'r+b') as file:
            file.truncate(0)
            file.write(data)
        os.link(kept, path)
        os.utime(path, ns=(mtime, mtime))

    def put_directory(self, path, spare):
        if os.path.exists(spare):
            os.rename(spare, path)
            return
        os.mkdir(path, 0o700)
        os.chown(path, USER, -1)


def record(prepared):
    """(a Bench, the Disk before the run, the lines of the record, the results)"""
    place = prepared.place + '/run'
    home = fresh(prepared.template, place, prepared.scenario)
    bench = Bench(place, home)
    bench.keep_files()
    disk, lines = Disk(home), place + '/record'
    with Server(prepared.scenario.client, home, ['--record', lines, '--keep', bench.keep], prepared.settings) as server:
        results = s.run(server.client, prepared.scenario.ops)
        server.end()
    assert len(results) == len(prepared.scenario.ops) and all(result.ok for result in results), [result.line for result in results]
    with open(lines) as file:
        return bench, disk, [line.rstrip('\n').split('\t') for line in file], results


def cuts(disk, lines, results):
    """After each line of the record: (the Disk, how many commands were answered, whether one was just now)"""
    out = answered = 0
    yield disk, 0, True
    for number, (what, *words) in enumerate(lines):
        if what == 'out':
            out += int(words[0])
        else:
            disk.do(what, words)
        before, answered = answered, sum(result.received <= out for result in results)
        # A time stamp belongs to the call before it.
        if number + 1 == len(lines) or lines[number + 1][0] != 'stamp':
            yield disk, answered, answered > before


def states(prepared, disk, lines, results, more, seed):
    """(how it came about, the State, commands answered); each once, those right after an answer first."""
    rng, seen, first, rest = random.Random(seed), set(), [], []
    for number, (now, answered, just) in enumerate(cuts(disk, lines, results)):
        for plan in PLANS + [(ANY, ANY)] * more:
            state = now.after_cut(plan, rng)
            key = (state.digest(), answered)
            if key not in seen:
                seen.add(key)
                (first if just else rest).append(('%s: cut %d, directories %s, files %s' % (prepared.name, number, *plan), state, answered))
    return first, rest


def try_state(prepared, bench, results, state, answered):
    told = results[:answered] + [s.Result() for _ in results[answered:answered + 1]]
    model, problems = prepared.expected(told, power=True)
    bench.build(state)
    return problems + verify(bench.home, model, rebooted=True)


def try_scenario(job):
    """(name, states there are, states tried, [(where, problem), ...])"""
    name, base, most, more, seed, settings = job
    prepared = Prepared(name, base, settings)
    bench, disk, lines, results = record(prepared)
    first, rest = states(prepared, disk, lines, results, more, seed)
    chosen = first + rest
    if most is not None:
        rng = random.Random(seed)
        chosen = rng.sample(first, min(len(first), most // 2))
        chosen += rng.sample(rest, min(len(rest), most - len(chosen)))
    wrong = []
    for where, state, answered in chosen:
        where += ', %d commands answered' % answered
        wrong += [(where, problem) for problem in try_state(prepared, bench, results, state, answered)]
    return name, len(first) + len(rest), len(chosen), wrong


def campaign(base, names, most, seed, processes, settings):
    """Prints; how many problems there were. most: states for all scenarios together (None: all, and more random ones)."""
    each = None if most is None else max(most // len(names), 4)
    jobs = [(name, base, each, 3 if most is None else 1, seed, settings) for name in names]
    all_states = tried = failed = 0
    with Pool(processes) as pool:
        for name, count, done, wrong in pool.imap_unordered(try_scenario, jobs, chunksize=1):
            print('%s: %d states, %d tried' % (name, count, done), flush=True)
            assert done > 0, name
            all_states, tried, failed = all_states + count, tried + done, failed + len({where for where, _ in wrong})
            for where, problem in wrong:
                print('WRONG %s: %s' % (where, problem), flush=True)
    print('power: %d of %d states tried, %d failed' % (tried, all_states, failed), flush=True)
    return failed
