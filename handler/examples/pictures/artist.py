"""Pictures of prompts, as PNG: behind it is any pipeline that is loaded and called as those of diffusers are."""

import importlib
import io
from pathlib import Path

import torch


class Artist:
    """`handler` of model-config.yaml has `pipeline` (diffusers.DiffusionPipeline), `path`, `steps`, and `seed`."""

    def initialize(self, context):
        """Load the pipeline to the worker's device."""
        properties, config = context.system_properties, context.model_yaml_config["handler"]
        self.steps, self.seed = config.get("steps", 25), config.get("seed")
        gpu = properties.get("gpu_id")
        self.device = "cpu" if gpu is None else f"cuda:{gpu}"
        module, _, name = config["pipeline"].rpartition(".")
        kind = getattr(importlib.import_module(module), name)
        self.pipeline = kind.from_pretrained(Path(properties["model_dir"], config["path"])).to(self.device)

    def handle(self, data, context):
        """A picture for each prompt of the batch; with a `seed`, the same one each time and in any batch."""
        prompts = [text_of(row.get("body") or row.get("data") or "") for row in data]
        if not prompts:
            return []
        generators = [self.generator() for _ in prompts]
        images = self.pipeline(prompts, num_inference_steps=self.steps, generator=generators).images
        for index in range(len(prompts)):
            context.set_response_content_type(index, "image/png")
        return [png(image) for image in images]

    def generator(self):
        """The source of one picture's noise."""
        generator = torch.Generator(self.device)
        if self.seed is None:
            generator.seed()
        else:
            generator.manual_seed(self.seed)
        return generator


def text_of(body):
    """A prompt that is text or bytes."""
    return body.decode() if isinstance(body, (bytes, bytearray)) else str(body)


def png(image):
    """The bytes of a picture."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
