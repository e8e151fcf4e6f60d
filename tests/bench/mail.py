"""Mailboxes for the benchmark, the same at every run: a realistic mix of plain mail, HTML alternatives, attachments and
threads, about 5.8 kB a message on average."""
import base64
import os
import random

WORDS = ("mail server index message flag thread holiday invoice meeting project release garden concert train ticket "
         "question answer picture report budget contract weather family dinner music library kernel patch review").split()
PEOPLE = [(f.title() + " " + l.title(), f"{f}.{l}@example.{t}") for f in "ada grace alan edsger barbara donald".split()
          for l in "hopper lovelace turing dijkstra liskov knuth".split() for t in ("org", "net")]
EPOCH = 1700000000


def text(rng, octets):
    lines, total = [], 0
    while total < octets:
        line = " ".join(rng.choice(WORDS) for _ in range(rng.randint(4, 11)))
        lines.append(line)
        total += len(line) + 1
    return "\n".join(lines) + "\n"


def message(rng, n):
    """The n-th message (LF line ends) as octets; rng is its own."""
    name, address = rng.choice(PEOPLE)
    to = ", ".join('"%s" <%s>' % p for p in rng.sample(PEOPLE, rng.randint(1, 4)))
    subject = " ".join(rng.choice(WORDS) for _ in range(rng.randint(2, 7)))
    head = ["Return-Path: <%s>" % address, "Delivered-To: user@example.org"]
    for hop in range(rng.randint(2, 5)):
        head.append("Received: from relay%d.example.net (relay%d.example.net [192.0.2.%d])\n\tby mx%d.example.org (Postfix) with ESMTPS id %08X\n\tfor <user@example.org>; Mon, %d Nov 2026 10:%02d:%02d +0100 (CET)"
                    % (hop, hop, rng.randint(1, 250), hop, rng.getrandbits(32), 1 + n % 28, n % 60, hop))
    replied = n > 10 and rng.random() < 0.5
    if replied:
        parent = n - rng.randint(1, 10)
        subject = "Re: " + subject_of(parent)
        head.append("In-Reply-To: <%d.bench@example.org>" % parent)
        head.append("References: <%d.bench@example.org>" % parent)
    head += ["DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=mail;\n\tbh=%s;\n\tb=%s"
             % (base64.b64encode(rng.randbytes(32)).decode(), base64.b64encode(rng.randbytes(96)).decode()),
             "From: %s <%s>" % (name, address), "To: " + to, "Subject: " + (subject if replied else subject_of(n)),
             "Date: Mon, %d Nov 2026 %02d:%02d:%02d +0100" % (1 + n % 28, n // 3600 % 24, n // 60 % 60, n % 60),
             "Message-ID: <%d.bench@example.org>" % n, "X-Mailer: bench", "MIME-Version: 1.0"]
    kind = rng.random()
    if kind < 0.5:
        head.append("Content-Type: text/plain; charset=utf-8")
        body = text(rng, int(rng.lognormvariate(7.3, 0.8)))
    elif kind < 0.85:
        head.append('Content-Type: multipart/alternative; boundary="b%d"' % n)
        plain = text(rng, int(rng.lognormvariate(7.3, 0.7)))
        body = "--b%d\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n%s\n--b%d\nContent-Type: text/html; charset=utf-8\n\n<html><body><p>%s</p></body></html>\n--b%d--\n" % (n, plain, n, plain.replace("\n", "<br>\n"), n)
    else:
        head.append('Content-Type: multipart/mixed; boundary="b%d"' % n)
        data = base64.encodebytes(rng.randbytes(int(rng.lognormvariate(9.0, 0.8)))).decode()
        body = "--b%d\nContent-Type: text/plain\n\n%s\n--b%d\nContent-Type: application/pdf; name=\"file%d.pdf\"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"file%d.pdf\"\n\n%s\n--b%d--\n" % (n, text(rng, 400), n, n, n, data, n)
    return ("\n".join(head) + "\n\n" + body).encode()


def subject_of(n):
    rng = random.Random(n * 7919 + 1)
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(2, 6)))


def maildir(path, count, uid=-1, gid=-1):
    """Makes a Maildir of count messages, a tenth unseen, at path; nothing when it is there already."""
    if os.path.exists(path + ".made"):
        return
    for sub in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(path, sub), exist_ok=True)
    for n in range(count):
        rng = random.Random(n)
        data = message(rng, n)
        wire = len(data) + data.count(b"\n")
        flags = "" if rng.random() < 0.1 else "S"
        name = "%d.M%dP1.bench,S=%d,W=%d:2,%s" % (EPOCH + n, n % 1000000, len(data), wire, flags)
        with open(os.path.join(path, "cur", name), "wb") as f:
            f.write(data)
        os.utime(os.path.join(path, "cur", name), (EPOCH + n, EPOCH + n))
        if uid >= 0:
            os.chown(os.path.join(path, "cur", name), uid, gid)
    if uid >= 0:
        for sub in ("", "cur", "new", "tmp"):
            os.chown(os.path.join(path, sub), uid, gid)
    open(path + ".made", "w").close()
