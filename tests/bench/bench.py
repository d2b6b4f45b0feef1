#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures jobd beside its peers, in one run, on this machine. Called by run.sh.

Rates are medians of rounds in which every candidate runs once, one after the other, so that a slow
moment of the machine hits all of them. Nothing is tuned: jobd runs with its defaults, its state on
the disk of --dir, every answer is a commit, output is captured; only the cap of the output is lifted
where the speed of output is measured.
"""

import argparse
import json
import os
import pwd
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness  # noqa: E402
import service  # noqa: E402

TRUE = "/usr/bin/true"
CORES = len(os.sched_getaffinity(0))


class Measured:
    """Rows of the report: name, value, unit, ratio and what it is compared with, the aim."""

    def __init__(self):
        self.rows = []

    def add(self, group, name, value, unit, ratio=None, to=None, aim=None):
        self.rows.append({"group": group, "name": name, "value": value, "unit": unit, "ratio": ratio, "to": to,
                          "aim": aim})
        if not OPTIONS.json:
            print(self.line(self.rows[-1]), flush=True)

    def line(self, row):
        value = f"{row['value']:,.0f}" if row["value"] >= 100 else f"{row['value']:,.2f}"
        ratio = f"{row['ratio']:.2f} x {row['to']}" if row["ratio"] is not None else ""
        return f"{row['group']:<9} {row['name']:<52} {value:>14} {row['unit']:<8} {ratio:<28} {row['aim'] or ''}".rstrip()

    def value(self, name):
        return next(row["value"] for row in self.rows if row["name"] == name)

    def markdown(self):
        lines = ["| what | value | unit | ratio | aim |", "|---|---:|---|---|---|"]
        for row in self.rows:
            value = f"{row['value']:,.0f}" if row["value"] >= 100 else f"{row['value']:,.2f}"
            ratio = f"{row['ratio']:.2f} x {row['to']}" if row["ratio"] is not None else ""
            lines.append(f"| {row['name']} | {value} | {row['unit']} | {ratio} | {row['aim'] or ''} |")
        return "\n".join(lines)


class Place:
    """What harness.Daemon wants of a test: a folder and an environment."""

    def __init__(self, folder):
        self.dir = folder
        self.env = {"PATH": "/usr/bin:/bin", "HOME": folder, "LANG": "C.UTF-8", "JOBD_LOG_LEVEL": "warning"}
        os.mkdir(os.path.join(folder, "xdg"), 0o700)
        self.env["XDG_RUNTIME_DIR"] = os.path.join(folder, "xdg")


def bench(name):
    return os.path.join(os.path.dirname(harness.BIN), "bench", name)


def seconds(words, **options):
    """Runs a command and returns what it prints: seconds."""
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True, **options)
    return float(done.stdout)


def timed(words, **options):
    begin = time.monotonic()
    subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, **options)
    return time.monotonic() - begin


class JobdBench:
    """One jobd in a fresh folder."""

    def __init__(self, name, system=False, config=""):
        self.folder = tempfile.mkdtemp(prefix=f"jobd-bench-{name}.", dir=OPTIONS.dir)
        os.chmod(self.folder, 0o755)
        self.place = Place(self.folder)
        self.daemon = harness.Daemon(self.place)
        self.config = config
        self.system = system
        self.start()

    def start(self):
        begin = time.monotonic()
        self.daemon.start(workers=CORES, config=self.config, **({"system": True} if self.system else {}))
        return time.monotonic() - begin

    def __enter__(self):
        self.daemon.pool_ready(CORES)
        return self

    def __exit__(self, *_):
        self.daemon.stop()
        harness.kill_descendants()
        shutil.rmtree(self.folder, ignore_errors=True)

    def submit(self, how, count, width=1, user=None):
        words = [bench("bench_submit"), self.daemon.socket, how, str(count), str(width)]
        return count / seconds(words, user=user, group=user, extra_groups=[] if user else None, cwd="/",
                               env=self.place.env)

    def jobctl(self, *words):
        return [harness.program("jobctl"), "--socket", self.daemon.socket, *words]

    def pids(self):
        """(jobd, pool, workers)"""
        pool = self.daemon.pool()
        return self.daemon.pid, pool["pid"], [w["pid"] for w in pool["workers"]]


def status_of(pid, name):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(name + ":"))


def switches(pid):
    """Voluntary context switches of all threads: how often it slept, and so was woken."""
    return sum(status_of(f"{pid}/task/{task}", "voluntary_ctxt_switches") for task in os.listdir(f"/proc/{pid}/task"))


# ---- no-op commands per second


# With exactly one argument true(1) of coreutils looks for --help, and reads its locale for that: 30
# files more than with none, or with two. So who passes inputs to it passes two words each.


def noop_bare(count):
    return count / seconds([bench("bench_spawn"), "bare", str(CORES), str(count)])


def noop_list(count):
    return count / seconds([bench("bench_spawn"), "list", str(CORES), str(count), str(OPTIONS.uid)])


def noop_xargs(count):
    return count / timed(["xargs", "-P", str(CORES), "-n", "2", TRUE], input=b"x\nx\n" * count)


def noop_parallel(count):
    return count / timed(["parallel", "-j", str(CORES), TRUE, "{}", "x"], input=b"x\n" * count)


def noop_tsp(count):
    env = {**os.environ, "TS_SOCKET": os.path.join(OPTIONS.dir, f"tsp-{os.getpid()}"), "TS_MAXFINISHED": "10",
           "TS_SLOTS": str(CORES)}
    script = f'i=0; while [ $i -lt {count} ]; do {OPTIONS.tsp} -n {TRUE} >/dev/null; i=$((i+1)); done; {OPTIONS.tsp} -w'
    try:
        return count / timed(["sh", "-c", script], env=env)
    finally:
        subprocess.run([OPTIONS.tsp, "-K"], env=env, check=False)


def noop_python(count):
    script = ("import multiprocessing, subprocess\n"
              f"def run(_): return subprocess.run(['{TRUE}'], capture_output=True).returncode\n"
              f"with multiprocessing.Pool({CORES}) as pool: assert sum(pool.map(run, range({count}))) == 0\n")
    return count / timed([sys.executable, "-c", script])


def measure_noop(table):
    count, rounds = (4000, 3) if OPTIONS.quick else (30000, 5)
    # The slow ones do less: their rate does not depend on it.
    candidates = {
        "bare posix_spawn loop": (noop_bare, count),
        "jobd, user mode": (lambda n: user.submit("noop", n, 500), count),
        "xargs -P": (noop_xargs, count),
        "Python Pool + subprocess.run": (noop_python, count // 2),
        "GNU parallel": (noop_parallel, count // 20),
        "task-spooler": (noop_tsp, count // 20),
    }
    if OPTIONS.is_root:
        candidates["full spawn list with records, no daemon"] = (noop_list, count)
        candidates["jobd, system mode"] = (lambda n: system.submit("noop", n, 500, user=OPTIONS.uid), count)
    rates = {name: [] for name in candidates}
    with JobdBench("user") as user:
        system = JobdBench("system", system=True) if OPTIONS.is_root else None
        try:
            for _ in range(rounds):
                for name, (run, n) in candidates.items():
                    rates[name].append(run(n))
        finally:
            if system:
                system.__exit__()
    rate = {name: statistics.median(values) for name, values in rates.items()}
    bare = rate["bare posix_spawn loop"]
    mine = rate["jobd, user mode"]
    table.add("no-ops", "bare posix_spawn loop", bare, "/s")
    table.add("no-ops", "jobd, user mode", mine, "/s", mine / bare, "bare", ">= 0.80")
    if OPTIONS.is_root:
        full = rate["full spawn list with records, no daemon"]
        table.add("no-ops", "full spawn list with records, no daemon", full, "/s", full / bare, "bare")
        table.add("no-ops", "jobd, system mode", rate["jobd, system mode"], "/s", rate["jobd, system mode"] / full,
                  "full list", ">= 0.85")
    for name, aim in (("xargs -P", ">= 2"), ("GNU parallel", ">= 20"), ("task-spooler", ""),
                      ("Python Pool + subprocess.run", "> 1")):
        table.add("no-ops", name, rate[name], "/s", mine / rate[name], "slower than jobd", aim)


# ---- latency


def measure_latency(table):
    count = 100 if OPTIONS.quick else 1000
    tsp_env = {**os.environ, "TS_SOCKET": os.path.join(OPTIONS.dir, f"tsp-l-{os.getpid()}"), "TS_MAXFINISHED": "10"}
    with JobdBench("latency") as jobd:
        with jobd.daemon.client() as client:
            client.submit([TRUE.encode()])
        candidates = [("bare posix_spawn of true", [TRUE], None),
                      ("jobctl run -- true", jobd.jobctl("run", "--", TRUE), jobd.place.env),
                      ("completion of a job's id", jobd.jobctl("__complete", "zsh", "info", ""), jobd.place.env),
                      ("tsp -nf true", [OPTIONS.tsp, "-nf", TRUE], tsp_env)]
        if systemd_run_works():
            candidates.append(("systemd-run --scope true", ["systemd-run", "--quiet", "--scope", TRUE], None))
        took = {}
        for name, words, env in candidates:
            done = subprocess.run([bench("bench_run"), str(count), *words], env=env, stdout=subprocess.PIPE, check=True)
            took[name] = [float(x) / 1000 for x in done.stdout.split()]
        subprocess.run([OPTIONS.tsp, "-K"], env=tsp_env, check=False)
        with jobd.daemon.client() as client:
            commit = client.ask("status")["commit_usec_p50"] / 1000
    bare = took["bare posix_spawn of true"]
    table.add("latency", "one commit, p50", commit, "ms")
    for name, (p50, p99, _) in took.items():
        aim = f"<= {bare[0] + 2 * commit + 3:.2f} ms" if name.startswith("jobctl run") else ""
        table.add("latency", name + ", p50", p50, "ms", p50 / bare[0], "bare", aim)
        table.add("latency", name + ", p99", p99, "ms", p99 / bare[1], "bare")


def systemd_run_works():
    return shutil.which("systemd-run") and os.path.isdir("/run/systemd/system") and subprocess.run(
        ["systemd-run", "--quiet", "--scope", TRUE], stderr=subprocess.DEVNULL, check=False).returncode == 0


# ---- submissions, memory and restart with a long queue


def measure_submit(table):
    levels = (0, 10_000) if OPTIONS.quick else (0, 10_000, 1_000_000)
    alone, pipelined, batched = (300, 3000, 20_000) if OPTIONS.quick else (1000, 10_000, 50_000)
    rates = {}
    with JobdBench("submit", config="[Limits]\nQueuedJobsPerUser=3000000\nQueuedJobs=3000000\n"
                   "SpecBytesPerUser=8G\nSpecBytes=8G\n") as jobd:
        with jobd.daemon.client() as client:
            client.ask("drain")
        empty = status_of(jobd.daemon.pid, "VmRSS")
        for level in levels:
            queued = own_queued(jobd)
            if level > queued:
                jobd.submit("batched", level - queued, 1000)
            if level and level == levels[-1]:
                full = status_of(jobd.daemon.pid, "VmRSS")
                per_job = (full - empty) * 1024 / own_queued(jobd)
            # What was written so far is on its way to the disk and would be in the way of commits.
            os.sync()
            for how, n, width in (("alone", alone, 1), ("pipelined", pipelined, 256), ("batched", batched, 1000)):
                rates[how, level] = statistics.median(jobd.submit(how, n, width) for _ in range(3))
                aim = ">= 100,000" if how == "batched" else ""
                ratio = rates[how, 0] / rates[how, level] if level else None
                table.add("submit", f"acknowledged, {how}, {level:,} queued", rates[how, level], "/s", ratio,
                          "the cost at 0", "<= 1.2" if level else aim)
        table.add("memory", f"jobd, for each of {own_queued(jobd):,} queued jobs", per_job, "bytes", aim="<= 250")
        queued = own_queued(jobd)
        jobd.daemon.kill()
        took = jobd.start()
        # They begin to run as soon as it serves.
        with jobd.daemon.client() as client:
            now = client.ask("status")
        assert sum(now[key] for key in ("queued", "running", "finished")) == queued, f"{queued} jobs became {now}"
        table.add("restart", f"kill -9 to serving, with {queued:,} queued jobs", took, "s", aim="< 5")


# ---- maps


def values(first, count):
    return b"".join(b"%d\0" % number for number in range(first, first + count))


def measure_accept(table):
    """A million tasks at once: until the last answer, which says that they are on disk."""
    million, chunk = 1_000_000, 8000
    with JobdBench("accept", config="[Limits]\nQueuedJobsPerUser=9000000\nQueuedJobs=9000000\n") as jobd:
        took = {"array": [], "list": []}
        with jobd.daemon.client() as client:
            client.ask("drain")
            for _ in range(3):
                os.sync()
                begin = time.monotonic()
                client.submit([TRUE.encode()], array_first=0, array_last=million - 1)
                took["array"].append(time.monotonic() - begin)
                chunks = [values(first, chunk) for first in range(0, million, chunk)]
                begin = time.monotonic()
                job = client.submit([TRUE.encode(), b"{}"], map_values=1)["first_id"]
                tags = [client.send(append={"job": job, "number": number, "count": chunk, "values": data})
                        for number, data in enumerate(chunks)]
                tags.append(client.send(close_input={"job": job, "chunks": len(chunks)}))
                for tag in tags:
                    assert "error" not in client.reply(tag)
                took["list"].append(time.monotonic() - begin)
        table.add("maps", "1,000,000 tasks of an array accepted", statistics.median(took["array"]) * 1000, "ms", aim="< 100")
        table.add("maps", "1,000,000 tasks of a list accepted", statistics.median(took["list"]), "s", aim="< 1")
        table.add("maps", "jobd, with 6,000,000 such tasks queued, RSS", status_of(jobd.daemon.pid, "VmRSS") / 1024, "MiB",
                  aim="< 64")


def map_words(jobd, *words):
    return jobd.jobctl("map", *words)


def lines(count):
    return b"".join(b"%d\n" % number for number in range(count))


def map_rate(jobd, count, *options, user=None):
    who = {"user": user, "group": user, "extra_groups": []} if user else {}
    words = [TRUE] if "-n" in options else [TRUE, "{}", "x"]
    return count / timed(map_words(jobd, *options, "--", *words), input=lines(count), env=jobd.place.env, cwd="/", **who)


def measure_map_rates(table):
    count, rounds = (3000, 3) if OPTIONS.quick else (20_000, 5)
    many = count * 50
    candidates = {
        "bare posix_spawn loop": (noop_bare, count),
        "jobctl map, user mode": (lambda n: map_rate(user, n), count),
        "jobctl map -k, user mode": (lambda n: map_rate(user, n, "-k"), count),
        "xargs -P": (noop_xargs, count),
        "Python Pool + subprocess.run": (noop_python, count // 2),
        "GNU parallel": (noop_parallel, count // 20),
        "xargs -n 100 -P, inputs": (lambda n: n / timed(["xargs", "-P", str(CORES), "-n", "100", TRUE], input=lines(n)), many),
        "jobctl map -n 100, inputs": (lambda n: map_rate(user, n, "-n", "100"), many),
    }
    if OPTIONS.is_root:
        candidates["full spawn list with records, no daemon"] = (noop_list, count)
        candidates["jobctl map, system mode"] = (lambda n: map_rate(system, n, user=OPTIONS.uid), count)
    rates = {name: [] for name in candidates}
    with JobdBench("map") as user:
        system = JobdBench("mapsys", system=True) if OPTIONS.is_root else None
        try:
            for _ in range(rounds):
                for name, (run, n) in candidates.items():
                    rates[name].append(run(n))
        finally:
            if system:
                system.__exit__()
    rate = {name: statistics.median(each) for name, each in rates.items()}
    bare, mine = rate["bare posix_spawn loop"], rate["jobctl map, user mode"]
    table.add("maps", "bare posix_spawn loop", bare, "/s")
    table.add("maps", "jobctl map, user mode", mine, "/s", mine / bare, "bare", ">= 0.85")
    if OPTIONS.is_root:
        full = rate["full spawn list with records, no daemon"]
        table.add("maps", "full spawn list with records, no daemon", full, "/s", full / bare, "bare")
        table.add("maps", "jobctl map, system mode", rate["jobctl map, system mode"], "/s",
                  rate["jobctl map, system mode"] / full, "full list", ">= 0.90")
    for name in ("xargs -P", "GNU parallel", "Python Pool + subprocess.run"):
        table.add("maps", name, rate[name], "/s", mine / rate[name], "slower than map", "> 1")
    ordered = rate["jobctl map -k, user mode"]
    table.add("maps", "jobctl map -k, user mode", ordered, "/s", mine / ordered, "the cost of any order", "<= 1.05")
    packed, theirs = rate["jobctl map -n 100, inputs"], rate["xargs -n 100 -P, inputs"]
    table.add("maps", "xargs -n 100 -P, inputs", theirs, "/s")
    table.add("maps", "jobctl map -n 100, inputs", packed, "/s", packed / theirs, "xargs -n 100", ">= 0.90")


def measure_map_size(table):
    """The cost of a task in maps of different sizes, in rounds, so that a slow moment hits all."""
    sizes, rounds = ((1000, 5000), 3) if OPTIONS.quick else ((1000, 10_000, 100_000), 3)
    rates = {size: [] for size in sizes}
    with JobdBench("mapsize") as jobd:
        map_rate(jobd, 1000)
        for _ in range(rounds):
            for size in sizes:
                rates[size].append(statistics.median(map_rate(jobd, size) for _ in range(max(1, min(5, 5000 // size)))))
        first = statistics.median(rates[sizes[0]])
        for size in sizes:
            rate = statistics.median(rates[size])
            table.add("maps", f"jobctl map over {size:,} tasks", rate, "/s", first / rate, f"the cost at {sizes[0]:,}", "~ 1")
        if not OPTIONS.quick:
            rate = map_rate(jobd, 1_000_000)
            table.add("maps", "jobctl map over 1,000,000 tasks", rate, "/s", first / rate, f"the cost at {sizes[0]:,}", "~ 1")


def measure_map_start(table):
    """From the start of jobctl to the first task's own clock; `date` itself needs its time to start."""
    took, date = [], []
    with JobdBench("mapstart") as jobd:
        for _ in range(20):
            begin = time.time_ns()
            done = subprocess.run(map_words(jobd, "--", "date +%s%N #"), input=lines(100), env=jobd.place.env,
                                  stdout=subprocess.PIPE, check=True)
            took.append((min(map(int, done.stdout.split())) - begin) / 1e6)
            begin = time.time_ns()
            done = subprocess.run(["sh", "-c", "date +%s%N #"], stdout=subprocess.PIPE, check=True)
            date.append((int(done.stdout) - begin) / 1e6)
    table.add("maps", "sh -c date, until its clock, p50", statistics.median(date), "ms")
    table.add("maps", "jobctl map over 100 tasks, until the first's, p50", statistics.median(took), "ms", aim="< 10")


