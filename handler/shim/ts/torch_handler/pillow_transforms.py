"""Image transforms with torchvision's names and numbers, for Pillow images where torchvision is not installed."""

import numpy as np
import torch
from PIL import Image

_DTYPES = {"I": np.int32, "I;16": np.int16, "F": np.float32}


class Compose:
    """Transforms one after the other."""

    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, image):
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self):
        return f"Compose({', '.join(map(repr, self.transforms))})"


class Resize:
    """Scale an image so that its shorter side has `size` pixels."""

    def __init__(self, size):
        self.size = size

    def __call__(self, image):
        short, long = sorted(image.size)
        longer = int(self.size * long / short)
        size = (self.size, longer) if image.width <= image.height else (longer, self.size)
        # Pillow's bilinear filter widens when it shrinks an image: what torchvision calls antialias.
        return image if size == image.size else image.resize(size, Image.Resampling.BILINEAR)

    def __repr__(self):
        return f"Resize({self.size})"


class CenterCrop:
    """Cut a square of `size` pixels out of the middle."""

    def __init__(self, size):
        self.size = size

    def __call__(self, image):
        left, top = (round((side - self.size) / 2) for side in image.size)
        return image.crop((left, top, left + self.size, top + self.size))

    def __repr__(self):
        return f"CenterCrop({self.size})"


class ToTensor:
    """An image as a tensor (bands, height, width): 8-bit images as floats from 0 to 1, others as their numbers."""

    def __call__(self, image):
        pixels = np.array(image, _DTYPES.get(image.mode, np.uint8))
        if image.mode == "1":
            pixels = pixels * np.uint8(255)
        bands = torch.from_numpy(pixels.reshape(image.height, image.width, -1)).permute(2, 0, 1).contiguous()
        return bands.to(torch.get_default_dtype()).div(255) if bands.dtype == torch.uint8 else bands

    def __repr__(self):
        return "ToTensor()"


class Normalize:
    """Subtract each band's mean and divide by its deviation.

    RuntimeError for an image with another number of bands, TypeError for one of whole numbers.
    """

    def __init__(self, mean, std):
        self.mean = mean
        self.std = std

    def __call__(self, bands):
        if not bands.is_floating_point():
            raise TypeError(f"Input tensor should be a float tensor. Got {bands.dtype}.")
        mean, std = (torch.as_tensor(values, dtype=bands.dtype).view(-1, 1, 1) for values in (self.mean, self.std))
        return bands.clone().sub_(mean).div_(std)

    def __repr__(self):
        return f"Normalize(mean={self.mean}, std={self.std})"
