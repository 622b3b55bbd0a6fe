"""The runner: Playwright Test executes a workspace's suite, our reporter tells what it does while it runs."""

from agent_runtime_server.adapters.playwright.runner import PlaywrightRunner

__all__ = ["PlaywrightRunner"]
