"""Small, quick clients: they read as fast as they can, acknowledge at once and count what came."""
import re
import socket
import ssl


class Imap:
    def __init__(self, port, user=None, tls=False, password="bench"):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=300)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.sock = context.wrap_socket(self.sock)
        self.data = bytearray()
        self.tag = 0
        self.until(b"\r\n")
        if user:
            self.do("LOGIN %s %s" % (user, password))

    def quickack(self):
        if hasattr(socket, "TCP_QUICKACK"):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def fill(self):
        piece = self.sock.recv(1 << 20)
        self.quickack()
        if not piece:
            raise EOFError("the server closed the connection")
        self.data += piece

    def until(self, end):
        while (at := self.data.find(end)) < 0:
            self.fill()
        out = bytes(self.data[:at + len(end)])
        del self.data[:at + len(end)]
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

    def append(self, mailbox, messages):
        """APPEND, or MULTIAPPEND of several, with non-synchronising literals."""
        command = b"APPEND " + mailbox.encode() + b"".join(b" {%d+}\r\n" % len(m) + m for m in messages)
        return self.do(command)

    def close(self):
        try:
            self.do("LOGOUT")
        finally:
            self.sock.close()


def fetches(answer):
    return len(re.findall(rb"^\* \d+ FETCH ", answer, re.M))


class Lines:
    """POP3 and LMTP."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=300)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb", buffering=1 << 20)
        self.line()

    def line(self):
        line = self.file.readline()
        if hasattr(socket, "TCP_QUICKACK"):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return line

    def do(self, command):
        self.sock.sendall(command.encode() + b"\r\n")
        return self.line()

    def lines(self):
        octets = 0
        while (line := self.file.readline()) != b".\r\n":
            octets += len(line)
        return octets


def pop3_login(port, user):
    p = Lines(port)
    p.do("USER " + user)
    answer = p.do("PASS bench")
    if not answer.startswith(b"+OK"):
        raise RuntimeError(answer)
    return p


def lmtp(port):
    l = Lines(port)
    l.sock.sendall(b"LHLO bench\r\n")
    while l.line()[3:4] == b"-":
        pass
    return l


def lmtp_send(l, user, wire):
    l.sock.sendall(b"MAIL FROM:<bench@example.org>\r\nRCPT TO:<%s>\r\nDATA\r\n" % user.encode())
    for _ in range(3):
        answer = l.line()
        if answer[:1] not in b"23":
            raise RuntimeError(answer)
    l.sock.sendall(re.sub(rb"(?m)^\.", b"..", wire) + b".\r\n")
    answer = l.line()
    if not answer.startswith(b"250"):
        raise RuntimeError(answer)
