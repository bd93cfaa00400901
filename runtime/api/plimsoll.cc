#include "runtime/api/plimsoll.h"

#include <memory>
#include <string>
#include <utility>

#include "ir/plan/types.h"
#include "runtime/session.h"

struct plimsoll_program {
  std::shared_ptr<const plimsoll::runtime::Program> program;
};

struct plimsoll_session {
  std::unique_ptr<plimsoll::runtime::Session> session;
};

namespace {

thread_local std::string last_error;

int Report(const absl::Status& status) {
  if (!status.ok()) last_error = std::string(status.message());
  return static_cast<int>(status.code());
}

absl::Status OutOfRange() { return absl::InvalidArgumentError("no input or output of that index"); }

}  // namespace

extern "C" {

const char* plimsoll_error(void) { return last_error.c_str(); }

int plimsoll_load(const char* path, const char* weights_directory, plimsoll_program** program) {
  plimsoll::runtime::LoadOptions options;
  if (weights_directory != nullptr) options.weights_directory = weights_directory;
  auto loaded = plimsoll::runtime::Program::Load(std::string(path), options);
  if (!loaded.ok()) return Report(loaded.status());
  *program = new plimsoll_program{*std::move(loaded)};
  return 0;
}

void plimsoll_release_program(plimsoll_program* program) { delete program; }

int plimsoll_create_session(const plimsoll_program* program, plimsoll_session** session) {
  auto created = plimsoll::runtime::Session::Create(program->program);
  if (!created.ok()) return Report(created.status());
  *session = new plimsoll_session{*std::move(created)};
  return 0;
}

void plimsoll_release_session(plimsoll_session* session) { delete session; }

int plimsoll_input_count(const plimsoll_session* session) { return session->session->signature().inputs_size(); }
int plimsoll_output_count(const plimsoll_session* session) { return session->session->signature().outputs_size(); }

int plimsoll_input(const plimsoll_session* session, int index, plimsoll_tensor* tensor) {
  const plimsoll::plan::Signature& signature = session->session->signature();
  if (index < 0 || index >= signature.inputs_size()) return Report(OutOfRange());
  const plimsoll::plan::Binding& binding = signature.inputs(index);
  auto bytes = plimsoll::plan::ByteSize(binding.type());
  if (!bytes.ok()) return Report(bytes.status());
  *tensor = {binding.name().c_str(),
             binding.type().dtype(),
             binding.type().dims_size(),
             binding.type().dims().data(),
             nullptr,
             *bytes};
  return 0;
}

int plimsoll_bind_input(plimsoll_session* session, int index, const void* data, int64_t bytes, const int64_t* dims,
                        int rank) {
  return Report(session->session->BindInput(
      index, data, bytes, absl::MakeConstSpan(dims, dims == nullptr ? 0 : static_cast<size_t>(rank))));
}

int plimsoll_bind_output(plimsoll_session* session, int index, void* data, int64_t bytes) {
  return Report(session->session->BindOutput(index, data, bytes));
}

int plimsoll_run(plimsoll_session* session) { return Report(session->session->Run()); }

int plimsoll_bind_device_input(plimsoll_session* session, int index, const void* data, int64_t bytes,
                               const int64_t* dims, int rank) {
  return Report(session->session->BindDeviceInput(
      index, data, bytes, absl::MakeConstSpan(dims, dims == nullptr ? 0 : static_cast<size_t>(rank))));
}

int plimsoll_bind_device_output(plimsoll_session* session, int index, void* data, int64_t bytes) {
  return Report(session->session->BindDeviceOutput(index, data, bytes));
}

int plimsoll_run_async(plimsoll_session* session, void* stream) { return Report(session->session->RunAsync(stream)); }

int plimsoll_wait(plimsoll_session* session) { return Report(session->session->Wait()); }

void plimsoll_cancel(plimsoll_session* session) { session->session->Cancel(); }

int plimsoll_output(const plimsoll_session* session, int index, plimsoll_tensor* tensor) {
  auto view = session->session->output(index);
  if (!view.ok()) return Report(view.status());
  *tensor = {session->session->signature().outputs(index).name().c_str(),
             view->dtype,
             static_cast<int>(view->dims.size()),
             view->dims.data(),
             view->data,
             view->bytes};
  return 0;
}

}  // extern "C"
