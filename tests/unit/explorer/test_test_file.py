from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from agent_runtime_server.adapters.explorer import generate_job, plan_text, test_file, typescript
from agent_runtime_server.adapters.explorer.flow import Expectation, Flow, Model, Step
from agent_runtime_server.adapters.explorer.language import (
    Click,
    CountOf,
    Equals,
    Fill,
    Goto,
    HasOutline,
    HasText,
    IsVisible,
    Locator,
    NumberIn,
    Recall,
    Reload,
    Remember,
    RememberText,
    SumOf,
)
from agent_runtime_server.adapters.explorer.protocol import Done, Job, Line
from agent_runtime_server.adapters.toolchain import Toolchain
from tests.unit.explorer.samples import CART, MODEL, PAGES, RECIPE, REFUSED
from tests.unit.explorer.site import serve

ROOT = Path(__file__).parents[3]
TOOLCHAIN = Toolchain(Path(os.environ.get("AGENT_RUNTIME_TOOLCHAIN_DIR", ROOT / ".toolchain")))

GOLDEN = Path(__file__).with_name("golden")


def test_a_flow_with_every_word_of_the_language() -> None:
    assert test_file.print_test(CART) == (GOLDEN / "add-to-cart.spec.ts").read_text()


def test_what_the_app_may_refuse_for_now_is_tried_again_with_what_comes_before_it_and_nothing_else() -> None:
    [step] = REFUSED.steps
    limited = replace(REFUSED, steps=(replace(step, limited=True), replace(step, title="Go on")))
    lines = test_file.print_test(limited).splitlines()
    steps = [number for number, line in enumerate(lines) if "test.step(" in line]
    begin = lines.index("    await expect(async () => {")
    end = lines.index("    }).toPass({ intervals: [20_000], timeout: 90_000 });")
    assert begin < steps[0] < end < steps[1]


def test_what_is_tried_again_goes_on_to_where_nothing_is_needed_of_what_it_remembers() -> None:
    price = Locator(by="role", value="paragraph", name="Price")
    steps = (
        Step("Look", (Remember("price", NumberIn(price)),), limited=True),
        Step("Wait", (Reload(),)),
        Step("Compare", (), (Expectation(Equals(NumberIn(price), Recall("price")), "as before"),)),
        Step("Leave", (Goto("/"),)),
    )
    lines = test_file.print_test(Flow("look", "Prices", "Stay as they are", steps)).splitlines()
    closed = lines.index("    }).toPass({ intervals: [20_000], timeout: 90_000 });")
    assert ["Compare" in line for line in lines[:closed]].count(True) == 1
    assert "    await test.step('Leave', async () => {" in lines[closed:]


def test_a_flow_in_a_stored_session() -> None:
    assert test_file.print_test(REFUSED) == (GOLDEN / "mail-refused.spec.ts").read_text()


def test_what_is_too_long_is_broken_within_the_brackets_of_what_is_expected() -> None:
    said = "The name of a thing is needed, and nobody has written one into the field that is there for it so far."
    body = Locator(by="css", value="body")
    flow = Flow("a", "A", "A", (Step("Look", (Goto("/"),), (Expectation(HasText(body, said, False), ""),)),))
    lines = test_file.print_test(flow).splitlines()
    begin = lines.index("      await expect(page.locator('body')).toContainText(")
    assert lines[begin + 1 : begin + 3] == [f"        '{said}',", "      );"]


def test_how_many_there_are_is_the_same_to_the_last_one() -> None:
    counter, rows = Locator(by="role", value="strong"), Locator(by="role", value="listitem")
    checks = (Equals(NumberIn(counter), CountOf(rows)), Equals(NumberIn(counter), SumOf(rows)))
    flow = Flow("a", "A", "A", (Step("Look", (Goto("/"),), tuple(Expectation(each, "") for each in checks)),))
    printed = test_file.print_test(flow)
    assert "expect(await amount(page.getByRole('strong'))).toBe(await page.getByRole('listitem').count());" in printed
    assert "expect(await amount(page.getByRole('strong'))).toBeCloseTo(sum(" in printed


def test_a_form_that_fields_are_looked_for_in_has_a_name() -> None:
    form = Locator(by="css", value="form", has=Locator(by="role", value="button", name="Log in"))
    fields = [Locator(by="label", value=name, within=form) for name in ("Name", "Password")]
    flow = Flow("log-in", "Sign-in", "Logs in", (Step("Fill in", tuple(Fill(each, "x") for each in fields)),))
    lines = [line.strip() for line in test_file.print_test(flow).splitlines()]
    button = "page.getByRole('button', { name: 'Log in', exact: true })"
    assert f"const logInForm = page.locator('form').filter({{ has: {button} }});" in lines
    assert "await logInForm.getByLabel('Name', { exact: true }).fill('x');" in lines
    assert "await logInForm.getByLabel('Password', { exact: true }).fill('x');" in lines


