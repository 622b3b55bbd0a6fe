"""The proxy before an app: what passes unchanged, what is noted, and faults on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from agent_runtime_server.loopback import served
from tests.quality.changes import PageChange, Script, WireChange, fits
from tests.quality.proxy import Exchange, Proxy, before, mutable

PAGE = (
    "<!DOCTYPE html><html><head><title>App</title><script src='/app.js' defer></script></head>"
    "<body><h1>Items {count}</h1></body></html>"
)


@asynccontextmanager
async def app(
    credentials: Mapping[str, str] | None = None,
) -> AsyncIterator[tuple[Proxy, httpx.AsyncClient, list[str]]]:
    """An app with a page, a form and a script behind a proxy; also the items that have come through."""
    items: list[str] = []

    async def page(request: Request) -> Response:
        answer = HTMLResponse(PAGE.format(count=len(items)), headers={"content-security-policy": "script-src 'none'"})
        answer.set_cookie("one", "1")
        answer.set_cookie("two", "2")
        return answer

    async def add(request: Request) -> Response:
        assert request.headers["origin"] == str(request.base_url).rstrip("/"), "the app is asked as itself"
        items.append((await request.body()).decode())
        return RedirectResponse(f"{request.base_url}items", 303)

    async def script(request: Request) -> Response:
        return Response("let a;", media_type="text/javascript")

    routes = [Route("/items", page), Route("/items", add, methods=["POST"]), Route("/app.js", script)]
    async with (
        served(Starlette(routes=routes)) as url,
        before(url, credentials) as proxy,
        httpx.AsyncClient(base_url=proxy.base_url, headers={"origin": proxy.base_url}) as client,
    ):
        yield proxy, client, items


async def test_everything_passes_unchanged_and_is_noted() -> None:
    async with app() as (proxy, client, items):
        page = await client.get("/items")
        assert page.text == PAGE.format(count=0)
        assert sorted(client.cookies) == ["one", "two"]
        added = await client.post("/items", content="milk")
        assert (added.status_code, added.headers["location"]) == (303, f"{proxy.base_url}/items")
        assert items == ["milk"]
        assert (await client.get("/nowhere")).status_code == 404
        assert proxy.exchanges == [
            Exchange("GET", "/items", 200, "text/html"),
            Exchange("POST", "/items", 303, ""),
            Exchange("GET", "/nowhere", 404, "text/plain"),
        ]


async def test_cookies_are_the_browsers_alone() -> None:
    async def page(request: Request) -> Response:
        answer = HTMLResponse(request.cookies.get("visitor", "a stranger"))
        answer.set_cookie("visitor", "known")
        return answer

    async with served(Starlette(routes=[Route("/", page)])) as url, before(url) as proxy:
        for _ in range(2):
            async with httpx.AsyncClient(base_url=proxy.base_url) as visitor:
                assert [(await visitor.get("/")).text for _ in range(2)] == ["a stranger", "known"]


async def test_a_swallowed_form_answers_with_the_page_it_stood_on() -> None:
    async with app() as (proxy, client, items):
        proxy.changes = (WireChange("swallowed", "POST", "/items"),)
        answer = await client.post("/items", content="milk", headers={"referer": f"{proxy.base_url}/items"})
        assert (answer.status_code, answer.text) == (200, PAGE.format(count=0))
        assert items == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (WireChange("server_error", "GET", "/items"), 500),
        (WireChange("sent_home", "GET", "/items"), 303),
        (WireChange("script_blocked", "GET", "/items"), 404),
        (WireChange("delayed", "GET", "*"), 200),
        (WireChange("server_error", "POST", "/items"), 200),
        (WireChange("server_error", "GET", "/other"), 200),
    ],
    ids=lambda value: value.id if isinstance(value, WireChange) else str(value),
)
async def test_only_what_is_meant_is_changed(change: WireChange, status: int) -> None:
    async with app() as (proxy, client, _):
        proxy.changes = (change,)
        assert (await client.get("/items")).status_code == status


async def test_a_script_stands_before_all_others_and_may_run() -> None:
    async with app() as (proxy, client, _):
        proxy.changes = (PageChange("heading_changed", text="</script>"),)
        page = await client.get("/items")
        assert page.text.startswith("<!DOCTYPE html><html><head><script>")
        assert page.text.count("</script>") == 1 + PAGE.count("</script>")
        assert "content-security-policy" not in page.headers
        assert (await client.get("/app.js")).text == "let a;"


async def test_scripts_have_another_version() -> None:
    async with app() as (proxy, client, _items):
        proxy.changes = (PageChange("scripts_versioned"), WireChange("delayed", "GET", "*"))
        page = (await client.get("/items")).text
        assert page == PAGE.format(count=0).replace("/app.js", "/app.js?version=2")


async def test_the_faults_that_traffic_can_meet() -> None:
    async with app() as (proxy, client, _):
        for path in ("/items", "/app.js", "/nowhere"):
            await client.get(path)
        await client.post("/items", content="milk")
    assert [change.id for change in mutable(proxy.exchanges)] == [
        "script_blocked GET /app.js",
        "sent_home GET /items",
        "sent_home POST /items",
        "server_error GET /items",
        "server_error POST /items",
        "swallowed POST /items",
    ]


async def test_whatever_is_sent_to_sign_in_the_right_data_come_through() -> None:
    async with app({"user": "ada", "password": "right"}) as (proxy, client, items):
        proxy.changes = (WireChange("accepts_anything", "POST", "/items"),)
        await client.post("/items", data={"user": "eve", "password": "wrong", "next": "/"})
        assert items == ["user=ada&password=right&next=%2F"]
        assert proxy.exchanges[0].fields == {"user", "password", "next"}


async def test_what_is_looked_for_does_not_come_through() -> None:
    async def page(request: Request) -> Response:
        return HTMLResponse(f"looked for: {request.url.query}")

    async with served(Starlette(routes=[Route("/search", page)])) as url, before(url) as proxy:
        async with httpx.AsyncClient(base_url=proxy.base_url) as client:
            assert (await client.get("/search?q=lamp")).text == "looked for: q=lamp"
            proxy.changes = (WireChange("query_dropped", "GET", "/*"),)
            assert (await client.get("/search?q=lamp")).text == "looked for: "
        assert [each.fields for each in proxy.exchanges] == [{"q"}, {"q"}]


async def test_several_changes_at_once_and_scripts_only_in_their_pages() -> None:
    async with app() as (proxy, client, _):
        proxy.changes = (
            Script("everywhere", "let one;"),
            Script("elsewhere", "let two;", path="/other"),
            PageChange("styles_off"),
            WireChange("script_blocked", "GET", "/app.js"),
        )
        page = (await client.get("/items")).text
        assert ("let one;" in page, "let two;" in page, page.count("<script>")) == (True, False, 2)
        assert (await client.get("/app.js")).status_code == 404


@pytest.mark.parametrize(
    ("pattern", "path", "meant"),
    [
        ("*", "/a/b", True),
        ("", "/a", True),
        ("/a/*", "/a/b", True),
        ("/a/*", "/a/b/c", False),
        ("/a/*_*/", "/a/b_7/", True),
        ("/a.b", "/axb", False),
    ],
)
def test_paths_that_a_pattern_means(pattern: str, path: str, meant: bool) -> None:
    assert fits(pattern, path) is meant
