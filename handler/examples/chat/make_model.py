"""Makes a tiny model of the transformers library in a folder: Llama's architecture, random weights, a byte tokenizer.

`python make_model.py FOLDER`; a model from the hub, saved by `save_pretrained`, takes its place.
"""

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def make_model(folder: str | Path, seed: int = 0) -> None:
    """Write config, weights and tokenizer, as `from_pretrained` reads them."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {**{each: number for number, each in enumerate(alphabet)}, "<end>": len(alphabet)}
    tokenizer = Tokenizer(models.BPE(words, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>")  # noqa: S106 - no password
    fast.chat_template = TEMPLATE
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, eos_token_id=len(alphabet), bos_token_id=None,
    )  # fmt: skip
    config.initializer_range = 0.2  # answers that vary
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)


if __name__ == "__main__":
    make_model(sys.argv[1])
