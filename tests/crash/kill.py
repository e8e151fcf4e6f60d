"""Processes killed before and after each system call that changes files."""
import copy
import os
import random
import re
import shutil
import subprocess
from multiprocessing import Pool

import model as m
import scenarios as s
from server import Server
from verify import look, verify


def fresh(template, place, scenario):
    """A copy of the template at place/home, ready for a run."""
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    home = place + '/home'
    subprocess.run(['cp', '-a', template, home], check=True)
    if scenario.before in (s.some, s.many):
        s.say(home, 'SELECT Work.Deep', 'SELECT Work', 'SELECT INBOX')  # the copies have other inodes: the index must learn that
    if scenario.just_before:
        scenario.just_before(home)
    return home


class Prepared:
    """A scenario with its mail laid out once below `base`. settings: of the servers that crash."""

    def __init__(self, name, base, settings=()):
        self.name, self.scenario, self.settings = name, s.SCENARIOS[name], settings
        self.place = '%s/%s' % (base, name)
        self.template = self.place + '/template/home'
        os.makedirs(self.template)
        s.own(self.template)
        self.scenario.before(self.template)
        self.model = self.initial()
        s.learn_texts(self.model, self.scenario)

    def initial(self):
        """What a client knows before: not the UIDs that only this look gave."""
        if not os.path.exists(self.template + '/Maildir'):
            model = m.Model()
            model.boxes['INBOX'] = {True}
            return model
        home = fresh(self.template, self.place + '/look', self.scenario)
        model = m.model_of(look(home, m.Model()))
        for (box, validity), known in model.uids.items():
            for uid in [uid for uid, token in known.items() if token.startswith('f')]:
                del known[uid]
            model.told_next[box, validity] = max(known, default=0) + 1
        return model

    def run(self, place, tracing):
        """(home, results, report)"""
        home = fresh(self.template, place, self.scenario)
        with Server(self.scenario.client, home, tracing, self.settings) as server:
            results = s.run(server.client, self.scenario.ops)
            report = server.end()
        return home, results, report

    def expected(self, results, power=False):
        """(model, what was wrong with the answers)"""
        model = copy.deepcopy(self.model)
        return model, s.play(model, self.scenario.ops, results, power)


def readable(line):
    """A line of a record, with its paths as they are."""
    what, *words = line.rstrip('\n').split('\t')
    return ' '.join([what] + [word if word.isdigit() or what == 'write' else bytes.fromhex(word).decode(errors='replace') for word in words])


def count(prepared):
    """How many calls there are in a whole run. Everything must go well in it."""
    lines = prepared.place + '/record'
    home, results, (calls, _, _, _) = prepared.run(prepared.place + '/count', ['--record', lines])
    for op, result in zip(prepared.scenario.ops, results):
        assert result.ok, '%s: %s: %s' % (prepared.name, op.text[:60], result.line)
    assert len(results) == len(prepared.scenario.ops), prepared.name
    with open(lines) as file:
        record = [readable(line) for line in file]
    for pattern in prepared.scenario.must:
        assert any(re.search(pattern, line) for line in record), '%s: no call matches %s' % (prepared.name, pattern)
    model, problems = prepared.expected(results)
    problems += verify(home, model)
    assert not problems, '%s without a crash: %s' % (prepared.name, problems)
    return calls


# ---- servers that lose mail, to see that it is noticed

def mails(home):
    """A message that was there before and that nothing was done to, and its place."""
    for top, _, files in os.walk(home):
        for name in sorted(files):
            if os.path.basename(top) in ('new', 'cur'):
                path = os.path.join(top, name)
                with open(path) as file:
                    if 'Subject: d1' in file.read():
                        return path
    raise AssertionError('no message to tamper with')


def cut_short(home):
    with open(mails(home), 'r+') as file:
        file.truncate(70)


def double(home):
    path = mails(home)
    shutil.copy(path, os.path.join(os.path.dirname(path), 'again:2,S'))
    s.own(home)


def unflag(home):
    path = mails(home)
    os.rename(path, path[:path.index(':2,')] + ':2,')


def renumber(home):
    os.unlink(os.path.dirname(os.path.dirname(mails(home))) + '/dovecot-uidlist')
    s.remove_index(home)


TAMPERING = {'lose': lambda home: os.unlink(mails(home)), 'cut': cut_short, 'double': double, 'unflag': unflag, 'renumber': renumber}


# ---- the points

def points(prepared, calls, tampering):
    several = [[], ['--alone']] if prepared.scenario.client is s.Lmtp else [[]]
    return [(prepared, ['--kill', str(n), *when, *who], tampering) for n in range(1, calls + 1) for when in ([], ['--after']) for who in several]


def try_point(job):
    """(what was done, problems); nothing was done when the run had ended before."""
    prepared, options, tampering = job
    home, results, (_, reached, call, path) = prepared.run('%s/%d' % (prepared.place, os.getpid()), options)
    if tampering:
        TAMPERING[tampering](home)
    model, problems = prepared.expected(results)
    problems = problems + verify(home, model)
    answered = sum(result.ok is not None for result in results)
    where = '%s %s: %s %s, %d commands answered' % (prepared.name, ' '.join(options), call, path.replace(home, '~'), answered)
    return reached, where, problems


def sample(jobs, most, seed):
    return jobs if most is None or len(jobs) <= most else sorted(random.Random(seed).sample(jobs, most), key=lambda job: (job[0].name, int(job[1][1])))


def campaign(base, names, most, seed, processes, settings, tampering=None):
    """Kills at `most` points (None: all) of the scenarios; prints. How many problems there were."""
    prepared = [Prepared(name, base, settings) for name in names]
    jobs = []
    for one in prepared:
        calls = count(one)
        jobs += points(one, calls, tampering)
        print('%s: %d calls change files' % (one.name, calls), flush=True)
    chosen = sample(jobs, most, seed)
    missed = failed = 0
    with Pool(processes) as pool:
        for reached, where, problems in pool.imap_unordered(try_point, chosen, chunksize=4):
            missed += not reached
            failed += bool(problems)
            for problem in problems:
                print('WRONG %s: %s' % (where, problem), flush=True)
    print('kill: %d of %d points tried, %d of them not reached, %d failed' % (len(chosen), len(jobs), missed, failed), flush=True)
    assert missed * 20 <= len(chosen), 'runs differ too much: %d of %d points were not reached' % (missed, len(chosen))
    return failed
