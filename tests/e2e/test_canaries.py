"""Passwords are nowhere but sealed: not in the database, files, logs, events, artifacts, archives or errors.

Whatever the tasks come to: done, failed, cancelled, killed with the server. Each has a password of its own, with
characters that every notation writes differently, around a core that none of them changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from agent_runtime.client import AgentRuntimeClient
from agent_runtime.errors import AgentRuntimeError
from agent_runtime.v1 import task_pb2
from tests.apps.shop.launch import Shop
from tests.contract.runner_fixtures import IMPORT
from tests.e2e.canaries import Story, read_everything, register
from tests.e2e.conftest import COMPLETE_SECONDS, Tables
from tests.e2e.invariants import assert_settled, database, read_whole
from tests.e2e.lives import GatedPage, Lives, attempts, reach, says, upload
from tests.line.support import COMPLETE, RUN, carry_out

END_SECONDS = 120.0
FAILS = task_pb2.TestRunOptions(grep="fails$", retries=1)
HANGS = task_pb2.TestRunOptions(grep="hangs$")
SUITE = {
    "playwright.config.ts": "export default { testDir: './tests', outputDir: './out' };",
    "tests/leaky.spec.ts": IMPORT
    + """
import fs from 'node:fs';
const secret = process.env.TEST_PASSWORD ?? '';
for (const end of ['fails', 'hangs'])
  test(end, async ({ page, context }, info) => {
    test.setTimeout(600_000);
    console.log(`the password is ${secret}`);
    console.error(encodeURIComponent(secret), JSON.stringify({ secret }));
    console.log(`Authorization: Basic ${Buffer.from(`user:${secret}`).toString('base64')}`);
    await page.goto(`/?password=${encodeURIComponent(secret)}`);
    await page.setContent('<form><input name="password"></form>');
    await page.getByRole('textbox').fill(secret);
    await page.evaluate((value) => {
      document.body.append(value);
      localStorage.setItem('password', value);
    }, secret);
    await page.request.post('/', { form: { secret }, headers: { 'x-secret': encodeURIComponent(secret) } });
    await context.storageState({ path: '.auth/user.json' });
    await context.storageState({ path: 'playwright/.auth/user.json' });
    fs.writeFileSync('beside-the-suite.txt', secret);
    fs.writeFileSync(info.outputPath('note.txt'), secret);
    await info.attach('in memory', { body: `<b>${secret}</b>`, contentType: 'text/html' });
    await info.attach('a file', { path: info.outputPath('note.txt') });
    info.annotations.push({ type: 'password', description: secret });
    await test.step(`with ${secret}`, async () => {});
    if (end === 'hangs') {
      console.log('blocked');
      await new Promise(() => {});
    }
    expect(secret, `it is ${secret}`).toBe('another one');
  });
