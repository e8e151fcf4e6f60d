"""The table as a person reads it, JSON, and the picture."""
import json
import os
import subprocess

WIDTH = 52
HEAD = "%-52s %9s %9s %6s %6s %-4s %7s %9s %9s %6s   %s" % ("workload", "Postern", "Dovecot", "ratio", "target", "met", "x limit", "Postern", "Dovecot", "ratio",
                                                       "CPU ratio to")
UNITS = "%-52s %9s %9s %25s %8s %9s %9s   %s" % ("", "CPU ms", "CPU ms", "", "", "wall ms", "wall ms", "        other Dovecots")
NOTE = """CPU ms: the server's, each cycle, until it is quiet; Dovecot is its Maildir as Debian installs it. x limit: Postern's CPU time over that of a program
that makes only the system calls needed; "+" where that is over what is aimed at (1.5 for streaming, 2 for the rest). wall: "!" where above Dovecot's."""
AIM = {"copy": 1.5, "retrieve": 1.5}  # times the limit


def number(value, form):
    return "-" if value is None else form % value


def row_of(workload, results, server, dovecot, limit):
    """A row; server is ours, dovecot the one with the target. limit: CPU and wall seconds and the job, or None."""
    ours, theirs = results[server], results[dovecot]
    row = dict(workload=workload.name, server=server.name, cpu=ours.cpu(), dovecot_cpu=theirs.cpu(), wall=ours.wall(), dovecot_wall=theirs.wall(),
               late=ours.late, dovecot_late=theirs.late, ratio=ours.cpu() / max(theirs.cpu(), 1e-9), wall_ratio=ours.wall() / max(theirs.wall(), 1e-9),
               target=workload.target if server.how == "listen" else None, limit_cpu=limit and limit[0], limit_wall=limit and limit[1],
               times_limit=limit and ours.cpu() / max(limit[0], 1e-9), cpus=ours.cpus, dovecot_cpus=theirs.cpus, others={},
               limit_aim=limit and AIM.get(limit[2], 2))
    for s, r in results.items():
        if s.name.startswith("dovecot") and s is not dovecot:
            row["others"][s.kind] = dict(cpu=r.cpu(), wall=r.wall(), ratio=ours.cpu() / max(r.cpu(), 1e-9))
    met = row["target"] is None or row["ratio"] <= row["target"]
    if workload.tuned and "tuned" in row["others"] and server.how == "listen":
        row["tuned_target"] = workload.tuned
        met = met and row["others"]["tuned"]["ratio"] <= workload.tuned
    row["met"] = None if row["target"] is None else met
    return row


def name_of(row):
    return row["workload"] + ("" if row["server"] == "postern" else row["server"].replace("postern-", ", "))


def line(row):
    others = "  ".join("%s %.2f" % (kind, o["ratio"]) + (" (<= %g)" % row["tuned_target"] if kind == "tuned" and "tuned_target" in row else "")
                       for kind, o in row["others"].items())
    met = {None: "", True: "yes", False: "NO"}[row["met"]]
    return "%-52s %9.2f %9.2f %6.2f %6s %-4s %7s %9.2f %9.2f %6.2f%s  %s" % (
        name_of(row)[:WIDTH], row["cpu"] * 1e3, row["dovecot_cpu"] * 1e3, row["ratio"], number(row["target"], "%g"), met, limit_of(row),
        row["wall"] * 1e3, row["dovecot_wall"] * 1e3, row["wall_ratio"], "!" if row["wall_ratio"] > 1 else " ", others)


def limit_of(row):
    if row["times_limit"] is None:
        return "-"
    return "%.1f%s" % (row["times_limit"], "+" if row["times_limit"] > row["limit_aim"] else " ")


def plain(name, values, target=None, unit="", limit=None):
    """A row of absolute values: {server: value}; the first is ours."""
    ours = next(iter(values.values()))
    return dict(workload=name, unit=unit, values=values, target=target, met=None if target is None else ours <= target, limit=limit,
                times_limit=limit and ours / limit, limit_aim=2)


def plain_line(row):
    met = {None: "", True: "yes", False: "NO"}[row["met"]]
    values = list(row["values"].items())
    return "%-52s %9s %9s %6s %6s %-4s %7s  %s" % (
        row["workload"][:WIDTH], number(values[0][1], "%.2f"), number(values[1][1], "%.2f") if len(values) > 1 else "-", row["unit"],
        number(row["target"], "%g"), met, limit_of(row), "  ".join("%s %s" % (k, number(v, "%.2f")) for k, v in values[2:]))


def missed(row):
    if "ratio" not in row:
        return "%s: %.2f %s, to reach %g" % (row["workload"], next(iter(row["values"].values())), row["unit"], row["target"])
    text = "%s: %.2f, to reach %g" % (row["workload"], row["ratio"], row["target"])
    if "tuned_target" in row:
        text += "; over tuned Dovecot %.2f, to reach %g" % (row["others"]["tuned"]["ratio"], row["tuned_target"])
    return text


def summary(rows):
    judged = [r for r in rows if r["met"] is not None]
    timed = [r for r in rows if r.get("wall_ratio") is not None]
    limited = [r for r in rows if r["times_limit"] is not None]
    return ["%d of %d targets met; wall time above Dovecot's in %d of %d rows; as near to the limit as aimed at in %d of %d" % (
        sum(r["met"] for r in judged), len(judged), sum(r["wall_ratio"] > 1 for r in timed), len(timed),
        sum(r["times_limit"] <= r["limit_aim"] for r in limited), len(limited))] + ["  not met: " + missed(r) for r in judged if not r["met"]]


def write_json(path, **what):
    with open(path + ".new", "w") as f:
        json.dump(what, f, indent=1)
    os.replace(path + ".new", path)


def plot(rows, path):
    """Bars of the ratios with their targets."""
    rows = [r for r in rows if "ratio" in r]
    data = path + ".dat"
    with open(data, "w") as f:
        for i, r in enumerate(rows):
            f.write('%d "%s" %.4f %s\n' % (i, name_of(r).replace('"', ""), r["ratio"], r["target"] or "nan"))
    script = """set terminal pngcairo size 1200,{height}
set output '{path}'
set title 'Server CPU time, Postern / Dovecot (Maildir): shorter is better' noenhanced
set style fill solid 0.6
set yrange [{count}:-1]
set xrange [0:1.5]
set ytics noenhanced
set grid x
set lmargin 56
set key outside bottom center horizontal
plot '{data}' using (0):1:(0):3:($1-0.35):($1+0.35):yticlabels(2) with boxxyerror title 'measured', \\
     '' using 4:1 with points pointtype 7 title 'to reach', '' using (1):1 with lines dashtype 2 title 'Dovecot'
""".format(height=160 + 26 * len(rows), path=path, count=len(rows), data=data)
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
    os.remove(data)
