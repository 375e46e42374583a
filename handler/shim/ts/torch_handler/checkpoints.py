"""Weights of eager models: read without copying them where the file and the model allow that."""

import zipfile

import torch


def load_checkpoint(path, device):
    """The content of a file of torch.save or safetensors; on the CPU, files of today's format are mapped."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(path, device=str(device))
    is_mapped = torch.device(device).type == "cpu" and zipfile.is_zipfile(path)
    return torch.load(path, map_location=device, **({"mmap": True} if is_mapped else {}))


def fits_as_it_is(model, checkpoint):
    """Whether the checkpoint's tensors may become the model's own, as their kinds are those of the model."""
    own = model.state_dict(keep_vars=True)
    return all(
        isinstance(value, torch.Tensor)
        and name in own
        and (value.dtype, value.device, value.layout) == (own[name].dtype, own[name].device, own[name].layout)
        and value.requires_grad <= own[name].requires_grad
        for name, value in checkpoint.items()
    )
