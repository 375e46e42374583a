"""How images are made ready for models that were trained on ImageNet."""

try:
    from torchvision import transforms
except ImportError:
    from ts.torch_handler import pillow_transforms as transforms

__all__ = ["imagenet", "transforms"]


def imagenet():
    """The middle 224 x 224 pixels where the shorter side has 256, normalized by ImageNet's mean and deviation."""
    return transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        ]
    )