def measure_maps(table):
    for measure in (measure_accept, measure_map_rates, measure_map_size, measure_map_start):
        measure(table)


def own_queued(jobd):
    with jobd.daemon.client() as client:
        return client.ask("status")["own_queued"]


def measure_finished(table):
    count = 5000 if OPTIONS.quick else 50_000
    with JobdBench("finished") as jobd:
        jobd.submit("noop", 2000, 500)
        before = status_of(jobd.daemon.pid, "VmRSS")
        jobd.submit("noop", count, 500)
        after = status_of(jobd.daemon.pid, "VmRSS")
        table.add("memory", f"jobd, for each of {count:,} finished jobs", max(0, (after - before) * 1024 / count), "bytes")


# ---- sharing


def measure_choosing(table):
    """The engine by itself: what it costs to choose, and to free whom a job kept waiting."""
    small, large, starts = (1000, 100_000, 10_000) if OPTIONS.quick else (1000, 1_000_000, 50_000)
    cost = {small: [], large: []}
    for _ in range(3):
        for level, took in cost.items():
            took.append(seconds([bench("bench_choose"), "starts", str(level), str(starts)]))
    first = statistics.median(cost[small])
    for level, took in cost.items():
        value = statistics.median(took)
        table.add("sharing", f"an end and the next start, {level:,} queued of 64 users", value, "us",
                  value / first if level != small else None, f"the cost at {small:,}", "<= 1.3" if level != small else "")
    count = 10_000 if OPTIONS.quick else 100_000
    took = [subprocess.run([bench("bench_choose"), "release", str(count)], stdout=subprocess.PIPE, check=True).stdout
            for _ in range(3)]
    whole, turn = (statistics.median(float(each.split()[i]) for each in took) for i in (0, 1))
    table.add("sharing", f"{count:,} jobs freed by the end of one", whole, "ms", aim="< 200")
    table.add("sharing", "the longest turn meanwhile, without the disk", turn, "ms", aim="< 20")


