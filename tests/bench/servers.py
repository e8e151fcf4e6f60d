"""The servers under test, each in a cgroup of its own, so that the CPU time of everything it ever started is counted."""
import os
import shutil
import signal
import socket
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UID = GID = 5000
V1 = "/sys/fs/cgroup/cpuacct"
V2 = "/sys/fs/cgroup"


class Cgroup:
    def __init__(self, name):
        self.v1 = os.path.isdir(V1)
        self.path = os.path.join(V1 if self.v1 else V2, "postern-bench-" + name)
        os.makedirs(self.path, exist_ok=True)

    def enter(self):
        with open(self.path + "/cgroup.procs", "w") as f:
            f.write(str(os.getpid()))

    def cpu(self):
        """Seconds of CPU time used so far."""
        if self.v1:
            return int(open(self.path + "/cpuacct.usage").read()) / 1e9
        return int(open(self.path + "/cpu.stat").readline().split()[1]) / 1e6

    def processes(self):
        return [int(p) for p in open(self.path + "/cgroup.procs").read().split()]

    def quiet(self):
        """Waits until the servers do nothing more, and returns the CPU time used."""
        last, still = self.cpu(), 0
        while still < 3:
            time.sleep(0.05)
            now = self.cpu()
            still = still + 1 if now - last < 0.0002 else 0
            last = now
        return last

    def remove(self):
        for _ in range(50):
            for p in self.processes():
                try:
                    os.kill(p, signal.SIGKILL)
                except OSError:
                    pass
            try:
                os.rmdir(self.path)
                return
            except OSError:
                time.sleep(0.1)


class Server:
    """name, ports; start() and stop(); users are user0.. with the password 'bench'."""

    def __init__(self, name, directory, base):
        self.name, self.dir, self.base = name, os.path.join(directory, name), base
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o755)
        self.imap, self.imaps, self.pop3, self.lmtp = base + 143, base + 993, base + 110, base + 24
        self.cgroup = Cgroup(name)
        self.children = []

    def home(self, user):
        return os.path.join(self.dir, "mail", user)

    def make_home(self, user):
        os.makedirs(self.home(user), exist_ok=True)
        for p in (os.path.join(self.dir, "mail"), self.home(user)):
            os.chown(p, UID, GID)

    def write_users(self, users):
        with open(os.path.join(self.dir, "users"), "w") as f:
            for user in users:
                f.write("%s:{PLAIN}bench:%d:%d::%s::\n" % (user, UID, GID, self.home(user)))
                self.make_home(user)

    def launch(self, *command):
        log = open(os.path.join(self.dir, "log"), "a")
        self.children.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                              preexec_fn=self.cgroup.enter, start_new_session=True))

    def certificate(self):
        crt, key = self.dir + "/tls.crt", self.dir + "/tls.key"
        if not os.path.exists(crt):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost",
                            "-keyout", key, "-out", crt], check=True, capture_output=True)
        return crt, key

    def wait(self):
        for port in (self.imap, self.pop3, self.lmtp):
            for _ in range(200):
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            else:
                raise SystemExit("%s does not answer on port %d; see %s/log" % (self.name, port, self.dir))

    def stop(self):
        for child in self.children:
            try:
                os.killpg(child.pid, signal.SIGTERM)
            except OSError:
                pass
        self.cgroup.remove()


class Postern(Server):
    def __init__(self, directory, base, build):
        super().__init__("postern", directory, base)
        self.build = build

    def mail(self, user):
        return os.path.join(self.home(user), "Maildir")

    def start(self, how="listen"):
        crt, key = self.certificate()
        os.makedirs(self.dir + "/run/empty", exist_ok=True)
        with open(self.dir + "/postern.conf", "w") as f:
            f.write('auth = {"passwd-file:%s/users"}\nmail = "maildir:~/Maildir"\ntls_cert = "%s"\ntls_key = "%s"\n'
                    'login_root = "%s/run/empty"\nlogin_user = "nobody"\nlog = "stderr"\nlistener_idle = 0\n' % (self.dir, crt, key, self.dir))
        for program, port, more in (("imapd", self.imap, []), ("imapd", self.imaps, ["-o", "tls=implicit"]),
                                    ("pop3d", self.pop3, []), ("lmtpd", self.lmtp, [])):
            command = [os.path.join(self.build, program), "-c", self.dir + "/postern.conf"] + more
            address = "127.0.0.1:%d" % port
            if how == "listen":
                self.launch(os.path.join(TOP, "tests/bind"), address, "--", *command)
            else:
                self.launch("systemd-socket-activate", "--accept", "--inetd", "-l", address, *command)
        self.wait()


class Dovecot(Server):
    def __init__(self, directory, base, form="maildir", tuned=False):
        super().__init__("dovecot-%s%s" % (form, "-tuned" if tuned else ""), directory, base)
        self.form, self.tuned = form, tuned

    def mail(self, user):
        return os.path.join(self.home(user), "Maildir")

    def start(self, how=None):
        crt, key = self.certificate()
        location = {"maildir": "maildir:~/Maildir", "sdbox": "sdbox:~/sdbox", "mdbox": "mdbox:~/mdbox"}[self.form]
        login = "service_count = 0\n process_min_avail = 2\n vsz_limit = 1G\n" if self.tuned else ""
        listen = "\n".join("service %s-login {\n%s inet_listener %s {\n port = %d\n }\n inet_listener %ss {\n port = %d\n ssl = yes\n }\n}\n"
                           % (p, login, p, port, p, tls) for p, port, tls in
                           (("imap", self.imap, self.imaps), ("pop3", self.pop3, self.base + 995)))
        with open(self.dir + "/dovecot.conf", "w") as f:
            f.write("""base_dir = {d}/run
state_dir = {d}/run
log_path = {d}/dovecot.log
protocols = imap pop3 lmtp
listen = 127.0.0.1
mail_location = {location}
ssl = yes
ssl_cert = <{crt}
ssl_key = <{key}
disable_plaintext_auth = no
first_valid_uid = 1
default_login_user = dovenull
default_internal_user = dovecot
mail_max_userip_connections = 0
default_process_limit = 10000
default_client_limit = 20000
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
{listen}
""".format(d=self.dir, location=location, crt=crt, key=key, lmtp=self.lmtp, listen=listen))
        shutil.chown(self.dir + "/users", "root", "dovecot")
        os.chmod(self.dir + "/users", 0o640)
        self.launch("dovecot", "-F", "-c", self.dir + "/dovecot.conf")
        self.wait()
