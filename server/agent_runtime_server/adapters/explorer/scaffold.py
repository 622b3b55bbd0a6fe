"""The files around the tests of a workspace: configuration, fixtures, helpers, seed and sign-in."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from agent_runtime_server.adapters.explorer import templates_ts as ts
from agent_runtime_server.adapters.explorer.flow import Flow, Model, SignInRecipe, Step
from agent_runtime_server.adapters.explorer.test_file import print_statements
from agent_runtime_server.adapters.explorer.typescript import string


def support_files(model: Model, app_url: str, flows: Iterable[Flow]) -> dict[str, str]:
    """Content by path in the workspace, of all files that the tests of these flows need."""
    stored = model.sign_in is not None and any(flow.session == "stored" for flow in flows)
    parts = urlsplit(app_url)
    start = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    files = {
        ".gitignore": ts.GITIGNORE,
        "eslint.config.mjs": ts.ESLINT_CONFIG,
        "package.json": ts.PACKAGE,
        "playwright.config.ts": _config(app_url, stored),
        "tsconfig.json": ts.TSCONFIG,
        "tests/fixtures.ts": _fixtures(model.sign_in),
        "tests/seed.spec.ts": ts.SEED.replace("$START", string(start)),
        "tests/support.ts": ts.SUPPORT,
    }
    if model.sign_in is not None:
        files["tests/sign-in.ts"] = _sign_in(model.sign_in)
    if stored:
        files["tests/auth.setup.ts"] = ts.AUTH_SETUP
    return files


def _config(app_url: str, stored: bool) -> str:
    config = ts.CONFIG.replace("$APP_URL", string(app_url))
    config = config.replace("$SETUP", ts.SETUP_PROJECT if stored else "")
    return config.replace("$NEEDS_SETUP", ts.NEEDS_SETUP if stored else "")


def _fixtures(sign_in: SignInRecipe | None) -> str:
    return ts.FIXTURES if sign_in is None else ts.FIXTURES_WITH_SIGN_IN


def _sign_in(recipe: SignInRecipe) -> str:
    step = Step("Sign in", recipe.actions, (recipe.success,))
    statements = print_statements(step).replace("\n", "\n  ")
    return ts.SIGN_IN.replace("$STATEMENTS", statements)
