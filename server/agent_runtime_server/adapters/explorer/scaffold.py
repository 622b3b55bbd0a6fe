"""The files around the tests of a workspace: configuration, fixtures, helpers, seed and sign-in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args
from urllib.parse import urlsplit

from agent_runtime_server.adapters.explorer import helpers_ts
from agent_runtime_server.adapters.explorer import templates_ts as ts
from agent_runtime_server.adapters.explorer.flow import Flow, Model, SignInRecipe, Step
from agent_runtime_server.adapters.explorer.test_file import print_statements
from agent_runtime_server.adapters.explorer.typescript import string

SignedIn = Literal["none", "some", "all"]
"""Which tests start signed in: none, those that ask for it with ``storageState: signedInState``, or all that do not ask
for something else."""
SIGNED_IN: tuple[SignedIn, ...] = get_args(SignedIn)


def support_files(model: Model, app_url: str, flows: Iterable[Flow]) -> dict[str, str]:
    """Content by path in the workspace, of all files that the tests of these flows need."""
    stored = model.sign_in is not None and any(flow.session == "stored" for flow in flows)
    signed_in: SignedIn = "some" if stored else "none"
    return suite_files(
        app_url, model.sign_in, signed_in, one_at_a_time=model.one_at_a_time, http_basic=model.http_basic
    )


def suite_files(
    app_url: str,
    sign_in: SignInRecipe | None,
    signed_in: SignedIn,
    *,
    one_at_a_time: bool = False,
    http_basic: bool = False,
) -> dict[str, str]:
    """Content by path in the workspace, of what stands around the tests of an app. ``one_at_a_time``: no two tests ever
    run beside each other. ``http_basic``: the app lets no browser in without a user name and a password."""
    parts = urlsplit(app_url)
    start = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    files = {
        ".gitignore": ts.GITIGNORE,
        "eslint.config.mjs": ts.ESLINT_CONFIG,
        "package.json": ts.PACKAGE,
        "playwright.config.ts": configuration(app_url, signed_in, one_at_a_time=one_at_a_time, http_basic=http_basic),
        "tsconfig.json": ts.TSCONFIG,
        "tests/fixtures.ts": _fixtures(sign_in),
        "tests/seed.spec.ts": ts.SEED.replace("$START", string(start)),
        "tests/support.ts": helpers_ts.SUPPORT,
    }
    if sign_in is not None:
        files["tests/sign-in.ts"] = _sign_in(sign_in)
    if signed_in != "none":
        limited = sign_in is not None and sign_in.limited
        files["tests/auth.setup.ts"] = helpers_ts.PATIENT_AUTH_SETUP if limited else helpers_ts.AUTH_SETUP
    return files


def configuration(app_url: str, signed_in: SignedIn, *, one_at_a_time: bool = False, http_basic: bool = False) -> str:
    """The content of ``playwright.config.ts``; see ``suite_files``."""
    some, config = signed_in != "none", ts.CONFIG
    for word, text in (
        ("$GATE", ts.GATE if http_basic else ""),
        ("$APP_URL", string(app_url)),
        ("$STATE", ts.STATE if some else ""),
        ("$SEED_STATE", ts.SEED_STATE if some else ""),
        ("$SETUP", ts.SETUP_PROJECT if some else ""),
        ("$ONE_AT_A_TIME", ts.ONE_AT_A_TIME if one_at_a_time else ""),
        ("$USE", ts.USE_SIGNED_IN if signed_in == "all" else ts.USE),
        ("$NEEDS_SETUP", ts.NEEDS_SETUP if some else ""),
    ):
        config = config.replace(word, text)
    return config


def _fixtures(sign_in: SignInRecipe | None) -> str:
    return helpers_ts.FIXTURES if sign_in is None else helpers_ts.FIXTURES_WITH_SIGN_IN


def _sign_in(recipe: SignInRecipe) -> str:
    step = Step("Sign in", recipe.actions, (recipe.success,))
    template, indent = (helpers_ts.PATIENT_SIGN_IN, "\n    ") if recipe.limited else (helpers_ts.SIGN_IN, "\n  ")
    return template.replace("$STATEMENTS", print_statements(step).replace("\n", indent))
