from pathlib import Path

import pytest

from agent_runtime_server.settings import BadSettings, read_settings


def test_defaults_hold_without_any_source() -> None:
    settings = read_settings({}, {})
    assert settings.grpc_address == "127.0.0.1:50051"
    assert settings.workspace_root == "./workspaces"


def test_flags_beat_environment_beats_file(tmp_path: Path) -> None:
    file = tmp_path / "runtime.toml"
    file.write_text('slots = 1\nmax_queue = 11\ndefault_driver = "from-file"\n')
    environment = {"AGENT_RUNTIME_SLOTS": "2", "AGENT_RUNTIME_MAX_QUEUE": "22"}
    settings = read_settings({"slots": 3, "max_queue": None}, environment, config=file)
    assert (settings.slots, settings.max_queue, settings.default_driver) == (3, 22, "from-file")


def test_names_of_the_old_service_stay_valid_and_prefixed_ones_win() -> None:
    assert read_settings({}, {"SESSION_ROOT": "/a"}).workspace_root == "/a"
    assert read_settings({}, {"WORKSPACE_ROOT": "/b", "SESSION_ROOT": "/a"}).workspace_root == "/b"
    assert read_settings({}, {"AGENT_RUNTIME_WORKSPACE_ROOT": "/c", "WORKSPACE_ROOT": "/b"}).workspace_root == "/c"


def test_the_http_address_may_come_in_the_two_parts_of_the_old_service() -> None:
    assert read_settings({}, {}).http_address == "127.0.0.1:5001"
    assert read_settings({}, {"PORT": "8000"}).http_address == "127.0.0.1:8000"
    assert read_settings({}, {"HOST": "::1"}).http_address == "[::1]:5001"
    assert read_settings({}, {"HOST": "localhost", "PORT": "8000"}).http_address == "localhost:8000"
    prefixed = {"AGENT_RUNTIME_HTTP_ADDRESS": "none", "HOST": "localhost", "PORT": "8000"}
    assert read_settings({}, prefixed).http_address == "none"
    with pytest.raises(BadSettings, match="http_address"):
        read_settings({}, {"PORT": "http"})


@pytest.mark.parametrize("said", ["1", "true", "Yes"])
def test_debug_is_a_level_of_the_log(said: str) -> None:
    assert read_settings({}, {"DEBUG": said}).log_level == "debug"
    assert read_settings({}, {"DEBUG": "false"}).log_level == "info"
    assert read_settings({}, {"DEBUG": said, "AGENT_RUNTIME_LOG_LEVEL": "error"}).log_level == "error"


@pytest.mark.parametrize(
    "origins", ["", "http://", "localhost:3000", "http://a.test, and another", "http://a.test/path"]
)
def test_origins_are_looked_at(origins: str) -> None:
    with pytest.raises(BadSettings, match="cors_origins"):
        read_settings({"cors_origins": origins}, {})
    assert read_settings({"cors_origins": "http://a.test, https://b.test:8443"}, {}).cors_origins


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"slots": "many"}, "slots"),
        ({"max_queue": 0}, "max_queue"),
        ({"log_level": "loud"}, "log_level"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_bad_setting_is_named(flags: dict[str, object], named: str) -> None:
    with pytest.raises(BadSettings, match=named):
        read_settings(flags, {})


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"none\.toml"):
        read_settings({}, {}, config=tmp_path / "none.toml")


@pytest.mark.parametrize("address", ["0.0.0.0:50051", "[::]:50051", "192.0.2.1:50051", ":50051"])
def test_an_address_for_everybody_needs_a_decision(address: str) -> None:
    with pytest.raises(BadSettings, match="grpc_address"):
        read_settings({"grpc_address": address}, {})
    assert read_settings({"grpc_address": address, "insecure": True}, {}).grpc_address == address


@pytest.mark.parametrize("address", ["0.0.0.0:5001", "[::]:5001", "192.0.2.1:0"])
def test_an_http_address_for_everybody_needs_a_decision(address: str) -> None:
    with pytest.raises(BadSettings, match="http_address"):
        read_settings({"http_address": address}, {})
    assert read_settings({"http_address": address, "insecure": True}, {}).http_address == address


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:1", "[::1]:50051", "unix:/tmp/s"])
def test_addresses_of_this_machine_are_let_in(address: str) -> None:
    assert read_settings({"grpc_address": address}, {}).grpc_address == address


@pytest.mark.parametrize(("state", "workspaces"), [("data/state", "data"), ("data", "data/sessions"), ("data", "data")])
def test_sessions_do_not_reach_the_servers_own_files(state: str, workspaces: str) -> None:
    with pytest.raises(BadSettings, match="one lies in the other"):
        read_settings({"state_dir": state, "workspace_root": workspaces}, {})


@pytest.mark.parametrize("days", ["nan", "inf", "1e9", "-1"])
def test_lengths_of_time_are_bounded(days: str) -> None:
    with pytest.raises(BadSettings, match="event_retention_days"):
        read_settings({}, {"AGENT_RUNTIME_EVENT_RETENTION_DAYS": days})
