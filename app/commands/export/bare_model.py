"""A model's file without an archive: TorchScript, a whole pickled module, or weights beside the file of their class."""

import importlib.util
import inspect
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class InvalidModelFile(Exception):
    """No model can be loaded from the file; the text is the reason and the cure."""


def load_module(file: Path, model_file: Path | None = None) -> Any:
    """The torch module of the file, on the CPU, ready to predict. Pickles run code. Raises InvalidModelFile."""
    if not file.is_file():
        raise InvalidModelFile(f"{file}: there is no such file")
    with _importable(file.parent, model_file):
        module = _from_weights(file, model_file) if model_file else _whole(file)
    return module.eval()


def _whole(file: Path) -> Any:
    import torch

    if is_torchscript(file):
        return torch.jit.load(str(file), map_location="cpu")
    if file.suffix == ".pt2":
        return torch.export.load(str(file)).module(check_guards=False)
    loaded = _unpickled(file)
    if isinstance(loaded, torch.nn.Module):
        return loaded
    raise InvalidModelFile(
        f"{file} holds {_described(loaded)} and no model; name the file of the model's class with --model-file"
    )


def _from_weights(file: Path, model_file: Path) -> Any:
    import torch

    classes = _model_classes(model_file)
    if len(classes) != 1:
        found = ", ".join(each.__name__ for each in classes) or "none"
        raise InvalidModelFile(f"{model_file} has to define one class of a torch module; it defines: {found}")
    loaded = _unpickled(file)
    if isinstance(loaded, torch.nn.Module):
        return loaded
    try:
        with torch.device("meta"):
            module = classes[0]()
        module.load_state_dict(loaded, assign=True)
        if any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers())):
            module = classes[0]()  # buffers that are no part of the weights
            module.load_state_dict(loaded)
    except Exception as error:
        raise InvalidModelFile(f"{file} does not fit {classes[0].__name__} of {model_file}: {error}") from error
    return module


def is_torchscript(file: Path) -> bool:
    """Whether torch.jit.save wrote the file: it holds code beside its data."""
    try:
        with zipfile.ZipFile(file) as archive:
            return any("/code/" in name for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _unpickled(file: Path) -> Any:
    if file.suffix == ".safetensors":
        try:
            from safetensors.torch import load_file
        except ImportError:
            raise InvalidModelFile(f"{file} needs the package safetensors: pip install 'marserve[optimize]'") from None
        return load_file(file)
    import torch

    try:
        return torch.load(file, map_location="cpu", weights_only=False)
    except ModuleNotFoundError as error:
        raise InvalidModelFile(
            f"{file} was pickled by code that is not here ({error}); put the file of the module {error.name} beside it"
        ) from error
    except Exception as error:
        raise InvalidModelFile(f"{file} is no file of a model that this torch can read: {error}") from error


def _model_classes(model_file: Path) -> list[type]:
    import torch

    spec = importlib.util.spec_from_file_location(model_file.stem, model_file)
    if spec is None or spec.loader is None or not model_file.is_file():
        raise InvalidModelFile(f"{model_file}: there is no such Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[model_file.stem] = module
    spec.loader.exec_module(module)
    classes = [each for _, each in inspect.getmembers(module, inspect.isclass) if each.__module__ == module.__name__]
    modules = [each for each in classes if issubclass(each, torch.nn.Module)]
    bases = {base for each in modules for base in each.__mro__[1:]}
    return modules if len(modules) == 1 else [each for each in modules if each not in bases and _takes_nothing(each)]


def _takes_nothing(kind: type) -> bool:
    parameters = list(inspect.signature(kind).parameters.values())
    return all(
        each.default is not each.empty or each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in parameters
    )


@contextmanager
def _importable(*places: Path | None) -> Iterator[None]:
    """Have modules beside the files be found."""
    folders = [str((place if place.is_dir() else place.parent).resolve()) for place in places if place is not None]
    sys.path[:0] = folders
    try:
        yield
    finally:
        for folder in folders:
            sys.path.remove(folder)


def _described(loaded: object) -> str:
    if isinstance(loaded, dict):
        return "weights alone" if all(hasattr(value, "shape") for value in loaded.values()) else "a checkpoint"
    return f"a {type(loaded).__name__}"