def test_a_word_of_the_language_is_a_part_of_a_name_like_any_other() -> None:
    button = Locator(by="role", value="button", name="Continue", within=Locator(by="role", value="main"))
    flow = Flow("go-on", "Pages", "Goes on", (Step("Go on", (Click(button), Click(button))),))
    assert "const continueButton = page.getByRole('main')" in test_file.print_test(flow)


def test_what_a_constant_begins_with_is_declared_before_it() -> None:
    row = Locator(by="role", value="row", has_text="Blue shirt, very large and very blue")
    button = Locator(by="role", value="button", name="Remove from the basket", within=row)
    seen = [Expectation(IsVisible(each), "") for each in (button, row)]
    steps = (Step("Look", (Goto("/"),), tuple(seen)), Step("Remove", (Click(button), Click(row))))
    lines = [line.strip() for line in test_file.print_test(Flow("a", "A", "A", steps)).splitlines()]
    declared = [line.split()[1] for line in lines if line.startswith("const ")]
    assert declared == ["blueShirtVeryLargeRow", "removeFromTheBasketButton"]
    assert any(line.startswith("const removeFromTheBasketButton = blueShirtVeryLargeRow") for line in lines)


SAID = Locator(by="role", value="heading", name="Ducks")
TIDYING = Flow(
    "change",
    "Texts",
    "Change",
    (
        Step("Look", (Goto("/"), RememberText("before", SAID))),
        Step(
            "Change it",
            (Goto("/changed"),),
            (Expectation(IsVisible(Locator(by="text", value="Geese")), "they are shown"),),
        ),
        Step("Put it back", (Goto("/back?to=${before}"),), tidies=True),
    ),
)


def test_what_puts_back_is_said_as_soon_as_all_is_known_that_it_needs() -> None:
    lines = [line.strip() for line in test_file.print_test(TIDYING).splitlines()]
    assert "test('Change', async ({ page, cleanUp }) => {" in lines
    begin = lines.index("cleanUp(async () => {")
    assert lines[begin - 3 : begin + 4] == [
        "return before;",
        "});",
        "",
        "cleanUp(async () => {",
        "await test.step('Put it back', async () => {",
        "await page.goto(`/back?to=${before}`);",
        "});",
    ]
    assert "await test.step('Change it', async () => {" in lines[begin:]


def test_what_puts_back_is_said_where_steps_are_tried_together_too() -> None:
    look, change, back = TIDYING.steps
    lines = test_file.print_test(replace(TIDYING, steps=(replace(look, limited=True), change, back))).splitlines()
    tried = lines.index("    }).toPass({ intervals: [20_000], timeout: 90_000 });")
    assert "      cleanUp(async () => {" in lines[:tried]
    assert "    await test.step('Change it', async () => {" not in lines[tried:], "it needs what is remembered there"


def test_an_outline_that_comes_again_is_written_once() -> None:
    def looked_at(path: str, *outlines: str) -> Step:
        banner = Locator(by="role", value="banner")
        return Step(
            f"Open {path}", (Goto(path),), tuple(Expectation(HasOutline(banner, each), "") for each in outlines)
        )

    once, again = '- heading "Notes"', '- link "Help"'
    flow = Flow("around", "Pages", "Around", (looked_at("/", once, again), looked_at("/help", again)))
    lines = [line.strip() for line in test_file.print_test(flow).splitlines()]
    assert lines.count(again) == 1
    named = lines.index("const bannerOutline = `")
    assert lines[named : named + 4] == ["const bannerOutline = `", again, "`;", ""]
    assert lines.count("await expect(page.getByRole('banner')).toMatchAriaSnapshot(bannerOutline);") == 2
    assert lines[lines.index(once) - 1] == "await expect(page.getByRole('banner')).toMatchAriaSnapshot(`"


