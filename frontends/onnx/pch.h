// Headers of MLIR and ONNX that every file here needs: precompiled, since they cost seconds a file.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ir/graph/build.h"
#include "ir/graph/graph.h"
#include "onnx/defs/schema.h"
#include "onnx/onnx_pb.h"
