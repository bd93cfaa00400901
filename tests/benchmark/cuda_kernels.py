#!/usr/bin/env python3
"""The CUDA kernels of every model of a folder of models: what ptxas makes of them, as the table of docs/cuda.md.

Usage: cuda_kernels.py [PLIMSOLL] [MODELS] [--cuda=sm_80] [--json=FILE]
PLIMSOLL: the command (default build/dev/bin/plimsoll); MODELS: default ../shared/models. Needs no GPU; registers and spills need
ptxas (tools/setup.sh --cuda). Open dimensions of graphs are 1 where they come first, 64 elsewhere.
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys


def closed(type_text):
    """"i64[batch,past,128]" as 1x64x128."""
    dims = re.search(r"\[(.*)\]", type_text).group(1)
    dims = [d for d in dims.split(",") if d]
    return "x".join(d if d.isdigit() else "1" if i == 0 else "64" for i, d in enumerate(dims))


def kernels(plimsoll, model, arch):
    command = [plimsoll, "kernels", str(model), f"--cuda={arch}", "--json"]
    data = model.parent / "test_data_set_0"
    if data.is_dir():
        command.append(f"--inputs={data}")
    else:
        check = json.loads(subprocess.run([plimsoll, "check", str(model), "--json"], capture_output=True, text=True).stdout)
        shapes = [f"{i['name']}:{closed(i['type'])}" for i in check["inputs"] if i["name"] in check["open_inputs"]]
        if shapes:
            command.append("--shapes=" + ",".join(shapes))
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{model}: exit {run.returncode}: {run.stderr[-2000:]}")
    return json.loads(run.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("plimsoll", nargs="?", default="build/dev/bin/plimsoll")
    parser.add_argument("models", nargs="?", default="../shared/models")
    parser.add_argument("--cuda", default="sm_80")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    root = pathlib.Path(arguments.models)
    models = sorted(root.glob("graphs/*.onnx")) + sorted(root.glob("real/*/model.onnx")) + sorted(root.glob("tiny/*/model.onnx"))
    names = ["map", "transpose", "row", "column", "serial", "library"]
    print("| model | operations | kernels |", " | ".join(names), "| most registers | spills | PTX KiB |")
    print("|---|" + "---:|" * (len(names) + 5))
    everything, total = {}, collections.Counter()
    for model in models:
        name = model.stem if model.parent.name == "graphs" else f"{model.parent.parent.name}/{model.parent.name}"
        found = kernels(arguments.plimsoll, model, arguments.cuda)
        rows = found["kernels"]
        everything[name] = found
        # What the device library has for library operations, most of which are fallbacks: counted as one.
        skeletons = collections.Counter(s if s in names else "library" for row in rows for s in row["skeletons"])
        registers = max((row.get("registers", 0) for row in rows), default=0)
        spills = sum(row.get("spill_bytes", 0) > 0 for row in rows)
        uses = sum(row["uses"] for row in rows)
        print(f"| {name} | {uses} | {len(rows)} |", " | ".join(str(skeletons[n]) for n in names),
              f"| {registers} | {spills} | {found['ptx_bytes'] / 1024:.0f} |", flush=True)
        total.update(skeletons)
        total.update(kernels=len(rows), uses=uses, spills=spills)
        total["registers"] = max(total["registers"], registers)
        total["ptx"] += found["ptx_bytes"]
    print(f"| all | {total['uses']} | {total['kernels']} |", " | ".join(str(total[n]) for n in names),
          f"| {total['registers']} | {total['spills']} | {total['ptx'] / 1024:.0f} |")
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(everything, indent=1))


if __name__ == "__main__":
    main()
