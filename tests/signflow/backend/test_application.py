"""The routes of the backend."""

from pathlib import Path

import httpx2
import pytest

from signflow.backend.application import create_app


@pytest.mark.anyio
async def test_the_library_for_a_webcam_is_served_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "holistic.js").write_text("it")
    for folder, library in ((None, None), (tmp_path, "holistic")):
        transport = httpx2.ASGITransport(app=create_app(folder))
        async with httpx2.AsyncClient(transport=transport, base_url="http://backend") as client:
            assert (await client.get("/camera")).json() == {"library": library}
            assert (await client.get("/holistic/holistic.js")).status_code == (200 if folder else 404)
