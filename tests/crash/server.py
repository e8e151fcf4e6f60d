"""One server process tree on one socket pair (PREAUTH form), traced or not, and a client of it."""
import os
import re
import socket
import subprocess
import uuid

USER = 65534 if os.geteuid() == 0 else os.geteuid()
BIN = os.environ.get('POSTERN_BIN') or os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../build')
PATIENCE = 60


class Closed(Exception):
    """The server is gone."""


class Client:
    """Counts what it received: so the trace can tell by when an answer was out."""

    def __init__(self, sock):
        self.sock, self.received, self.tags = sock, 0, 0
        sock.settimeout(PATIENCE)
        self.file = sock.makefile('rb')

    def take(self, count=None):
        try:
            data = self.file.readline() if count is None else self.file.read(count)
        except ConnectionError:
            data = b''
        self.received += len(data)
        if not data.endswith(b'\n') and (count is None or len(data) < count):
            raise Closed
        return data

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def close(self):
        self.file.close()
        self.sock.close()


class Imap(Client):
    program = 'imapd'

    def greet(self):
        line = self.take()
        assert line.startswith(b'* PREAUTH'), line

    def response(self):
        whole = self.take()
        while match := re.search(rb'\{(\d+)\}\r\n$', whole):
            whole += self.take(int(match[1])) if int(match[1]) else b''
            whole += self.take()
        return whole

    def command(self, text):
        """(whether it was OK, the tagged line, the untagged responses)"""
        self.tags += 1
        tag, untagged = b't%d ' % self.tags, []
        self.send(tag + text.encode() + b'\r\n')
        while not (line := self.response()).startswith(tag):
            untagged.append(line)
        return line[len(tag):].startswith(b'OK'), line.decode(), untagged


class Lmtp(Client):
    program = 'lmtpd'

    def greet(self):
        assert self.reply().startswith(b'220'), 'no greeting'
        self.say('LHLO crash.test')

    def reply(self):
        while (line := self.take())[3:4] == b'-':
            pass
        return line

    def say(self, text):
        self.send(text.encode() + b'\r\n')
        return self.reply()

    def deliver(self, recipient, text):
        """(whether it was taken, the last reply)"""
        for line, want in (('MAIL FROM:<a@crash.test>', b'250'), ('RCPT TO:<%s>' % recipient, b'250'), ('DATA', b'354')):
            if not (reply := self.say(line)).startswith(want):
                return False, reply.decode()
        self.send(text.encode() + b'.\r\n')
        reply = self.reply()
        return reply.startswith(b'250'), reply.decode()


def another_boot(home, command):
    """The command after the machine was started again, as far as it can see."""
    boot = os.path.dirname(home) + '/boot_id'
    with open(boot, 'w') as out:
        out.write(str(uuid.uuid4()) + '\n')
    return ['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"', boot,
            'setpriv', '--reuid=%d' % USER, '--regid=%d' % USER, '--clear-groups', *command]


class Server:
    """A server on `home`; tracing: options of crash_trace, or None. With `settings` as -o."""

    def __init__(self, client, home, tracing=None, settings=(), rebooted=False):
        ours, theirs = socket.socketpair()
        report, writing = os.pipe()
        command = [os.path.join(BIN, client.program), '-o', 'mail=maildir:%s/Maildir' % home]
        for setting in settings:
            command += ['-o', setting]
        who = dict(user=USER, group=USER, extra_groups=[]) if os.geteuid() == 0 else {}
        if tracing is not None:
            who = {}
            command = [os.path.join(BIN, 'crash_trace'), '--root', home, '--user', str(USER), '--report', str(writing),
                       *tracing, *command]
        if rebooted and os.geteuid() == 0:
            who, command = {}, another_boot(home, command)
        with open(os.path.dirname(home) + '/log', 'ab') as log:
            self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=log, pass_fds=[writing],
                                            env={'HOME': home, **SANITIZER}, cwd='/', **who)
        theirs.close()
        os.close(writing)
        self.report, self.client = report, client(ours)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        self.process.wait(PATIENCE)
        os.close(self.report)

    def end(self):
        """The report of crash_trace: (how many calls changed files, whether it killed, the call, its path)"""
        self.client.close()
        with os.fdopen(os.dup(self.report), 'rb') as report:
            words = report.read().decode(errors='replace').rstrip('\n').split('\t')
        assert self.process.wait(PATIENCE) == 0, ('crash_trace', self.process.returncode, words)
        return (int(words[0]), words[1] == '1', words[2], words[3] if len(words) > 3 else '')


SANITIZER = {name: value for name, value in os.environ.items() if name.endswith('SAN_OPTIONS')}
