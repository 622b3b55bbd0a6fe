"""Unary calls over HTTP: addresses, bodies, queries, keys and problems."""

from __future__ import annotations

from pathlib import Path

from tests.rest.support import answer, door
from tests.rpc.support import APP


async def test_a_task_is_made_read_listed_changed_and_deleted(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        made = await at.create(labels={"team": "shop"})
        assert made["task_type"] == "plan"
        assert made["configuration"]["app_url"] == APP
        done = await at.done(made["id"])
        assert (done["status"], done["done"]) == ("completed", True)
        assert isinstance(done["sequence"], int)
        listed = answer(await at.http.get("/v1/tasks", params={"filter": 'labels.team = "shop"', "page_size": 5}))
        assert [task["id"] for task in listed["tasks"]] == [made["id"]]
        assert listed["total_tasks"] == 1
        changed = await at.http.patch(
            f"/v1/tasks/{made['id']}", params={"update_mask": "labels"}, json={"labels": {"team": "site"}}
        )
        assert answer(changed)["labels"] == {"team": "site"}
        assert answer(await at.http.delete(f"/v1/tasks/{made['id']}")) == {}
        gone = answer(await at.http.get(f"/v1/tasks/{made['id']}"), 404)
        assert (gone["code"], gone["status"]) == ("NOT_FOUND", 404)
        assert gone["details"][0]["reason"] == "TASK_NOT_FOUND"
