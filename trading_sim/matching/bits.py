"""Machine instructions that Numba has no name for: counting zero bits and reading the cycle counter."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def leading_zeros(typing_context, value):
    """Number of zero bits above the highest set bit of a non-zero uint64."""

    def generate(context, builder, signature, arguments):
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def trailing_zeros(typing_context, value):
    """Number of zero bits below the lowest set bit of a non-zero uint64."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def cycles(typing_context):
    """The processor's cycle counter; its rate is not a nanosecond and has to be measured."""

    def generate(context, builder, signature, arguments):
        name = "llvm.readcyclecounter"
        function = builder.module.globals.get(name)
        if function is None:
            function = ir.Function(builder.module, ir.FunctionType(ir.IntType(64), []), name)
        return builder.call(function, [])

    return types.int64(), generate
