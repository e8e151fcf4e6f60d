"""The physical limit: what bench_limit, which makes only the system calls that a job needs, takes for it."""
import os
import subprocess

ROUNDS = 3


class Limit:
    def __init__(self, build, stock):
        self.program, self.stock, self.known = os.path.join(build, "bench_limit"), stock, {}

    def take(self, job, messages, count, octets):
        """(CPU seconds, wall seconds), the least of a few rounds: what it can be."""
        key = (job, messages, count, octets)
        if key not in self.known:
            command = [self.program, job, self.stock.maildir(messages), str(count), str(octets)]
            runs = [tuple(map(float, subprocess.run(command, check=True, capture_output=True, timeout=600).stdout.split())) for _ in range(ROUNDS)]
            self.known[key] = min(runs)
        return self.known[key]
