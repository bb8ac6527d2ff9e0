"""Draws what a program printed on a terminal as an SVG picture: text and colours from standard input, picture on standard output.

    python3 tests/tools/on_terminal.py 100 program | python3 tests/tools/ansi2svg.py "command shown in the first line" >picture.svg
SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""
import re
import sys
import unicodedata
from xml.sax.saxutils import escape

CELL, LINE, SIZE, MARGIN = 8.4, 20, 14, 16
BACKGROUND, TEXT = "#14161b", "#d7dae0"
PALETTE = ["#3b4048", "#e8636f", "#8fc27a", "#dfb86a", "#66aef2", "#c382dc", "#5fbfc6", "#d7dae0",
           "#6d7480", "#f28b94", "#aad99a", "#efce8f", "#8fc6f7", "#d7a6ea", "#8ad5da", "#ffffff"]


def colour_256(number):
    if number < 16:
        return PALETTE[number]
    if number >= 232:
        level = 8 + 10 * (number - 232)
        return f"#{level:02x}{level:02x}{level:02x}"
    number -= 16
    steps = [0, 95, 135, 175, 215, 255]
    return "#%02x%02x%02x" % (steps[number // 36], steps[number // 6 % 6], steps[number % 6])


class Style:
    def __init__(self):
        self.colour, self.bold, self.dim, self.italic = None, False, False, False

    def apply(self, codes):
        codes = [int(code or 0) for code in codes.split(";")]
        while codes:
            code = codes.pop(0)
            if code == 0:
                self.__init__()
            elif code in (1, 2, 3):
                setattr(self, {1: "bold", 2: "dim", 3: "italic"}[code], True)
            elif code == 22:
                self.bold = self.dim = False
            elif code == 23:
                self.italic = False
            elif 30 <= code <= 37:
                self.colour = PALETTE[code - 30]
            elif 90 <= code <= 97:
                self.colour = PALETTE[code - 90 + 8]
            elif code == 39:
                self.colour = None
            elif code == 38 and codes[:1] == [5]:
                self.colour = colour_256(codes[1])
                del codes[:2]
            elif code == 38 and codes[:1] == [2]:
                self.colour = "#%02x%02x%02x" % tuple(codes[1:4])
                del codes[:4]

    def attributes(self):
        out = f' fill="{self.colour}"' if self.colour else ""
        out += ' font-weight="bold"' if self.bold else ""
        out += ' opacity="0.6"' if self.dim else ""
        return out + (' font-style="italic"' if self.italic else "")


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def main():
    lines = sys.stdin.buffer.read().decode("utf-8", "replace").rstrip("\n").split("\n")
    if len(sys.argv) > 1:
        lines.insert(0, f"\x1b[2m$\x1b[0m \x1b[1m{sys.argv[1]}\x1b[0m")
    body, widest, style = [], 40, Style()
    for number, line in enumerate(lines):
        column, y = 0, MARGIN + LINE * number + SIZE
        for part in re.split(r"(\x1b\[[0-9;]*[A-Za-z])", line.rstrip("\r")):
            if part.startswith("\x1b["):
                if part.endswith("m"):
                    style.apply(part[2:-1])
                continue
            for run in re.findall(r" +|[^ ]+(?: [^ ]+)*", part):       # blanks move, they are not drawn
                cells = width(run)
                if run.strip():
                    body.append(f'<text x="{MARGIN + column * CELL:.1f}" y="{y}" textLength="{cells * CELL:.1f}" '
                                f'lengthAdjust="spacingAndGlyphs"{style.attributes()}>{escape(run)}</text>')
                column += cells
        widest = max(widest, column)
    picture_width, picture_height = 2 * MARGIN + widest * CELL, 2 * MARGIN + LINE * len(lines)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{picture_width:.0f}" height="{picture_height}" '
          f'viewBox="0 0 {picture_width:.0f} {picture_height}" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, '
          f'\'DejaVu Sans Mono\', monospace" font-size="{SIZE}" fill="{TEXT}">')
    print(f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>')
    print("\n".join(body))
    print("</svg>")


main()
