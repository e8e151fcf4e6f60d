"""The servers under test: each in a directory and a cgroup of its own, on ports of its own, with the same users."""
import glob
import os
import shutil
import signal
import socket
import subprocess
import time

import mail
from cgroup import Cgroup
from mail import GID, UID

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Server:
    """name; imap, imaps, pop3, lmtp: ports; start() and stop(). The password of all users is 'bench'."""

    form = "maildir"

    def __init__(self, name, directory, base):
        self.name, self.dir, self.base = name, os.path.join(directory, name), base
        mail.remove(self.dir)
        os.makedirs(self.dir)
        os.chmod(self.dir, 0o755)
        self.imap, self.imaps, self.pop3, self.lmtp = base + 143, base + 993, base + 110, base + 24
        self.cgroup = Cgroup("%d-%s" % (base, name))
        self.children = []

    def home(self, user):
        return os.path.join(self.dir, "mail", user)

    def mail(self, user):
        return os.path.join(self.home(user), "Maildir")

    def write_users(self, users):
        with open(os.path.join(self.dir, "users"), "w") as f:
            for user in users:
                f.write("%s:{PLAIN}bench:%d:%d::%s::\n" % (user, UID, GID, self.home(user)))
                os.makedirs(self.home(user), exist_ok=True)
                for p in (os.path.join(self.dir, "mail"), self.home(user)):
                    os.chown(p, UID, GID)

    def give(self, stock, user, count):
        """The user's INBOX is the stock's mailbox of so many messages."""
        stock.give(count, self.mail(user))

    def given(self):
        """Once the server runs: what was given is made ready (nothing to do for a Maildir)."""

    def give_tree(self, user, count, message):
        """The user has count folders m0, m1, ... of one message each."""
        mail.tree(self.mail(user), count, message)

    def forget(self, user, copied):
        """The user's index files go; what else is not mail, too, when the files are to be as just copied in."""
        for folder in [self.mail(user)] + glob.glob(self.mail(user) + "/.*/"):
            for pattern in self.indexes + (("dovecot-uidlist*",) if copied else ()):
                for f in glob.glob(os.path.join(folder, pattern)):
                    os.remove(f)

    def launch(self, *command):
        with open(os.path.join(self.dir, "log"), "a") as log:
            self.children.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                  preexec_fn=self.cgroup.enter, start_new_session=True))

    def certificate(self):
        crt, key = self.dir + "/tls.crt", self.dir + "/tls.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost",
                        "-keyout", key, "-out", crt], check=True, capture_output=True)
        return crt, key

    def wait(self):
        for port in (self.imap, self.imaps, self.pop3, self.lmtp):
            for _ in range(400):
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.05)
                if any(child.poll() is not None for child in self.children):
                    raise SystemExit("%s could not start; see %s/log" % (self.name, self.dir))
            else:
                raise SystemExit("%s does not answer on port %d; see %s/log" % (self.name, port, self.dir))

    def stop(self):
        for child in self.children:
            try:
                os.killpg(child.pid, signal.SIGTERM)
            except OSError:
                pass
        for child in self.children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                pass
        self.cgroup.remove()


class Postern(Server):
    """how: listen (its listener), activate (systemd-socket-activate, Accept=yes), inetd."""

    indexes = ("postern.*",)

    def __init__(self, directory, base, build, how="listen"):
        super().__init__("postern" + {"listen": "", "activate": "-systemd", "inetd": "-inetd"}[how], directory, base)
        self.how = how
        self.programs = os.path.join(self.dir, "bin")  # a copy: what is built meanwhile is not measured
        os.makedirs(self.programs)
        for f in [os.path.join(build, p) for p in ("imapd", "pop3d", "lmtpd")] + glob.glob(build + "/*.so"):
            shutil.copy2(f, self.programs)

    def configure(self):
        crt, key = self.certificate()
        os.makedirs(self.dir + "/run/empty")
        with open(self.dir + "/postern.conf", "w") as f:
            f.write("""auth = {{"passwd-file:{d}/users"}}
mail = "maildir:~/Maildir"
tls_cert = "{crt}"
tls_key = "{key}"
login_root = "{d}/run/empty"
login_user = "nobody"
log = "stderr"
listener_idle = 0
listener_max = 20000
namespace "inbox" {{ inbox = yes  separator = "/" }}
""".format(d=self.dir, crt=crt, key=key))

    def start(self):
        self.configure()
        lines = []
        for program, port, more in (("imapd", self.imap, []), ("imapd", self.imaps, ["-o", "tls=implicit"]),
                                    ("pop3d", self.pop3, []), ("lmtpd", self.lmtp, [])):
            command = [os.path.join(self.programs, program), "-c", self.dir + "/postern.conf"] + more
            address = "127.0.0.1:%d" % port
            lines.append("%s stream tcp nowait.100000 root %s %s\n" % (address, command[0], " ".join(command)))
            if self.how == "listen":
                self.launch(os.path.join(TOP, "tests/bind"), address, "--", *command)
            elif self.how == "activate":
                self.launch("systemd-socket-activate", "--accept", "--inetd", "-l", address, *command)
        if self.how == "inetd":
            with open(self.dir + "/inetd.conf", "w") as f:
                f.writelines(lines)
            self.launch(shutil.which("inetd") or "/usr/sbin/inetd", "-i", self.dir + "/inetd.conf")
        self.wait()


