#!/usr/bin/env bash
# Sets up, builds and passes the tests. Usage: tools/test.sh [PRESET...]   (default: dev and asan)
#   dev    optimized, with assertions: everything
#   asan   AddressSanitizer and UBSan: what parses or runs untrusted bytes
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh --cuda
[ $# -gt 0 ] || set -- dev asan
for preset in "$@"; do
  echo "== $preset: configure and build"
  cmake --preset "$preset" > "build-$preset.log" 2>&1 || { cat "build-$preset.log"; exit 1; }
  rm -f "build-$preset.log"
  cmake --build --preset "$preset" -- --quiet
  echo "== $preset: test"
  ctest --preset "$preset" -j"$(nproc)"
done
