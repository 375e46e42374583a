"""The sizes of a model's inputs that follow the batch, or change otherwise, as its recorded calls show."""

from collections.abc import Sequence

from app.commands.optimize.recording import ModelCall, UnsupportedModel


def dynamic_dimensions(calls: Sequence[ModelCall]) -> dict[str, dict[int, str]]:
    """Names for the sizes that change: "batch" where they are the number of requests, else "size_1" and so on.

    Sizes that are always the same have one name. Raises UnsupportedModel where the number of dimensions changes.
    """
    first = calls[0]
    names: dict[tuple[int, ...], str] = {tuple(call.rows for call in calls): "batch"}
    found: dict[str, dict[int, str]] = {}
    for name, array in first.inputs.items():
        shapes = [call.inputs[name].shape for call in calls]
        if any(len(shape) != array.ndim for shape in shapes):
            raise UnsupportedModel(f"its input {name} has a changing number of dimensions")
        for place in range(array.ndim):
            series = tuple(shape[place] for shape in shapes)
            if len(set(series)) > 1:
                found.setdefault(name, {})[place] = names.setdefault(series, f"size_{len(names)}")
    return found


def fixed_lengths(calls: Sequence[ModelCall], dynamic: dict[str, dict[int, str]]) -> list[str]:
    """Inputs of integers whose length never changed: the built model takes no other."""
    return [
        f"{name} has always the length {array.shape[1]}; requests of other lengths will fail"
        for name, array in calls[0].inputs.items()
        if array.ndim == 2 and array.dtype.kind == "i" and 1 not in dynamic.get(name, {})
    ]


def example_call(calls: Sequence[ModelCall]) -> ModelCall:
    """The call to export with: of several rows, because a size of 1 would become a constant."""
    return max((call for call in calls if not call.is_neighbour), key=lambda call: call.rows)
