"""Preprocessing of images for models that were trained on ImageNet."""

__all__ = ["Processing", "imagenet", "plain"]


class Processing:
    """A handler's attribute: what `make` makes of the transforms of the torchvision that its archive sees.

    Several archives share this module; one of them may bring a torchvision of its own.
    """

    def __init__(self, make):
        self._make = make

    def __set_name__(self, owner, name):
        self._name = name

    def __get__(self, handler, owner):
        made = self._make(_transforms())
        return made if handler is None else vars(handler).setdefault(self._name, made)


def imagenet(transforms):
    """The middle 224 x 224 pixels where the shorter side has 256, normalized by ImageNet's mean and deviation."""
    return transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        ]
    )


def plain(transforms):
    """All pixels, as numbers from 0 to 1."""
    return transforms.Compose([transforms.ToTensor()])


def __getattr__(name):
    """`transforms`, of the asking archive's torchvision; the modules of handlers have it too."""
    if name == "transforms":
        return _transforms()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _transforms():
    try:
        from torchvision import transforms
    except ImportError:
        from ts.torch_handler import pillow_transforms as transforms
    return transforms