# Users that every system has. Their jobs are alike, so that what goes into starting one hits all.
SHARERS = ("daemon", "bin", "sys", "games", "man", "lp", "mail", "news", "uucp", "backup")


def core_seconds(names, weights, took):
    """What each of them got in so many seconds, all with more to do than there is time for."""
    config = "".join(f'[Share "{name}"]\nWeight={weight}\n' for name, weight in zip(names, weights))
    with JobdBench("fair", system=True, config=config) as jobd:
        with jobd.daemon.client() as client:
            client.ask("drain")
            jobs = []
            script = "sleep 0.$((JOBD_TASK_ID % 2))$((JOBD_TASK_ID % 50 + 50))"
            for name in names:
                user = pwd.getpwnam(name)
                words = jobd.jobctl("submit", "--array", "0-99999", "--", "sh", "-c", script)
                done = subprocess.run(words, env=jobd.place.env, cwd="/", user=user.pw_uid, group=user.pw_gid,
                                      extra_groups=[], stdout=subprocess.PIPE, check=True)
                jobs.append(int(done.stdout.split()[0]))
            client.ask("drain", end=True)
            time.sleep(took)
            got = []
            for job in jobs:
                tag = client.send(results={"job": job, "no_tasks": True, "progress_usec": 50_000})
                got.append(next(r["progress"]["run_usec"] for r in client.replies(tag) if "progress" in r) / 1e6)
    return got