@pytest.mark.parametrize(
    ("literal", "printed"),
    [
        ("plain", "'plain'"),
        ("it's", '"it\'s"'),
        ("a 'b' \"c\"", "'a \\'b\\' \"c\"'"),
        ("a\\b\n\u2028", "'a\\\\b\\n\\u2028'"),
        ("'); process.exit(); ('", "\"'); process.exit(); ('\""),
        ("$${uid}", "'${uid}'"),
        ("${uid}", "uid"),
        ("`${uid}` $${x} \\", "`\\`${uid}\\` \\${x} \\\\`"),
    ],
)
def test_no_text_breaks_out_of_its_literal(literal: str, printed: str) -> None:
    assert typescript.text(literal, {"uid": "uid"}) == printed


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Add to cart", "addToCart"),
        ("2 for 1", "for1"),
        ("class", "class_"),
        ("productName", "productName"),
        ("кружка", ""),
    ],
)
def test_identifiers(words: str, name: str) -> None:
    assert typescript.identifier(words) == name


PATIENT = replace(
    MODEL,
    flows=tuple(replace(flow, steps=tuple(replace(step, limited=True) for step in flow.steps)) for flow in MODEL.flows),
    sign_in=replace(RECIPE, limited=True),
)
"""Of an app that limits how often one may sign in."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("model", [MODEL, PATIENT], ids=["plain", "patient"])
async def test_the_suite_type_checks_lints_and_passes(tmp_path: Path, model: Model) -> None:
    with serve(PAGES) as url:
        specs = tmp_path / "specs"
        specs.mkdir()
        (specs / "plan.md").write_text(plan_text.print_plan(model))
        (specs / "model.json").write_bytes(msgspec.json.encode(model))
        lines: list[Line] = []
        await generate_job.run(Job(kind="generate", app_url=url, workspace=str(tmp_path)), lines.append)
        assert isinstance(lines[-1], Done)
        assert len(lines[-1].test_paths) == 3
        TOOLCHAIN.link(tmp_path)
        types, style = await asyncio.gather(
            _node(TOOLCHAIN.command_tsc("--noEmit"), tmp_path),
            _node(TOOLCHAIN.command_eslint("--max-warnings=0", "."), tmp_path),
        )
        assert types == (0, "")
        assert style == (0, "")
        code, report = await _node(
            TOOLCHAIN.command_playwright("test", "--project=chromium", "--reporter=json"),
            tmp_path,
            TEST_USERNAME="joe",
            TEST_PASSWORD="pa'ss",
        )
        assert code == 0, report
        assert json.loads(report)["stats"]["expected"] == 4, "three tests and the set-up"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("shown", ["Geese", "Swans"])
async def test_what_was_changed_is_put_back_however_the_test_went(tmp_path: Path, shown: str) -> None:
    back: list[str] = []

    def put_back(sent: Mapping[str, str]) -> str:
        back.append(sent["to"])
        return "<h1>Ducks</h1>"

    with serve({"/": "<h1>Ducks</h1>", "/changed": f"<p>{shown}</p>", "/back": put_back}) as url:
        model = replace(MODEL, app_url=url, flows=(TIDYING,), sign_in=None)
        (tmp_path / "specs").mkdir()
        (tmp_path / "specs/plan.md").write_text(plan_text.print_plan(model))
        (tmp_path / "specs/model.json").write_bytes(msgspec.json.encode(model))
        await generate_job.run(Job(kind="generate", app_url=url, workspace=str(tmp_path)), lambda line: None)
        TOOLCHAIN.link(tmp_path)
        style = await _node(TOOLCHAIN.command_eslint("--max-warnings=0", "."), tmp_path)
        assert style == (0, "")
        code, report = await _node(TOOLCHAIN.command_playwright("test", "--project=chromium"), tmp_path)
    assert code == (0 if shown == "Geese" else 1), report
    assert back == ["Ducks"]


async def test_without_credentials_the_set_up_says_what_to_set(tmp_path: Path) -> None:
    with serve(PAGES) as url:
        (tmp_path / "specs").mkdir()
        (tmp_path / "specs/plan.md").write_text(plan_text.print_plan(MODEL))
        (tmp_path / "specs/model.json").write_bytes(msgspec.json.encode(MODEL))
        await generate_job.run(Job(kind="generate", app_url=url, workspace=str(tmp_path)), lambda line: None)
        TOOLCHAIN.link(tmp_path)
        code, report = await _node(TOOLCHAIN.command_playwright("test", "--project=setup", "--reporter=line"), tmp_path)
        assert code == 1
        assert "Set TEST_USERNAME in the environment" in report


async def _node(command: Sequence[str], folder: Path, **environment: str) -> tuple[int | None, str]:
    assert shutil.which("node")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEST_", "BASE_URL"))}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=kept | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 200)
    return process.returncode, output.decode()
