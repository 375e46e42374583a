"""Streams what a Hugging Face model generates for a whole batch; needs the package transformers."""

from transformers.generation.streamers import BaseStreamer, TextIteratorStreamer


class TextIteratorStreamerBatch(BaseStreamer):
    """A TextIteratorStreamer for each text of a batch: give it to `generate`, and iterate over it in another thread.

    Each step is a list with {"text": piece} for every text, "" for those that have ended; it stops when all have.
    """

    def __init__(self, tokenizer, batch_size, skip_prompt=False, timeout=None, **decode_kwargs):
        self.batch_size = batch_size
        self.streamers = [
            TextIteratorStreamer(tokenizer, skip_prompt, timeout, **decode_kwargs) for _ in range(batch_size)
        ]

    def put(self, value):
        """Take the next tokens: a row, or a number, for each text; ValueError for another batch size."""
        if len(value) != self.batch_size:
            raise ValueError(
                f"TextIteratorStreamerBatch batch size is set to {self.batch_size} "
                f"but got input tensor of shape {value.shape}"
            )
        for streamer, tokens in zip(self.streamers, value.split(1), strict=True):
            streamer.put(tokens)

    def end(self):
        """Say that no more tokens will come."""
        for streamer in self.streamers:
            streamer.end()

    def __iter__(self):
        return self

    def __next__(self):
        pieces = [next(streamer, None) for streamer in self.streamers]
        if all(piece is None for piece in pieces):
            raise StopIteration
        return [{"text": piece or ""} for piece in pieces]
