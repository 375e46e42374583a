"""The example of pictures from words: a workflow over two archives, which are made here."""

import io
from pathlib import Path

import pytest

pytest.importorskip("torch")

from PIL import Image

from handler.examples.pictures import build
from tests.support.serving import serving
from tests.support.workflows import ask, register


def colour_of(answer: bytes) -> tuple[int, ...]:
    """The pixel in the middle of a PNG."""
    image = Image.open(io.BytesIO(answer))
    assert image.format == "PNG"
    return tuple(image.getpixel((image.width // 2, image.height // 2)))  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_words_become_a_prompt_and_the_prompt_a_picture(store: Path) -> None:
    build.main([str(store), "--no-compile", "--steps", "60"])
    async with serving(store) as client:
        registered = await register(client, "pictures.war")
        assert registered.status_code == 200, registered.text
        red, green = colour_of((await ask(client, "pictures", "a red circle")).content)[:2]
        assert red > 200 > 60 > green
        blue = (await ask(client, "pictures", "a blue square")).content
        assert colour_of(blue)[2] > 200 > 60 > colour_of(blue)[0]
        assert (await ask(client, "pictures", "a blue square")).content == blue
        await client.register("prompter.mar", synchronous=True)
        prompt = (await client.http.post("/predictions/prompter", content="a red circle")).text
        assert prompt.startswith("a red circle, ")
