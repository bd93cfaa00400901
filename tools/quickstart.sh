#!/usr/bin/env bash
# From nothing to a plan that runs: installs what is needed, builds, compiles a real model against a budget, runs it on
# given input, checks the result, and says what happened. Usage: tools/quickstart.sh [BUDGET]     (default 16M)
set -euo pipefail
cd "$(dirname "$0")/.."
budget=${1:-16M}
data=tests/data/models/real/ppocr_v2_cls     # reads whether a line of text is upside down; PaddleOCR, Apache-2.0
out=build/quickstart

tools/setup.sh
mkdir -p "$out"
echo "quickstart: building (a few minutes the first time)"
cmake --preset dev > "$out/build.log" 2>&1 \
  && cmake --build --preset dev --target plimsoll >> "$out/build.log" 2>&1 || { tail -40 "$out/build.log"; exit 1; }
plimsoll=build/dev/bin/plimsoll

show() { printf '\n$ plimsoll %s\n' "$*"; "$plimsoll" "$@"; }
show compile "$data/model.onnx" -o "$out/model.plim" --shapes=x:1x3x48x192 --budget="$budget"
show run "$out/model.plim" --inputs="$data/test_data_set_0" --expect="$data/test_data_set_0"
show bench "$out/model.plim" --inputs="$data/test_data_set_0"
show inspect "$out/model.plim" --html="$out/model.html" > /dev/null
printf '\nThe plan, as a page: %s\n' "$PWD/$out/model.html"
printf 'Below the smallest budget it is refused:\n'
"$plimsoll" compile "$data/model.onnx" -o "$out/refused.plim" --shapes=x:1x3x48x192 --budget=64K || [ $? = 3 ]
