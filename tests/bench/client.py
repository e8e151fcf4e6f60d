"""Small, quick clients: they read as fast as they can, acknowledge at once and count what came."""
import re
import socket
import ssl
import time

PASSWORD = "bench"
received = 0  # octets, by all clients together


def connect(port):
    sock = socket.create_connection(("127.0.0.1", port), timeout=300)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def acknowledge(sock):
    """The kernel forgets it after a while, so it is said after each piece."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


TLS = tls_context()  # one for all; each connection still has a handshake of its own


class Imap:
    def __init__(self, port, user=None, tls=False):
        self.sock = connect(port)
        acknowledge(self.sock)
        if tls:
            self.sock = TLS.wrap_socket(self.sock)
        self.data = bytearray()
        self.tag = 0
        self.line()
        if user:
            self.do("LOGIN %s %s" % (user, PASSWORD))

    def fill(self):
        global received
        piece = self.sock.recv(1 << 20)
        acknowledge(self.sock)
        if not piece:
            raise EOFError("the server closed the connection")
        received += len(piece)
        self.data += piece

    def line(self):
        while (at := self.data.find(b"\r\n")) < 0:
            self.fill()
        out = bytes(self.data[:at + 2])
        del self.data[:at + 2]
        return out

    def send(self, command):
        self.tag += 1
        self.sock.sendall(b"t%d %s\r\n" % (self.tag, command if isinstance(command, bytes) else command.encode()))

    def finish(self):
        """All octets up to the tagged answer, which must be OK."""
        mark = b"t%d " % self.tag
        scanned = 0
        while True:
            at = self.data.find(b"\r\n" + mark, max(0, scanned - 20))
            start = 0 if self.data.startswith(mark) else at + 2 if at >= 0 else -1
            if start >= 0 and (end := self.data.find(b"\r\n", start)) >= 0:
                answer = bytes(self.data[:end + 2])
                del self.data[:end + 2]
                if not answer[start:].startswith(mark + b"OK"):
                    raise RuntimeError(answer[start:].decode(errors="replace"))
                return answer
            scanned = len(self.data)
            self.fill()

    def do(self, command):
        self.send(command)
        return self.finish()

    def can(self, word):
        return word.encode() in re.split(rb"[ \r\n]", self.do("CAPABILITY"))

    def append(self, mailbox, messages):
        """APPEND, or MULTIAPPEND of several, with non-synchronising literals."""
        return self.do(b"APPEND " + mailbox.encode() + b"".join(b" {%d+}\r\n" % len(m) + m for m in messages))

    def idle(self):
        self.send("IDLE")
        while not self.line().startswith(b"+"):
            pass

    def idled(self, word):
        """The time at which an untagged answer with word comes."""
        while word not in self.line():
            pass
        return time.perf_counter()

    def done(self):
        self.sock.sendall(b"DONE\r\n")
        self.finish()

    def close(self):
        try:
            self.do("LOGOUT")
        finally:
            self.sock.close()


class Lines:
    """POP3 and LMTP."""

    def __init__(self, port):
        self.sock = connect(port)
        acknowledge(self.sock)
        self.file = self.sock.makefile("rb", buffering=1 << 20)
        self.line()

    def line(self):
        global received
        line = self.file.readline()
        acknowledge(self.sock)
        if not line:
            raise EOFError("the server closed the connection")
        received += len(line)
        return line

    def do(self, command):
        self.sock.sendall(command.encode() + b"\r\n")
        return self.line()

    def lines(self):
        """The octets of an answer of many lines, without dot-stuffing and the last line."""
        global received
        octets = 0
        while (line := self.file.readline()) != b".\r\n":
            if not line:
                raise EOFError("the server closed the connection")
            octets += len(line) - line.startswith(b".")
        received += octets
        acknowledge(self.sock)
        return octets

    def close(self):
        self.do("QUIT")
        self.sock.close()


def pop3(port, user):
    p = Lines(port)
    p.do("USER " + user)
    answer = p.do("PASS " + PASSWORD)
    if not answer.startswith(b"+OK"):
        raise RuntimeError(answer)
    return p


class Lmtp(Lines):
    def __init__(self, port):
        super().__init__(port)
        self.sock.sendall(b"LHLO bench\r\n")
        while self.line()[3:4] == b"-":
            pass

    def deliver(self, user, wire):
        """The time at which 250 came."""
        self.sock.sendall(b"MAIL FROM:<bench@example.org>\r\nRCPT TO:<%s>\r\nDATA\r\n" % user.encode())
        for _ in range(3):
            answer = self.line()
            if answer[:1] not in b"23":
                raise RuntimeError(answer)
        self.sock.sendall(re.sub(rb"(?m)^\.", b"..", wire) + b".\r\n")
        answer = self.line()
        at = time.perf_counter()
        if not answer.startswith(b"250"):
            raise RuntimeError(answer)
        return at
