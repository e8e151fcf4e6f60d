"""A cgroup for each server, so that the CPU time and the memory of everything it ever started is counted."""
import os
import signal
import time

ROOT = "/sys/fs/cgroup"
V1 = [os.path.join(ROOT, c) for c in ("cpuacct", "memory")]
STILL = 0.0003  # seconds of CPU time in 50 ms: less is quiet


class Cgroup:
    def __init__(self, name):
        self.v1 = os.path.isdir(V1[0])
        name = "postern-bench-" + name
        self.paths = [os.path.join(p, name) for p in (V1 if self.v1 else [ROOT]) if os.path.isdir(p)]
        for p in self.paths:
            os.makedirs(p, exist_ok=True)

    def enter(self):
        """For a child that is about to be executed."""
        for p in self.paths:
            with open(p + "/cgroup.procs", "w") as f:
                f.write(str(os.getpid()))

    def cpu(self):
        """Seconds of CPU time used so far."""
        if self.v1:
            with open(self.paths[0] + "/cpuacct.usage") as f:
                return int(f.read()) / 1e9
        with open(self.paths[0] + "/cpu.stat") as f:
            return int(f.readline().split()[1]) / 1e6

    def memory(self):
        """Bytes of memory: the processes' own and the kernel's for them, no page cache. None when it is not counted."""
        try:
            numbers = dict(line.split() for line in open(self.paths[-1] + "/memory.stat"))
            if not self.v1:
                return int(numbers["anon"]) + int(numbers.get("kernel", 0))
            return int(numbers["rss"]) + int(open(self.paths[-1] + "/memory.kmem.usage_in_bytes").read())
        except (OSError, KeyError):
            return None

    def processes(self):
        with open(self.paths[0] + "/cgroup.procs") as f:
            return [int(p) for p in f.read().split()]

    def quiet(self, patience=60):
        """Waits until nothing is done any more, and returns the CPU time used."""
        last, still, end = self.cpu(), 0, time.monotonic() + patience
        while still < 3 and time.monotonic() < end:
            time.sleep(0.05)
            now = self.cpu()
            still = still + 1 if now - last < STILL else 0
            last = now
        return last

    def private_dirty(self):
        """kB of all processes."""
        total = 0
        for pid in self.processes():
            try:
                with open("/proc/%d/smaps_rollup" % pid) as f:
                    total += sum(int(line.split()[1]) for line in f if line.startswith("Private_Dirty:"))
            except OSError:
                pass
        return total

    def remove(self):
        """Ends what is still in it."""
        for _ in range(100):
            for p in self.processes():
                try:
                    os.kill(p, signal.SIGKILL)
                except OSError:
                    pass
            try:
                while self.paths:
                    os.rmdir(self.paths[0])
                    self.paths.pop(0)
                return
            except OSError:
                time.sleep(0.05)