def measure_fairness(table):
    if not OPTIONS.is_root:
        return
    took = 10 if OPTIONS.quick else 30
    for count in (2, 10):
        got = core_seconds(SHARERS[:count], [1] * count, took)
        jain = sum(got) ** 2 / (count * sum(x * x for x in got))
        table.add("sharing", f"{count} equal users for {took} s, Jain's index of core-seconds", jain, "", aim=">= 0.99")
    weights = (1, 2, 4)
    got = core_seconds(SHARERS[:3], weights, took)
    worst = max(abs(x / sum(got) * sum(weights) / weight - 1) for x, weight in zip(got, weights))
    table.add("sharing", f"weights 1:2:4 for {took} s, the furthest from the share", 100 * worst, "%", aim="<= 3")


def measure_sharing(table):
    measure_choosing(table)
    measure_fairness(table)


# ---- idle


def measure_idle(table):
    took = 3 if OPTIONS.quick else 10
    with JobdBench("idle") as jobd:
        subprocess.run(jobd.jobctl("run", "--", TRUE), check=True)
        jobd_pid, pool, workers = jobd.pids()
        everybody = [jobd_pid, pool, *workers]
        # What the last answer left to do is done first.
        settle = {pid: -1 for pid in everybody}
        for _ in range(50):
            now = {pid: switches(pid) for pid in everybody}
            if now == settle:
                break
            settle = now
            time.sleep(0.2)
        before = {pid: switches(pid) for pid in everybody}
        time.sleep(took)
        woken = {pid: switches(pid) - before[pid] for pid in everybody}
        table.add("idle", "wake-ups of jobd", woken[jobd_pid] / took, "/s", aim="0")
        table.add("idle", "wake-ups of the pool and the workers", sum(woken[p] for p in everybody[1:]) / took, "/s", aim="0")
        table.add("memory", "jobd, idle, RSS", status_of(jobd_pid, "VmRSS") / 1024, "MiB", aim="< 12")
        table.add("memory", "the pool's process, idle, RSS", status_of(pool, "VmRSS") / 1024, "MiB")
        table.add("memory", "a worker, idle, RSS", max(status_of(w, "VmRSS") for w in workers) / 1024, "MiB", aim="< 3")


