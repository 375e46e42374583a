"""A TorchScript model without control flow as a module in Python, so that torch.export and inductor can trace it.

Traced models are such. torch.jit.freeze makes one graph of all submodules; here each of its nodes is a call.
"""

# mypy: allow-subclassing-any
import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch

_NUMBERS: Mapping[str, Callable[..., Any]] = {
    "add": lambda one, other, alpha=1: one + other * alpha,
    "sub": lambda one, other, alpha=1: one - other * alpha,
    "mul": operator.mul,
    "div": lambda one, other, rounding_mode=None: one // other if rounding_mode else one / other,
    "floor_divide": operator.floordiv,
    "floordiv": operator.floordiv,
    "remainder": operator.mod,
    "neg": operator.neg,
}
"""Operators of sizes, which a trace computes as tensors."""
_IDENTITIES = {
    "prim::NumToTensor", "aten::Int", "aten::IntImplicit", "aten::Float", "aten::FloatImplicit", "aten::ScalarImplicit",
    "aten::Bool",
}  # fmt: skip


class UnsupportedGraph(Exception):
    """The graph has nodes that are no plain calls; the text names the kind."""


class TorchScriptGraph(torch.nn.Module):
    """Computes what the script computes; raises UnsupportedGraph where that has branches or loops."""

    def __init__(self, script: Any) -> None:
        super().__init__()
        self._graph = torch.jit.freeze(script.eval()).graph
        self._inputs = [each.debugName() for each in self._graph.inputs()][1:]
        self.parameter_names = [each.name for each in script.forward.schema.arguments[1:]]
        self._constants: dict[str, Any] = {}
        self._steps: list[tuple[Callable[..., Any], list[str], list[str]]] = []
        for node in self._graph.nodes():
            self._add(node)
        self._outputs = [each.debugName() for each in self._graph.outputs()]

    def forward(self, *args: Any) -> Any:
        """Run the nodes one after the other."""
        values = dict(self._constants)
        values.update((name, getattr(self, name)) for name in self._buffers)
        values.update(zip(self._inputs, args, strict=True))
        for call, sources, targets in self._steps:
            found = call(*[values[self._key(source)] for source in sources])
            if len(targets) == 1:
                values[targets[0]] = found
            else:
                values.update(zip(targets, found, strict=True))
        outputs = [values[self._key(name)] for name in self._outputs]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _key(self, name: str) -> str:
        return _buffer(name) if _buffer(name) in self._buffers else name

    def _add(self, node: Any) -> None:
        names = [each.debugName() for each in node.outputs()]
        if node.kind() == "prim::Constant":
            value = node.output().toIValue()
            if isinstance(value, torch.Tensor):
                self.register_buffer(_buffer(names[0]), value)
            else:
                self._constants[names[0]] = value
            return
        self._steps.append((_call(node), [each.debugName() for each in node.inputs()], names))


def _buffer(name: str) -> str:
    return f"constant_{name.replace('.', '_')}"


def _call(node: Any) -> Callable[..., Any]:
    """The function of one node. Raises UnsupportedGraph."""
    kind = node.kind()
    if list(node.blocks()):
        raise UnsupportedGraph(f"it has control flow ({kind})")
    if kind == "prim::ListConstruct":
        return lambda *values: list(values)
    if kind == "prim::TupleConstruct":
        return lambda *values: tuple(values)
    if kind in ("prim::ListUnpack", "prim::TupleUnpack"):
        return (lambda values: values[0]) if node.outputsSize() == 1 else lambda values: values
    if kind == "prim::DictConstruct":
        return lambda *values: dict(zip(values[::2], values[1::2], strict=True))
    if kind in _IDENTITIES:
        return lambda value: value
    if kind == "aten::size" and node.inputsSize() == 2:
        return lambda value, place: value.shape[place]
    if kind == "aten::_convolution":
        return _convolve
    if kind.startswith("aten::") and node.schema() != "(no schema)":
        return _operator(kind.removeprefix("aten::"), torch._C.parse_schema(node.schema()))  # noqa: SLF001
    raise UnsupportedGraph(f"it has nodes of the kind {kind}")


def _convolve(*values: Any) -> Any:
    """A convolution without the flags of libraries that follow its nine arguments."""
    return torch.ops.aten.convolution(*values[:9])


def _operator(name: str, schema: Any) -> Callable[..., Any]:
    packet = getattr(torch.ops.aten, name)
    overload = getattr(packet, schema.overload_name or "default")
    keywords = [each.name if each.kwarg_only else "" for each in schema.arguments]

    def call(*values: Any) -> Any:
        if name in _NUMBERS and not any(isinstance(value, torch.Tensor) for value in values):
            return _NUMBERS[name](*values)
        positional = [value for value, keyword in zip(values, keywords, strict=True) if not keyword]
        named = {keyword: value for value, keyword in zip(values, keywords, strict=True) if keyword}
        if any(isinstance(value, torch.Tensor) for value in positional):
            kinds = zip(positional, schema.arguments, strict=False)
            if any(str(each.type) == "Tensor" and not isinstance(value, torch.Tensor) for value, each in kinds):
                return packet(*positional, **named)  # a size takes the place of a tensor
        return overload(*positional, **named)

    return call
