"""A causal language model of the transformers library, from a local folder, in the slots of the scheduler."""

import inspect
from pathlib import Path
from typing import Any

from slots import SlotCache, SlotModel, visible
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, Cache

DEFAULT_LENGTH = 2048


class PretrainedCache(Cache):
    """Our slots where the layers of transformers look for a cache."""

    def __init__(self, cache: SlotCache) -> None:
        super().__init__(layers=[])
        self._cache = cache
        self._at: tuple[Any, ...] = ()

    def aim(self, slots: Tensor, positions: Tensor, used: int) -> "PretrainedCache":
        """The same cache, for these rows."""
        self._at = (slots, positions, used)
        return self

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Called by each layer."""
        return self._cache.update(layer_idx, key_states, value_states, *self._at)


class Pretrained(SlotModel):
    """The model and the tokenizer in the folder `path`; models with full attention over at least `length` tokens.

    `length` is 2048 or what the model can, `dtype` that of the weights, unless they are given ("bfloat16"). Raises
    ValueError for other kinds of models.
    """

    def __init__(
        self, path: str | Path, slots: int = 32, length: int | None = None, dtype: str = "auto",
        backend: str | None = None, device: str = "cpu",
    ) -> None:  # fmt: skip
        self.tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        self.model = AutoModelForCausalLM.from_pretrained(path, local_files_only=True, dtype=dtype).eval().to(device)
        self.end = self.tokenizer.eos_token_id
        config = self.model.config.get_text_config()
        longest = getattr(config, "max_position_embeddings", DEFAULT_LENGTH)
        length = length or min(longest, DEFAULT_LENGTH)
        check_attention(config, length)
        super().__init__(slots, length, backend, device)
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        like = next(self.model.parameters())
        self.cache = PretrainedCache(SlotCache(config.num_hidden_layers, slots, heads, length, width, like))
        names = inspect.signature(self.model.base_model.forward).parameters
        self._cache_name = "cache" if "cache" in names else "past_key_values"  # as transformers 4 called it

    def encode(self, text: str) -> list[int]:
        """The tokens of a text."""
        return self.tokenizer(text)["input_ids"]

    def decode(self, tokens: list[int]) -> str:
        """The text of tokens."""
        return self.tokenizer.decode(tokens, skip_special_tokens=True)

    def encode_chat(self, messages: list[dict[str, str]]) -> list[int]:
        """The tokens of a chat by the model's own template; a plain one where it has none."""
        if self.tokenizer.chat_template:
            text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
            return self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return self.encode("".join(f"{each['role']}: {each['content']}\n" for each in messages) + "assistant: ")

    def hidden(self, ids: Tensor, slots: Tensor, positions: Tensor, used: int) -> Tensor:
        """The last hidden states."""
        return self.model.base_model(**self._inputs(ids, slots, positions, used)).last_hidden_state

    def next_logits(self, ids: Tensor, slots: Tensor, positions: Tensor, used: int) -> Tensor:
        """The logits of the next token."""
        return self.model(**self._inputs(ids, slots, positions, used), logits_to_keep=1).logits[:, -1]

    def _inputs(self, ids: Tensor, slots: Tensor, positions: Tensor, used: int) -> dict[str, Any]:
        cache = {self._cache_name: self.cache.aim(slots, positions, used)}
        mask = visible(positions, used)
        return {"input_ids": ids, "position_ids": positions, "attention_mask": mask, "use_cache": True, **cache}


def check_attention(config: Any, length: int) -> None:
    """Raise ValueError where a token does not attend to all `length` before it, or positions do not reach so far."""
    kinds = set(getattr(config, "layer_types", None) or ())
    if (getattr(config, "sliding_window", None) or length) >= length:
        kinds.discard("sliding_attention")
    if kinds - {"full_attention"}:
        raise ValueError(f"{config.model_type} has layers with {', '.join(sorted(kinds))}; this needs full attention")
    longest = getattr(config, "max_position_embeddings", length)
    if length > longest:
        raise ValueError(f"length {length} is more than the {longest} positions of the model")
