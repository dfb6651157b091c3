// assay validate --estimator: an estimator beside measurements that it was not fitted to.
#pragma once

#include "arguments.hpp"

namespace assay::cli {

int validate_estimator(const Arguments& arguments);

}  // namespace assay::cli
