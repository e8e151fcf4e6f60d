"""What a run needs before it begins: root, Debian packages, helpers that are built, a directory that no other run uses."""
import fcntl
import os
import random
import resource
import socket
import subprocess
import sys

from servers import TOP

PACKAGES = "dovecot-imapd dovecot-pop3d dovecot-lmtpd openbsd-inetd systemd openssl gnuplot-nox strace".split()


def install_missing():
    missing = [p for p in PACKAGES if subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", p], capture_output=True).stdout != b"installed"]
    if missing:
        print("installing", *missing, file=sys.stderr)
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends"] + missing):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))


def prepare(directory, build):
    """The lock of the directory, to be held until the end."""
    if os.getuid() != 0:
        sys.exit("the benchmark needs root: it counts CPU time by cgroup and starts Dovecot")
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    install_missing()
    subprocess.run(["make", "-s", "-j2", "-C", TOP, "BUILD=" + os.path.relpath(build, TOP), "all", "helpers"], check=True)
    os.makedirs(directory, exist_ok=True)
    lock = open(os.path.join(directory, "lock"), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit("another benchmark runs in %s; give --dir DIR" % directory)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return lock


def free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def port_base(servers):
    """The first of a range of 1,000 ports for each server, of which those that a server takes are free; below the range from which the
    kernel takes ports for clients."""
    for _ in range(200):
        base = random.randrange(11, 32 - servers) * 1000 + random.randrange(0, 700, 10)
        if base + servers * 1000 <= 32700 and all(free(base + 1000 * i + port) for i in range(servers) for port in (24, 110, 143, 993, 995)):
            return base
    sys.exit("no free range of ports; give --port-base")