# ---- output


def measure_output(table):
    size = (256 if OPTIONS.quick else 2048) << 20
    source = ["head", "-c", str(size), "/dev/zero"]

    def into_cat(words, target=os.devnull):
        begin = time.monotonic()
        with open(target, "wb") as out:
            writer = subprocess.Popen(words, stdout=subprocess.PIPE)
            reader = subprocess.Popen(["cat"], stdin=writer.stdout, stdout=out)
            writer.stdout.close()
            assert reader.wait() == 0 and writer.wait() == 0
        return size / (time.monotonic() - begin) / 1e6

    rates = {"a plain pipe into cat": [], "the same, and cat writes a file on the same disk": [],
             "jobctl run into cat, kept on disk too": []}
    with JobdBench("output", config="[Output]\nCap=infinity\nQuota=infinity\nCompress=no\n") as jobd:
        kept = os.path.join(jobd.folder, "kept")
        for _ in range(3):
            for name, words, target in zip(rates, (source, source, jobd.jobctl("run", "--", *source)),
                                           (os.devnull, kept, os.devnull)):
                rates[name].append(into_cat(words, target))
            os.unlink(kept)
            subprocess.run(jobd.jobctl("purge", "--yes"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    pipe, disk, mine = (statistics.median(values) for values in rates.values())
    names = list(rates)
    table.add("output", names[0], pipe, "MB/s")
    table.add("output", names[1], disk, "MB/s", disk / pipe, "the pipe")
    table.add("output", names[2], mine, "MB/s", mine / pipe, "the pipe", ">= 0.50")


def measure_service(table):
    def submit_many(path, count):
        seconds([bench("bench_submit"), path, "batched", str(count), "1000"], cwd="/")

    service.measure(table, OPTIONS, submit_many)


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), "unknown")
    with open("/proc/meminfo", encoding="utf-8") as f:
        memory = int(f.readline().split()[1]) >> 20
    with open("/etc/os-release", encoding="utf-8") as f:
        system = next(line.split("=")[1].strip().strip('"') for line in f if line.startswith("PRETTY_NAME"))
    return {"date": time.strftime("%Y-%m-%d"), "cpu": model, "cores": CORES, "memory_gib": memory,
            "kernel": os.uname().release, "system": system, "quick": OPTIONS.quick}


