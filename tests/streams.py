#!/usr/bin/python3
"""Runs the tests of the workspace as `cargo test --workspace --no-fail-fast` does, but two executables at a time.

    tests/streams.py                  all
    tests/streams.py tunnel tap       the executables of these names: of files in tests/tests, or of crates

Cargo runs one executable after the other. Most of them wait more than they compute: until a clip is over, or a
time limit of the program that they test. Here two streams take them from one queue, and then those run that need the
machine, one by one. What an executable prints comes in one piece, when it has ended. Cargo builds them and says
where they are; each runs in the directory of its package. Doc tests are left to `cargo test --doc`.

STREAMS is how many run at once: 2 by default. With `--build`, nothing runs.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The longest takes a tenth of it. What hangs is ended, or nobody would read what it has printed.
LIMIT = 1800

# What runs while no other test does, by its file in tests/tests, and why.
ALONE = {
    "chaos": "ten viewers may lose no frame, beside all attackers that the machine can bear",
    "latency": "milliseconds of jitter are its subject: it tries again on a busy machine, but not for ever",
    "link": "the rate of a simulated link is its subject",
    "loading": "gaps of 200 ms between frames are its subject",
    "many_viewers": "21 viewers of 720p may lose no packet",
    "memory": "a viewer has to keep up with 240 frames a second",
    "quality": "three clients that decode 720p at once have to show each picture in time",
    "rate": "readers that are 2 ms late may lose no frame",
}
# What takes longest begins, so that no stream is left with it when the others are done.
FIRST = ("firmware", "disks", "player", "sources", "stalls", "tap", "loopback")


class Executable:
    """An executable with tests, as Cargo describes it."""

    def __init__(self, artifact):
        source = Path(artifact["target"]["src_path"]).relative_to(ROOT)
        self.path = artifact["executable"]
        self.package = Path(artifact["manifest_path"]).parent
        self.label = str(source)
        self.name = artifact["target"]["name"]
        self.of_file = source.parts[:2] == ("tests", "tests")
        self.seconds = self.code = None

    @property
    def is_alone(self):
        return self.of_file and self.name in ALONE

    def run(self, started):
        begun = time.monotonic()
        environment = dict(os.environ, CARGO_MANIFEST_DIR=str(self.package))
        with tempfile.TemporaryFile() as output:
            # A session of its own can be ended as a whole.
            child = subprocess.Popen([self.path], cwd=self.package, env=environment, stdin=subprocess.DEVNULL,
                                     stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
            started.add(child.pid)
            try:
                self.code = child.wait(LIMIT)
                verdict = f", FAILED (exit code {self.code})" if self.code else ""
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                self.code, verdict = child.wait(), f", FAILED: not done after {LIMIT} s"
            started.discard(child.pid)
            self.seconds = time.monotonic() - begun
            output.seek(0)
            return f"\n== {self.label}: {self.seconds:.0f} s{verdict}\n".encode() + output.read()


def build():
    """Has Cargo build the tests and the programs that they run. Returns the tests that Cargo would run."""
    # All with the same features of dependencies, which are built once.
    command = ["cargo", "build", "--locked", "--workspace", "--bins", "--examples", "--tests"]
    built = subprocess.run([*command, "--message-format=json-render-diagnostics"], cwd=ROOT, stdout=subprocess.PIPE)
    if built.returncode:
        sys.exit(built.returncode)
    messages = map(json.loads, built.stdout.splitlines())
    artifacts = [one for one in messages if one["reason"] == "compiler-artifact" and one["executable"]]
    programs = {one["target"]["name"]: one["executable"] for one in artifacts if not is_test(one)}
    # Or each test would ask Cargo for them: see `binary` in tests/src/process.rs.
    os.environ["PINHOLE_PROGRAMS"] = str(Path(programs["pinhole-server"]).parent)
    return [Executable(one) for one in artifacts if is_test(one)]


def is_test(artifact):
    return artifact["profile"]["test"]


def in_streams(queue, streams):
    """Runs what is in the queue, so many at once, and prints what each has printed."""
    lock, started = threading.Lock(), set()

    def stream():
        while True:
            with lock:
                if not queue:
                    return
                executable = queue.pop(0)
            printed = executable.run(started)
            with lock:
                sys.stdout.buffer.write(printed)
                sys.stdout.buffer.flush()

    threads = [threading.Thread(target=stream, daemon=True) for _ in range(streams)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        for pid in list(started):
            os.killpg(pid, signal.SIGKILL)
        sys.exit(130)


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun = time.monotonic()
    tests = build()
    if sys.argv[1:] == ["--build"]:
        return
    files = {test.name for test in tests if test.of_file}
    unknown = (set(ALONE) | set(FIRST) - {"loopback"}) - files | set(sys.argv[1:]) - {test.name for test in tests}
    if unknown:
        sys.exit(f"there are no tests of these names: {', '.join(sorted(unknown))}")
    if len(sys.argv) > 1:
        tests = [test for test in tests if test.name in sys.argv[1:]]

    rank = {name: place for place, name in enumerate(FIRST)}
    tests.sort(key=lambda test: rank.get(test.name, len(FIRST)))
    in_streams([test for test in tests if not test.is_alone], int(os.environ.get("STREAMS", "2")))
    in_streams([test for test in tests if test.is_alone], 1)

    failed = [test for test in tests if test.code]
    print(f"\n{len(tests)} executables in {time.monotonic() - begun:.0f} s, {len(failed)} failed. Of 10 s and more:")
    for test in sorted(tests, key=lambda test: -test.seconds):
        if test.seconds >= 10:
            print(f"{test.seconds:6.0f} s  {test.label}{'  (alone)' if test.is_alone else ''}")
    for test in failed:
        print(f"FAILED: {test.label}")
    sys.exit(1 if failed else 0)


main()