class Dovecot(Server):
    """kind: maildir (as Debian installs it), tuned (the same with login processes in high-performance mode), sdbox, mdbox."""

    def __init__(self, directory, base, kind="maildir"):
        super().__init__("dovecot-" + kind, directory, base)
        self.kind = kind
        self.form = kind if kind.endswith("dbox") else "maildir"
        self.waiting = []  # mailboxes to take over from a Maildir
        # A dbox keeps flags and UIDs in its index: only the cache can go.
        self.indexes = ("dovecot.index*", "dovecot.list*") if self.form == "maildir" else ("dovecot.index.cache",)

    def give(self, stock, user, count):
        if self.form == "maildir":
            return super().give(stock, user, count)
        self.waiting.append((user, stock, count))

    def give_tree(self, user, count, message):
        path = os.path.join(self.home(user), "Maildir")
        mail.tree(path, count, message)
        if self.form != "maildir":
            self.waiting.append((user, path, None))

    def given(self):
        """A dbox takes over the messages of the same Maildir, with UIDs and flags."""
        for user, source, count in self.waiting:
            path = os.path.join(self.home(user), "Maildir")
            if count is not None:
                source.give(count, path)
            mail.own(self.home(user))
            subprocess.run(["doveadm", "-c", self.dir + "/dovecot.conf", "backup", "-u", user, "-R", "maildir:" + path], check=True)
            mail.remove(path)
        self.waiting = []

    def forget(self, user, copied):
        if self.form == "maildir":
            return super().forget(user, copied)
        for f in glob.glob(os.path.join(self.home(user), self.form, "**", "dovecot.index.cache"), recursive=True):
            os.remove(f)

    def services(self):
        tuned = self.kind == "tuned"
        login = "  service_count = 0\n  process_min_avail = 2\n  vsz_limit = 1G\n" if tuned else ""
        text = "".join("""service {0}-login {{
{1}  inet_listener {0} {{
    port = {2}
  }}
  inet_listener {0}s {{
    port = {3}
    ssl = yes
  }}
}}
""".format(p, login, port, tls) for p, port, tls in (("imap", self.imap, self.imaps), ("pop3", self.pop3, self.base + 995)))
        if tuned:
            text += "service imap {\n  process_min_avail = 2\n}\nservice pop3 {\n  process_min_avail = 2\n}\nservice lmtp {\n  process_min_avail = 2\n}\n"
        return text

    def configure(self):
        crt, key = self.certificate()
        with open(self.dir + "/dovecot.conf", "w") as f:
            f.write("""base_dir = {d}/run
state_dir = {d}/run
log_path = {d}/dovecot.log
protocols = imap pop3 lmtp
listen = 127.0.0.1
mail_location = {form}:~/{where}
ssl = yes
ssl_cert = <{crt}
ssl_key = <{key}
disable_plaintext_auth = no
first_valid_uid = 1
default_login_user = dovenull
default_internal_user = dovecot
mail_max_userip_connections = 0
default_process_limit = 20000
default_client_limit = 40000
passdb {{
  driver = passwd-file
  args = {d}/users
}}
userdb {{
  driver = passwd-file
  args = {d}/users
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
{services}""".format(d=self.dir, form=self.form, where="Maildir" if self.form == "maildir" else self.form,
                     crt=crt, key=key, lmtp=self.lmtp, services=self.services()))

    def start(self):
        self.configure()
        shutil.chown(self.dir + "/users", "root", "dovecot")
        os.chmod(self.dir + "/users", 0o640)
        self.launch("dovecot", "-F", "-c", self.dir + "/dovecot.conf")
        self.wait()
