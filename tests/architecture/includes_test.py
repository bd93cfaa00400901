#!/usr/bin/env python3
"""Holds the tree to the arrows of include of docs/architecture.md: fails on an arrow that is not in the table."""
import pathlib
import re
import sys

# room -> rooms that it may include. A longer prefix wins. A room may always include itself.
ARROWS = {
    "ir/weights": [],
    "ir/plan": ["ir/weights"],
    "ir/graph": ["ir/weights"],
    "frontends": ["ir/graph", "ir/weights", "ir/plan/types", "ir/plan/onnx_elements"],
    "passes/page": [],
    "passes/cost": ["ir/graph"],
    "passes/memory": ["ir/graph", "passes/cost", "passes/page"],
    "passes/schedule": ["ir/graph", "passes/cost", "passes/page"],
    "passes/checkpoint": ["ir/graph", "passes/cost", "passes/page", "passes/schedule"],
    "passes": ["ir/graph", "ir/weights", "passes/cost", "passes/memory", "passes/schedule", "passes/checkpoint"],
    "runtime": ["ir/plan", "ir/weights"],
    "compiler/report": ["ir/plan"],
    "compiler": ["passes", "frontends", "ir", "runtime"],
    "tools": ["compiler", "passes", "frontends", "ir", "runtime"],
    "tests": ["tools", "compiler", "passes", "frontends", "ir", "runtime"],
}
# Rooms where a family of outside headers must not appear.
FOREIGN = {
    "mlir/": ["runtime", "ir/plan", "ir/weights", "compiler/report", "tools/plimsoll"],
    "llvm/": ["runtime", "ir/plan", "ir/weights", "compiler/report", "tools/plimsoll"],
    "onnx/": ["runtime", "ir", "passes", "compiler", "tools"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]')


def room_of(path):
    return max((room for room in ARROWS if path == room or path.startswith(room + "/")), key=len, default=None)


def main(root):
    root = pathlib.Path(root)
    problems, seen = [], 0
    for source in sorted(root.rglob("*")):
        relative = source.relative_to(root).as_posix()
        if source.suffix not in (".h", ".cc", ".td") or relative.startswith(("build/", "third_party/")):
            continue
        room = room_of(relative)
        if room is None:
            problems.append(f"{relative}: in no room of the table")
            continue
        seen += 1
        is_test = relative.endswith("_test.cc") or "/test_" in relative
        for number, line in enumerate(source.read_text(errors="replace").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            header = match.group(1)
            target = room_of(header)
            if target and target != room and not is_test:
                allowed = any(header.startswith(prefix) for prefix in ARROWS[room]) or target.startswith(room + "/")
                if not allowed:
                    problems.append(f"{relative}:{number}: {room} may not include {header}")
            for family, rooms in FOREIGN.items():
                if header.startswith(family) and not is_test and any(relative.startswith(r + "/") for r in rooms):
                    problems.append(f"{relative}:{number}: {header} must not be seen in this room")
    print("\n".join(problems))
    print(f"{seen} files, {len(problems)} arrows against the table")
    return 1 if problems or seen == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
