#!/usr/bin/env python3
"""Writes what commands print into the documents that quote it, so that no figure there is made by hand.

A block is marked by a comment before it: <!-- output of: COMMAND -->. COMMAND runs in the repository's root; its lines on
stdout and stderr become the block's. Usage: tools/update_readme.py [FILE...]   (default: README.md; build the dev preset first)
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(<!-- output of: (.+?) -->\n```\n)(.*?)(```\n)", re.S)


def output_of(match):
    command = match.group(2)
    done = subprocess.run(command, shell=True, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    shown = command.replace("build/dev/bin/", "")
    return f"{match.group(1)}$ {shown}\n{done.stdout.rstrip()}\n{match.group(4)}"


for name in sys.argv[1:] or ["README.md"]:
    path = ROOT / name
    path.write_text(BLOCK.sub(output_of, path.read_text()))
