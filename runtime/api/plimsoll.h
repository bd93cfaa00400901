/* The C interface of libplimsoll_runtime.so. Functions return 0 when done, else an absl status code; the calling
   thread's plimsoll_error() then says what went wrong. Any number of sessions run one program in parallel, each on
   one thread at a time. Element types are the numbers of DataType in ir/plan/types.proto. */
#ifndef PLIMSOLL_RUNTIME_API_PLIMSOLL_H_
#define PLIMSOLL_RUNTIME_API_PLIMSOLL_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct plimsoll_program plimsoll_program;
typedef struct plimsoll_session plimsoll_session;

/* A tensor of the signature, or a result. `dims` and `name` belong to the session. */
typedef struct plimsoll_tensor {
  const char* name;
  int dtype;
  int rank;
  const int64_t* dims;
  void* data; /* of results: until the next run */
  int64_t bytes;
} plimsoll_tensor;

/* The last error of the calling thread; never null. */
const char* plimsoll_error(void);

/* weights_directory: where external weights are, or null: beside the plan. */
int plimsoll_load(const char* path, const char* weights_directory, plimsoll_program** program);
void plimsoll_release_program(plimsoll_program* program);

/* The session keeps the program alive. */
int plimsoll_create_session(const plimsoll_program* program, plimsoll_session** session);
void plimsoll_release_session(plimsoll_session* session);

int plimsoll_input_count(const plimsoll_session* session);
int plimsoll_output_count(const plimsoll_session* session);
/* Name, type and sizes (upper bounds where open) of an input; data is null. */
int plimsoll_input(const plimsoll_session* session, int index, plimsoll_tensor* tensor);

/* The caller's memory is read, or written, by every run from now on. dims: the actual sizes where the plan leaves them
   open; may be null with rank 0 where it does not. */
int plimsoll_bind_input(plimsoll_session* session, int index, const void* data, int64_t bytes, const int64_t* dims,
                        int rank);
int plimsoll_bind_output(plimsoll_session* session, int index, void* data, int64_t bytes);
int plimsoll_run(plimsoll_session* session);

/* On a GPU: memory of the device that the plan is on, used in place where it is aligned as the plan says (256 bytes
   always do). On the CPU the same as above. */
int plimsoll_bind_device_input(plimsoll_session* session, int index, const void* data, int64_t bytes, const int64_t* dims,
                               int rank);
int plimsoll_bind_device_output(plimsoll_session* session, int index, void* data, int64_t bytes);
/* Puts a run into `stream`, a CUstream or null for the session's own, and returns. What is bound must be the device's
   memory or pinned, and is the run's until plimsoll_wait returns, whose error is the run's. On the CPU, where `stream` must
   be null, the run is done when the first returns. */
int plimsoll_run_async(plimsoll_session* session, void* stream);
int plimsoll_wait(plimsoll_session* session);
/* From any thread: the run in progress ends with an error, code 1 (cancelled); the session may run again. */
void plimsoll_cancel(plimsoll_session* session);
/* The result of the last run. */
int plimsoll_output(const plimsoll_session* session, int index, plimsoll_tensor* tensor);

#ifdef __cplusplus
}
#endif

#endif /* PLIMSOLL_RUNTIME_API_PLIMSOLL_H_ */
