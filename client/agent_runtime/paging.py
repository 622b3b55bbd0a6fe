"""Paging: all pages of a list, one call after another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar


class Page(Protocol):
    """Any answer of a list call."""

    @property
    def next_page_token(self) -> str:
        """Token of the next page; "" on the last one."""
        ...


PageT = TypeVar("PageT", bound=Page)


async def pages(fetch: Callable[[str], Awaitable[PageT]]) -> AsyncIterator[PageT]:
    """Yield every page; ``fetch`` is called with each page token, "" first.

    ``async for page in pages(lambda token: client.list_artifacts(task_id, page_token=token)): ...``
    """
    token = ""
    while True:
        page = await fetch(token)
        yield page
        token = page.next_page_token
        if not token:
            return
