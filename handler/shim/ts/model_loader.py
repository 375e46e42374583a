"""From an unpacked archive, whose folder is on `sys.path`, to a service with an initialized handler."""

import abc
import importlib
import json
import os
import uuid

from ts.service import Service
from ts.utils.util import list_classes_from_module


class ModelLoader(abc.ABC):
    """Loads models from unpacked archives."""

    @abc.abstractmethod
    def load(
        self,
        model_name,
        model_dir,
        handler=None,
        gpu_id=None,
        batch_size=None,
        envelope=None,
        limit_max_image_pixels=True,
    ):
        """The model's service."""


class ModelLoaderFactory:
    """Knows the one loader."""

    @staticmethod
    def get_model_loader():
        """A loader of TorchServe's archives."""
        return TsModelLoader()


class TsModelLoader(ModelLoader):
    """Loads archives in TorchServe's format."""

    def load(
        self,
        model_name,
        model_dir,
        handler=None,
        gpu_id=None,
        batch_size=None,
        envelope=None,
        limit_max_image_pixels=True,
        metrics_cache=None,
    ):
        """A Service whose handler ("handler.py:function", a module, or a built-in one's name) is initialized.

        Raises what the handler's code raises, and ValueError for a module without an entry point.
        """
        if metrics_cache is not None:
            metrics_cache.set_request_ids(str(uuid.uuid4()))  # a load has no request, and its metrics need an id
        try:
            module, function = self._load_handler_file(handler)
        except ImportError:
            module, function = self._load_default_handler(handler), None
        if hasattr(module, function or "handle"):
            entry_point, initialize = self._get_function_entry_point(module, function or "handle")
        else:
            entry_point, initialize = self._get_class_entry_point(module)
        if envelope is not None:
            entry_point = self._load_default_envelope(envelope)(entry_point).handle
        manifest = _manifest(model_dir)
        arguments = entry_point, gpu_id, batch_size, limit_max_image_pixels, metrics_cache
        service = Service(model_name, model_dir, manifest, *arguments)
        initialize(service.context)
        return service

    def _load_handler_file(self, handler):
        """The module, and the name after a colon or None."""
        path, _, function = handler.partition(":")
        return importlib.import_module(path.removesuffix(".py").split("/")[-1]), function or None

    def _load_default_handler(self, handler):
        return importlib.import_module(f".{handler}", "ts.torch_handler")

    def _load_default_envelope(self, envelope):
        return list_classes_from_module(importlib.import_module(f".{envelope}", "ts.torch_handler.request_envelope"))[0]

    def _get_function_entry_point(self, module, function_name):
        entry_point = getattr(module, function_name)
        return entry_point, lambda context: entry_point(None, context)

    def _get_class_entry_point(self, module):
        classes = list_classes_from_module(module)
        if len(classes) != 1:
            raise ValueError(f"Expected only one class in custom service code or a function entry point {classes}")
        handler = classes[0]()
        if not hasattr(handler, "handle"):
            raise ValueError(f"Expect handle method in class {classes[0]}")
        return handler.handle, handler.initialize


def _manifest(model_dir):
    path = os.path.join(model_dir, "MAR-INF", "MANIFEST.json")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)