""",
}

pytestmark = pytest.mark.timeout(COMPLETE_SECONDS)


async def test_canaries(tmp_path: Path, tables: Tables) -> None:
    story = Story(tmp_path / "server")
    with Lives(story.folder) as lives, Shop() as shop, GatedPage().served() as page:
        async with lives.client() as client:
            await _refused(client, story)
            await _on_the_shop(client, story, shop.start())
            while_running, left_by_kill = await _on_a_leaky_suite(client, story, lives, page, tmp_path / "suite")
            assert_settled(lives.server)
            for task_id in story.tasks.values():
                await read_whole(lives.server, client, task_id)
            read = tmp_path / "read"
            await read_everything(client, story, lives.server.address, read)
        on_disk = story.found(story.folder)
        read_by_callers = story.found(read)
        lives.server.stop()
        after_the_end = story.found(story.folder)
    assert on_disk == {}
    assert read_by_callers == {}
    assert after_the_end == {}
    assert story.in_texts(story.told) == []
    rows = [
        ("in files nobody else can see, while the suite ran", while_running),
        ("in what a killed server left, until the next one started", left_by_kill),
        ("on the server's disk, in the end", 0),
        ("in all that callers can read, archives opened", 0),
    ]
    tables.add(f"{len(story.canaries)} passwords of {len(story.tasks)} tasks", ["where", "places"], rows)


async def _refused(client: AgentRuntimeClient, story: Story) -> None:
    """Requests with a password that are not taken."""
    url = "http://app.test/"
    long = story.password("too long") * 60
    asked = (
        client.create_task(COMPLETE, "ftp://app.test/", username="ada", password=story.password("bad URL")),
        client.create_task(COMPLETE, url, username="ada", password=long),
        client.create_task(RUN, url, username="ada", password=story.password("nothing to run")),
        client.create_task(RUN, url, session_id="no", username="ada", password=story.password("no session")),
        client.retry_task("no", username="ada", password=story.password("no task")),
    )
    for request in asked:
        with pytest.raises(AgentRuntimeError) as refused:
            await request
        story.told.append(f"{refused.value!r} {refused.value} {refused.value.violations} {refused.value.metadata}")
    checked = await client.create_task(
        COMPLETE, url, username="ada", password=story.password("only checked"), validate_only=True
    )
    story.told.append(str(checked))


async def _on_the_shop(client: AgentRuntimeClient, story: Story, url: str) -> None:
    """A whole task that signs in, and one that cannot."""
    email, password = "canary@example.com", story.password("complete")
    customer = {"name": "Canary", "email": email, "password": password, "repeat": password}
    await asyncio.to_thread(register, url, customer)
    fields = {"instructions": "Only sign in", "username": email}
    followed = await carry_out(client, COMPLETE, url, COMPLETE_SECONDS, **fields, password=password)
    assert followed.verdict == "COMPLETED PASSED", followed.trouble()
    story.tasks["complete"] = followed.id
    wrong = await carry_out(client, COMPLETE, url, END_SECONDS, **fields, password=story.password("wrong"))
    assert wrong.verdict == "FAILED SIGN_IN_FAILED", wrong.trouble()
    story.tasks["wrong"] = wrong.id


async def _on_a_leaky_suite(
    client: AgentRuntimeClient, story: Story, lives: Lives, page: str, files: Path
) -> tuple[int, int]:
    """Runs of a suite that tells its password wherever it can; places where that was seen before they were over."""
    session = await upload(client, SUITE, files)

    def fields(name: str) -> dict[str, str]:
        return {"session_id": session, "username": "ada", "password": story.password(name)}

    failed = await carry_out(client, RUN, page, END_SECONDS, run=FAILS, **fields("failing"))
    assert failed.verdict == "COMPLETED FAILED", failed.trouble()
    story.tasks["failing"] = failed.id

    async with _hanging(client, story, "cancelled", page, **fields("cancelled")) as task_id:
        while_running = story.found(lives.server.workspaces)["cancelled"]
        assert story.found(lives.server.state) == {}, "not even while it runs"
        with closing(database(lives.server)) as connection:
            assert connection.execute("SELECT count(*) FROM sealed").fetchone() == (1,)
        listed = await client.list_session_files(session_id=session, recursive=True, page_size=1000)
        assert not any("run-2" in file.path or ".auth" in file.path for file in listed.files)
        await client.cancel_task(task_id, reason="enough", grace_period=2)

    left = 0
    for name, most in (("killed", 1), ("killed and tried again", 2)):
        async with _hanging(client, story, name, page, retry_policy=attempts(most), **fields(name)) as task_id:
            lives.kill()
            await lives.orphans_gone()
            left += len(story.found(story.folder)[name])
            lives.again()
            if most == 1:
                assert (await client.wait_task(task_id, timeout=30)).met
                assert story.found(story.folder) == {}, "gone with the start of the next server"
            else:
                await reach(client, task_id, says("blocked"), 2)
                await client.cancel_task(task_id, mode=task_pb2.CANCEL_MODE_FORCE)
    return len(while_running), left


@asynccontextmanager
async def _hanging(
    client: AgentRuntimeClient, story: Story, name: str, page: str, **fields: object
) -> AsyncIterator[str]:
    """A task that has told its password and hangs; after the block it has ended."""
    task = await client.create_task(RUN, page, run=HANGS, **fields)  # type: ignore[arg-type]
    story.tasks[name] = task.id
    await reach(client, task.id, says("blocked"))
    yield task.id
    assert (await client.wait_task(task.id, timeout=60)).met
