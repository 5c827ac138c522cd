"""The whole update of LinBreg, AdaBreg and ProxSGD in one pass over memory: ``fused=True``.

The plain path writes each intermediate result to memory and reads it again. Here a group is moved, its norm taken and its
prox applied while it is in the cache or in registers: LinBreg reads g and v and writes v and θ, 16 bytes a parameter in
float32. All parameters of a group take one launch.

room          | what is in it
--------------|--------------------------------------------------------------------------------------------------
`updates`     | what the optimizers call: the tensors and numbers of an update, and what is refused
`parts`       | what a launch gets
`cpu`         | the kernel for the CPU, compiled by numba at the first step; threads: those of torch.get_num_threads()
`cuda`        | the launch on GPUs; `cuda_kernels`: compiled by triton, which comes with torch's builds for them

what             | allowed
-----------------|-----------------------------------------------------------------------------------
device           | CPU, CUDA
parameters       | float32, float64, bfloat16 (rounded to nearest even), on CUDA float16, too; contiguous
regularizer      | `Zero`, `L1`, `GroupL2` with the layouts entries, rows, filters, kernels, heads:n, whole; on CUDA
                 | groups of up to 65,536 entries

Anything else is a `ValueError`, never another path in silence. The twin is the plain path of `linbreg`, `adabreg` and
`proxsgd`, which gives the same numbers up to rounding.
"""
