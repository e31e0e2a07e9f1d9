"""From the request to the frame, through everything but the engine."""

from tests.support.server import Served, eventually, stream, until


async def test_a_workspace_is_created_runs_expires_and_leaves_its_history(tenure: Served) -> None:
    async with tenure.client() as alice, stream(alice) as events:
        workspace = (await alice.post("/api/v1/workspaces", json={"name": "a", "ttl_seconds": 1})).json()
        assert workspace["status"] == "creating"

        running = await until(events, "workspace.provisioned")
        assert running["state"]["status"] == "running"
        assert (await until(events, "workspace.expiry_warned"))["facts"]["expires_at"] == workspace["expires_at"]
        await until(events, "workspace.expired")
        assert (await alice.get(f"/api/v1/workspaces/{workspace['id']}")).status_code == 404
        await until(events, "workspace.destroyed")
        assert tenure.engine.machines == {}

        trail = (await alice.get("/api/v1/audit/events", params={"subject": workspace["id"]})).json()["events"]
        assert [entry["kind"].partition(".")[2] for entry in trail] == [
            "requested",
            "provisioned",
            "expiry_warned",
            "expired",
            "destroyed",
        ]


async def test_an_engine_that_is_away_is_waited_for_and_said(tenure: Served) -> None:
    tenure.engine.away = True
    async with tenure.client() as alice, stream(alice) as events:
        id = (await alice.post("/api/v1/workspaces", json={"name": "a"})).json()["id"]
        await until(events, "workspace.delayed")
        waiting = (await alice.get(f"/api/v1/workspaces/{id}")).json()
        assert waiting["status"] == "creating"
        assert waiting["metadata"] == {"waiting": "the engine does not answer"}

        tenure.engine.away = False
        await until(events, "workspace.provisioned")


async def test_what_is_listed_after_it_was_created_is_there(tenure: Served) -> None:
    async with tenure.client() as alice:
        for n in range(20):
            id = (await alice.post("/api/v1/workspaces", json={"name": f"n{n}"})).json()["id"]
            assert (await alice.get("/api/v1/workspaces")).json()[0]["id"] == id
        await eventually(lambda: all_running(tenure))


async def all_running(tenure: Served) -> bool:
    return len(tenure.engine.machines) == 20
