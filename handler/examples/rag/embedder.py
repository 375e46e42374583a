"""Vectors of texts, of length 1: those of similar texts are close to each other."""

import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np


class HashingEmbedder:
    """Counts words and their parts of four letters, in as many buckets; nothing to load, nothing learned."""

    def __init__(self, buckets: int = 4096) -> None:
        self.buckets = buckets

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors [texts, buckets]."""
        vectors = np.zeros((len(texts), self.buckets), np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                for part in {word, *(word[at : at + 4] for at in range(len(word) - 3))}:
                    vector[zlib.crc32(part.encode()) % self.buckets] += len(part)
        return normalised(vectors)


class PretrainedEmbedder:
    """A model of transformers in a local folder, the mean of whose last hidden states is a text's vector."""

    def __init__(self, path: str | Path, device: str) -> None:
        from transformers import AutoModel, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        self.tokenizer.pad_token = self.tokenizer.pad_token or self.tokenizer.eos_token
        self.model = AutoModel.from_pretrained(path, local_files_only=True).eval().to(device)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors [texts, width]."""
        import torch

        inputs = self.tokenizer(list(texts), padding=True, truncation=True, max_length=512, return_tensors="pt")
        names = ("input_ids", "attention_mask")
        ids, mask = (inputs[name].to(self.model.device) for name in names)
        with torch.inference_mode():
            hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        means = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return normalised(means.cpu().numpy())


def normalised(vectors: np.ndarray) -> np.ndarray:
    """The same directions with length 1; a zero vector stays."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
