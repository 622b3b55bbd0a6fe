"""The ``fix`` job: why tests fail, and the repair of those whose locators do not find their elements any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace
from playwright.async_api import Browser, Error, HttpCredentials

from agent_runtime_server.adapters.explorer import known_elements
from agent_runtime_server.adapters.explorer.browser import BrowserLostError, BrowserMissingError, open_browser
from agent_runtime_server.adapters.explorer.edits import apply_plan
from agent_runtime_server.adapters.explorer.fingerprints import Hidden
from agent_runtime_server.adapters.explorer.fix_flow import FlowRepair
from agent_runtime_server.adapters.explorer.fix_source import SourceRepair
from agent_runtime_server.adapters.explorer.flow import Flow, Model, Step
from agent_runtime_server.adapters.explorer.generate_job import NothingToGenerateError, read_model, write_file
from agent_runtime_server.adapters.explorer.in_browser import UnreachableError, require_answer
from agent_runtime_server.adapters.explorer.known_elements import KnownElements
from agent_runtime_server.adapters.explorer.mine_auth import SignInFailedError
from agent_runtime_server.adapters.explorer.mining import Emit
from agent_runtime_server.adapters.explorer.plan_text import read_plan
from agent_runtime_server.adapters.explorer.player import ActionError
from agent_runtime_server.adapters.explorer.protocol import (
    Activity,
    Diagnosed,
    Done,
    Failed,
    Failing,
    Job,
    Log,
    Progress,
    Wrote,
)
from agent_runtime_server.adapters.explorer.recording import Recording, read_recording, show
from agent_runtime_server.adapters.explorer.scaffold import suite_files
from agent_runtime_server.adapters.explorer.stage import Credentials, Stage
from agent_runtime_server.adapters.explorer.test_file import path_of, print_test
from agent_runtime_server.adapters.explorer.verdict import Verdict

MODEL = "specs/model.json"
SIGN_IN = "tests/sign-in.ts"
SET_UP = "tests/auth.setup.ts"
NEW_GATE = "lets nobody in any more without a user name and a password (HTTP Basic), which its tests lack: plan anew"


async def run(job: Job, emit: Emit) -> None:
    """Do the job; the last line is ``Done`` or ``Failed``."""
    try:
        async with open_browser() as browser:
            diagnoses, changed = await _Repairs.of(job, browser, emit).run()
    except BrowserMissingError as error:
        emit(Failed("browser_missing", str(error)))
    except BrowserLostError as error:
        emit(Failed("agent_error", str(error), retryable=True))
    except SignInFailedError as error:
        emit(Failed("sign_in_failed", str(error)))
    else:
        emit(Done(f"{len(changed)} of {len(job.failing)} tests were changed.", changed, diagnoses))


@dataclass
class _Repairs:
    job: Job
    browser: Browser
    emit: Emit
    model: Model | None
    flows: Mapping[str, Flow]
    """Those of generated tests that are as they were generated, by path."""
    known: KnownElements
    gate: HttpCredentials | None = None
    """What an app asks for that lets nobody in without."""
    signs_in_anew: Verdict | None = None
    """What was repaired of the sign-in that tests share."""

    @classmethod
    def of(cls, job: Job, browser: Browser, emit: Emit) -> _Repairs:
        workspace = Path(job.workspace)
        try:
            plan, model = read_model(workspace)
        except NothingToGenerateError:
            return cls(job, browser, emit, None, {}, KnownElements.read(workspace))
        flows = apply_plan(model.flows, read_plan(plan)).flows
        own = {path: flow for path, flow in flows.items() if _text(workspace / path) == print_test(flow)}
        return cls(job, browser, emit, model, own, KnownElements.read(workspace))

    async def run(self) -> tuple[tuple[Diagnosed, ...], tuple[str, ...]]:
        """What is wrong with each failing test that there was time for, and the paths of what was changed."""
        try:
            self.gate = await require_answer(self.browser, self.job)
        except UnreachableError as error:
            return tuple(_diagnosed(test, Verdict("app_defect", str(error))) for test in self.job.failing), ()
        if self.gate is not None and self.model is not None and not self.model.http_basic:
            verdict = Verdict("assertion", f"{self.job.app_url} {NEW_GATE}")
            return tuple(_diagnosed(test, verdict) for test in self.job.failing), ()
        diagnoses: list[Diagnosed] = []
        changed: list[str] = []
        until = time.monotonic() + self.job.max_seconds
        for number, test in enumerate(self.job.failing):
            if time.monotonic() >= until:
                left = len(self.job.failing) - number
                self.emit(Log("warning", f"the time is over: {left} tests are left for another round"))
                break
            self.emit(Activity(f"Looking why {test.path} fails"))
            try:
                verdict = await self._look_at(test)
            except Error as error:
                verdict = Verdict("timing", f"the browser says: {error.message.splitlines()[0]}")
            self.emit(Log("info", f"{test.path}: {verdict.cause}: {verdict.explanation}"))
            if verdict.flow is not None:
                await asyncio.to_thread(self._keep, test.path, verdict.flow)
                changed.append(test.path)
            elif verdict.sources:
                await asyncio.to_thread(self._write, verdict.sources)
                changed += verdict.sources
            diagnoses.append(_diagnosed(test, verdict))
            self.emit(Progress(number + 1, len(self.job.failing), "tests"))
        return tuple(diagnoses), tuple(changed)

    async def _look_at(self, test: Failing) -> Verdict:
        flow = self.flows.get(test.path)
        if test.path == SET_UP and self.model is not None:
            return await self._sign_in_again()
        if flow is None or self.model is None:
            return await self._look_at_source(test)
        try:
            verdict = await self._repair(flow, test.path)
        except ActionError as error:
            sign_in = await self._sign_in_again()
            if sign_in.sources is None:
                return sign_in._replace(explanation=f"{error}; {sign_in.explanation}")
            return await self._look_at(test)
        if verdict.cause == "timing" and flow.session != "anonymous" and self.signs_in_anew is not None:
            return self.signs_in_anew
        return verdict

    async def _look_at_source(self, test: Failing) -> Verdict:
        recording = await asyncio.to_thread(self._recording, test)
        view = await show(self.browser, recording) if recording else None
        hidden = Hidden({"username": self.job.username, "password": self.job.password})
        repair = SourceRepair(Path(self.job.workspace), self.known, hidden)
        return await asyncio.to_thread(repair.judge, test, recording.troubles if recording else (), view)

    def _recording(self, test: Failing) -> Recording | None:
        workspace = Path(self.job.workspace)
        path = (workspace / test.trace).resolve()
        return read_recording(path) if path.is_file() and path.is_relative_to(workspace.resolve()) else None

    async def _repair(self, flow: Flow, path: str) -> Verdict:
        """Raises ActionError if it cannot sign in."""
        assert self.model is not None
        credentials = Credentials(self.job.username, self.job.password, self.gate)
        stage = Stage(self.browser, self.job.app_url, flow, self.model.sign_in, credentials)
        usual = [f"{finding.url} {finding.title}" for finding in self.model.findings]
        return await FlowRepair(stage, self.job.app_url, path, self.known, usual).run()

    async def _sign_in_again(self) -> Verdict:
        """Repair, once, how tests sign in. The file is no test: it is repaired with each test that needs it."""
        assert self.model is not None
        recipe = self.model.sign_in
        if recipe is None or self.signs_in_anew is not None:
            return Verdict("locator", "nobody knows how to sign in now")
        step = Step("Sign in", recipe.actions, (recipe.success,))
        verdict = await self._repair(Flow(id="sign-in", suite="", title="Sign in", steps=(step,)), SIGN_IN)
        if verdict.flow is None:
            return verdict
        [step] = verdict.flow.steps
        self.model = replace(self.model, sign_in=replace(recipe, actions=step.actions, success=step.expectations[0]))
        await asyncio.to_thread(self._write_sign_in)
        self.signs_in_anew = Verdict("locator", verdict.explanation, sources={})
        return self.signs_in_anew

    def _write_sign_in(self) -> None:
        assert self.model is not None
        assert self.model.sign_in is not None
        files = suite_files(self.job.app_url, self.model.sign_in, "none")
        self._write({MODEL: _encoded(self.model), SIGN_IN: files[SIGN_IN]})

    def _keep(self, path: str, flow: Flow) -> None:
        """Write the test of a repaired flow, and the flow to where the next ``generate`` takes it from."""
        assert self.model is not None
        self.model = replace(self.model, flows=tuple(_repaired(each, path, flow) for each in self.model.flows))
        self.known.learn(path, flow)
        write_file(Path(self.job.workspace), known_elements.PATH, self.known.encoded())
        self._write({MODEL: _encoded(self.model), path: print_test(flow)})

    def _write(self, sources: Mapping[str, str]) -> None:
        for path, source in sources.items():
            write_file(Path(self.job.workspace), path, source)
            self.emit(Wrote(path))


def _repaired(flow: Flow, path: str, repaired: Flow) -> Flow:
    """A flow of the model with what the repair has changed; of a plan that was edited the test may have less."""
    if path_of(flow) != path:
        return flow
    left = list(repaired.steps)
    steps = []
    for step in flow.steps:
        found = next((each for each in left if each.title == step.title), None)
        if found is not None:
            left.remove(found)
        steps.append(_with_changes(step, found or step))
    return replace(flow, steps=tuple(steps), elements=repaired.elements)


def _with_changes(step: Step, repaired: Step) -> Step:
    expectations = {expectation.text: expectation for expectation in repaired.expectations}
    return replace(
        step,
        actions=repaired.actions,
        expectations=tuple(expectations.get(each.text, each) for each in step.expectations),
    )


def _encoded(model: Model) -> str:
    return msgspec.json.format(msgspec.json.encode(model), indent=2).decode()


def _diagnosed(test: Failing, verdict: Verdict) -> Diagnosed:
    return Diagnosed(
        test.id, verdict.cause, verdict.explanation, final=verdict.flow is None and verdict.sources is None
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
