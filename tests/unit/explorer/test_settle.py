"""Which addresses are the app's own."""

import pytest

from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.language import UrlIs
from agent_runtime_server.adapters.explorer.onlooker import Onlooker
from agent_runtime_server.adapters.explorer.settle import origin_of


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://app.test/notes", "https://app.test"),
        ("https://App.test:443/notes", "https://app.test"),
        ("http://app.test:80", "http://app.test"),
        ("http://app.test:443/", "http://app.test:443"),
        ("http://ann:secret@app.test:8080/", "http://app.test:8080"),
        ("http://[::1]:80/", "http://[::1]"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(url: str, origin: str) -> None:
    assert origin_of(url) == origin


async def test_an_address_with_its_usual_port_is_that_of_the_page() -> None:
    async with open_browser() as browser:
        page = await (await browser.new_context()).new_page()
        await page.route("**", lambda route: route.fulfill(body="<h1>Notes</h1>", content_type="text/html"))
        await page.goto("https://app.test:443/notes/7")
        onlooker = Onlooker(page, "https://app.test:443/", {})
        assert await onlooker.failure(UrlIs("/notes/*"), 1000) is None
        failure = await onlooker.failure(UrlIs("/people/*"), 100)
    assert failure is not None
    assert failure.endswith("seen /notes/7")