GROUPS = {"noop": measure_noop, "latency": measure_latency, "submit": measure_submit, "finished": measure_finished,
          "maps": measure_maps, "sharing": measure_sharing, "idle": measure_idle, "output": measure_output,
          "service": measure_service}


def main():
    global OPTIONS
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="some three minutes, with less certainty")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--markdown", metavar="FILE", help="also write the table there")
    parser.add_argument("--only", choices=GROUPS, action="append", help="measure only this")
    parser.add_argument("--dir", default=os.environ.get("TMPDIR", "/var/tmp"), help="where the state is: a real disk")
    OPTIONS = parser.parse_args()
    OPTIONS.is_root = os.geteuid() == 0
    OPTIONS.uid = pwd.getpwnam("nobody").pw_uid
    OPTIONS.tsp = shutil.which("tsp") or shutil.which("ts")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    table = Measured()
    here = machine()
    if not OPTIONS.json:
        print(", ".join(f"{key}: {value}" for key, value in here.items()) + "\n")
    try:
        for name in OPTIONS.only or GROUPS:
            GROUPS[name](table)
    finally:
        harness.kill_descendants()
    if OPTIONS.json:
        print(json.dumps({"machine": here, "rows": table.rows}, indent=1))
    if OPTIONS.markdown:
        with open(OPTIONS.markdown, "w", encoding="utf-8") as f:
            f.write(f"{here['date']}, {here['cpu']}, {here['cores']} cores, {here['memory_gib']} GiB, {here['system']}, "
                    f"Linux {here['kernel']}\n\n{table.markdown()}\n")


if __name__ == "__main__":
    main()
