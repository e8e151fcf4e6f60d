"""The stock of mailboxes: made once by bench_mail, kept below DIR/stock between runs, given to each server as hard links of the
same files."""
import os
import re
import shutil
import subprocess

VERSION = 1  # another one when bench_mail makes other messages
UID = GID = 5000
SMALL_FROM = 50000  # mailboxes of so many messages have small ones


class Stock:
    def __init__(self, directory, build):
        self.dir, self.build = os.path.join(directory, "stock"), build
        os.makedirs(self.dir, exist_ok=True)
        os.chown(self.dir, UID, GID)

    def maildir(self, count):
        """The path of a Maildir of count messages."""
        small = ["small"] if count >= SMALL_FROM else []
        path = os.path.join(self.dir, "v%d-%d%s" % (VERSION, count, "-small" if small else ""))
        if not os.path.exists(path + ".made"):
            subprocess.run(["rm", "-rf", path], check=True)
            subprocess.run([os.path.join(self.build, "bench_mail"), path, str(count)] + small, check=True, user=UID, group=GID, extra_groups=[])
            open(path + ".made", "w").close()
        return path

    def give(self, count, path):
        """The files of a Maildir of count messages, linked below path; what is no message is a copy of its own."""
        subprocess.run(["cp", "-al", self.maildir(count), path], check=True)
        keywords = os.path.join(path, "dovecot-keywords")
        os.remove(keywords)
        shutil.copy(os.path.join(self.maildir(count), "dovecot-keywords"), keywords)
        os.chown(keywords, UID, GID)

    def wire(self, count):
        """The first messages as they go over the wire, to be sent to the servers."""
        cur = os.path.join(self.maildir(1000), "cur")
        names = sorted(os.listdir(cur))[:count]
        return [re.sub(rb"\r?\n", b"\r\n", open(os.path.join(cur, name), "rb").read()) for name in names]


def tree(path, count, message):
    """Below the Maildir path, count folders m0, m1, ... of one message each."""
    shared = os.path.join(path, "cur", "1700000000.M1P1.many,S=%d,W=%d:2,S" % (len(message.replace(b"\r\n", b"\n")), len(message)))
    make(path)
    with open(shared, "wb") as f:
        f.write(message.replace(b"\r\n", b"\n"))
    os.chown(shared, UID, GID)
    for i in range(count):
        folder = os.path.join(path, ".m%d" % i)
        make(folder)
        os.link(shared, os.path.join(folder, "cur", os.path.basename(shared)))
        open(os.path.join(folder, "maildirfolder"), "w").close()


def make(path):
    for sub in ("", "cur", "new", "tmp"):
        os.makedirs(os.path.join(path, sub), mode=0o700, exist_ok=True)
        os.chown(os.path.join(path, sub), UID, GID)


def remove(path):
    if os.path.lexists(path):
        subprocess.run(["rm", "-rf", path], check=True)


def own(path):
    """What the benchmark made below path is the users'."""
    subprocess.run(["chown", "-R", "--no-dereference", "%d:%d" % (UID, GID), path], check=True)
