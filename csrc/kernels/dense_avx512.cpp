// Built with -mavx512f; called only where the processor has it.
#include "kernels/dense_lanes.h"

#if defined(__x86_64__)
namespace recstream::kernels {

const DenseTable kDenseAvx512 = table_of<Dense<8, 8, 3>>();

}  // namespace recstream::kernels
#endif
