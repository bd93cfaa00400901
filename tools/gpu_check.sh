#!/usr/bin/env bash
# Everything that only a GPU can show, on a machine that has one and nothing else of this project.
#   tools/gpu_check.sh bundle [BUNDLE.tar.xz]       here: packs the built runtime, plans, data and this check (below 50 MiB)
#   tools/gpu_check.sh run BUNDLE.tar.xz [OUT.json] there: the device conformance suite, every model against its stored
#       outputs, plans at many budgets, planned against measured memory, timing (against torch where it is); in 8 minutes
# The machine that runs it needs an NVIDIA driver and python3; cuBLASLt and cuDNN are found where pip or the system has them.
# OUT.json: default docs/measurements/GPU.json, named for the GPU.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
case ${1:-} in
  bundle) exec python3 "$root/tools/gpu_check/bundle.py" "$root" "${2:-$root/build/gpu_check.tar.xz}" ;;
  run)
    [ -n "${2:-}" ] || { echo "gpu_check: which bundle?" >&2; exit 2; }
    folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
    python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2], filter="data")' "$2" "$folder"
    python3 "$folder/check.py" "$folder" "${3:-$root/docs/measurements}" ;;
  *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
