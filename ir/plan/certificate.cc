#include "ir/plan/certificate.h"

namespace plimsoll::plan {

Certificate ComputeCertificate(const Plan& plan) { return Certificate(); }

}  // namespace plimsoll::plan
