"""Runs a program on a terminal of its own and copies what it prints: python3 on_terminal.py COLUMNS program [argument ...]

SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""
import fcntl
import os
import pty
import struct
import sys
import termios

columns, command = int(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    os.execvp(command[0], command)
while True:
    try:
        text = os.read(terminal, 65536)
    except OSError:                   # the last one that had the terminal open is gone
        break
    if not text:
        break
    sys.stdout.buffer.write(text.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
