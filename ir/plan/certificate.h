// The certificate that goes into a plan: what the plan takes of the device, and how far from the least that is.
#pragma once

#include "ir/plan/plan.pb.h"

namespace plimsoll::plan {

// Whether the buffer, whose references are sound, is in one of a session's arenas on the device: what the peak of run and its
// timeline count.
bool InSession(const Plan& plan, const Buffer& buffer);

// From a plan whose references are sound, everything but `session_proven_optimal`, which the solver knows:
//   resident_weight_bytes      lengths of the weights that run's buffers map (each once) + the PARAMETERS arenas
//   session_arena_bytes        the SESSION arenas
//   session_lower_bound_bytes  the most SESSION bytes alive at one command of run; bytes shared in place count once
//   run_peak_bytes             resident weights + SESSION arenas
//   load_peak_bytes            resident weights + LOAD arenas + the most bytes of other weights mapped by load at one
//                              command: a weight counts during the interval [first, last) of its buffers, and the
//                              runtime gives its pages back after that
//   peak_bytes                 the larger of the two
//   peak_command               the first command of run with the most bytes alive; at_peak its point of the timeline
//   binding_tensor             name of the largest SESSION buffer alive there; empty if there is none
//   timeline                   one point a command of run: bytes by class, ascending, classes of 0 bytes left out;
//                              WEIGHTS includes all resident weights
// A program without commands is taken as one moment at which everything is alive, with an empty timeline.
// O((buffers + commands) * classes).
Certificate ComputeCertificate(const Plan& plan);

}  // namespace plimsoll::plan
