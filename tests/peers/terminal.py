"""Runs a program on a terminal of its own, and types what somebody would type.

Usage: terminal.py STEPS PROGRAM ARGUMENT...

STEPS is a JSON list of steps. Each has what is waited for on the terminal, the keys that are typed then, and whether the
terminal has to hide them. Prints a JSON object: `shown` is all that was on the terminal, `code` the exit code, negative
if a signal has ended the program, and `echoes` whether the terminal shows in the end what is typed. Fails if something that is waited for does not come within a minute.
"""
import json
import os
import pty
import select
import signal
import sys
import termios
import time

steps, program = json.loads(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    # As a login does it: what runs in the background may have the signal ignored.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execv(program[0], program)
end = time.monotonic() + 60
shown = b""


def read():
    """Reads what the program writes. Returns false once it has closed the terminal."""
    global shown
    if not select.select([terminal], [], [], 0.01)[0]:
        return True
    try:
        chunk = os.read(terminal, 65536)
    except OSError:
        # Linux says EIO where nobody has the terminal open any more.
        return False
    shown += chunk
    return bool(chunk)


def hides():
    """Returns whether typed keys are not shown: programs begin with that a moment after they have asked."""
    return not termios.tcgetattr(terminal)[3] & termios.ECHO


seen = 0
for awaited, keys, is_hidden in steps:
    while awaited.encode() not in shown[seen:] or (is_hidden and not hides()):
        if time.monotonic() > end or not read():
            sys.exit(f"'{awaited}' does not come, or is not hidden: {shown}")
    seen = shown.index(awaited.encode(), seen) + len(awaited.encode())
    os.write(terminal, keys.encode())
while read():
    if time.monotonic() > end:
        sys.exit(f"the program does not end: {shown}")
_, status = os.waitpid(child, 0)
code = os.waitstatus_to_exitcode(status)
print(json.dumps({"shown": shown.decode(errors="replace"), "code": code, "echoes": not hides()}))
