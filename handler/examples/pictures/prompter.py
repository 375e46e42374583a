"""Makes a prompt for a picture of a few words, with a language model that continues them."""

from loading import load_model
from scheduler import Scheduler

MAX_TOKENS = 48


class Prompter:
    """Many requests share the steps of one model (asyncCommunication: true)."""

    def initialize(self, context):
        """Load the model that `handler` of model-config.yaml has."""
        self.model = load_model(context)
        self.scheduler = Scheduler(self.model)

    async def handle(self, data, context):
        """The words of the only row, and what the model adds."""
        body = data[0].get("body") or data[0].get("data") or ""
        words = (body.decode() if isinstance(body, (bytes, bytearray)) else str(body)).strip()
        made = self.scheduler.generate(self.model.encode(words), MAX_TOKENS)
        return [words + self.model.decode([token async for token in made])]
