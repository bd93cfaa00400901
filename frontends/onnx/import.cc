#include "frontends/onnx/import.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "frontends/onnx/error.h"
#include "frontends/onnx/importer.h"
#include "frontends/onnx/signature.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace plimsoll::onnx_frontend {
namespace {

// The room's boundary: nothing throws beyond it.
template <typename Function>
absl::Status Guarded(const Function& function) {
  try {
    function();
    return absl::OkStatus();
  } catch (const ImportError& error) {
    return error.status();
  } catch (const std::bad_alloc&) {
    return absl::DataLossError("the model asks for more memory than there is");
  } catch (const std::exception& error) {
    return absl::DataLossError(error.what());
  }
}

absl::Status Within(const std::string& path, const absl::Status& status) { return Prefixed(path, status); }

}  // namespace

absl::StatusOr<Imported> Import(const std::string& path, mlir::MLIRContext& context, const ImportOptions& options) {
  context.loadDialect<graph::GraphDialect, mlir::func::FuncDialect>();
  Imported result;
  absl::StatusOr<Model> model = absl::UnknownError("");
  if (absl::Status status = Guarded([&] { model = LoadModel(path); }); !status.ok()) return Within(path, status);
  if (!model.ok()) return model.status();
  std::vector<std::string> open;
  absl::Status status = Guarded([&] {
    result.summary = SummaryOf(*model);
    result.summary.open_inputs.clear();
    result.inputs = ResolveInputs(*model, options, open);
    for (const Imported::Port& input : result.inputs) {
      for (int64_t dim : input.dims) {
        if (dim < 0) {
          result.summary.open_inputs.push_back(input.name);
          break;
        }
      }
    }
  });
  if (!status.ok()) return Within(path, status);
  if (!open.empty()) {
    if (!options.allow_open_dims) return Within(path, absl::InvalidArgumentError(OpenMessage(open)));
    if (!result.summary.unsupported.empty()) return Within(path, absl::UnimplementedError(UnsupportedMessage(result.summary.unsupported)));
    return result;
  }
  result.summary.unsupported.clear();  // the walk finds these, and more
  status = Guarded([&] { Importer(*model, context, options).Run(result); });
  if (status.ok()) return result;
  // With shapes that the caller chose, a contradiction is most likely theirs.
  if (status.code() == absl::StatusCode::kDataLoss && !options.shapes.empty()) {
    status = absl::InvalidArgumentError(absl::StrCat("with the shapes given: ", status.message()));
  }
  return Within(path, status);
}

std::vector<std::string> NeededValues(const absl::Status& status) {
  const auto payload = status.GetPayload(kNeededValues);
  if (!payload.has_value()) return {};
  return absl::StrSplit(std::string(*payload), '\n');
}

absl::StatusOr<Summary> Summarize(const std::string& path) {
  absl::StatusOr<Model> model = absl::UnknownError("");
  if (absl::Status status = Guarded([&] { model = LoadModel(path); }); !status.ok()) return Within(path, status);
  if (!model.ok()) return model.status();
  Summary summary;
  if (absl::Status status = Guarded([&] { summary = SummaryOf(*model); }); !status.ok()) return Within(path, status);
  return summary;
}

}  // namespace plimsoll::onnx_frontend
