"""What the compose file promises: versions that are pinned, no password of its own, few doors."""

import re
import tomllib

import pytest

from tests.deploy.composed import (
    ROOT,
    VARIABLE,
    compose,
    example,
    filled_in,
    own_services,
    services,
    values,
)

SECRET = re.compile("password|secret|token|root_user|access_key", re.IGNORECASE)


def test_the_services_are_milvus_what_it_needs_and_eidetic_for_cpu_and_gpu() -> None:
    assert set(services()) == {"etcd", "minio", "milvus", "eidetic", "eidetic-gpu"}
    profiles = {name: service.get("profiles") for name, service in services().items()}
    assert profiles == {
        "etcd": None,
        "minio": None,
        "milvus": None,
        "eidetic": ["cpu"],
        "eidetic-gpu": ["gpu"],
    }


@pytest.mark.parametrize("name", services())
def test_every_service_is_pinned_watched_and_bounded(name: str) -> None:
    service = services()[name]
    repository, _, tag = service["image"].rpartition(":")
    assert repository
    assert re.search(r"\d+\.\d+|RELEASE\.\d{4}-\d\d-\d\d", tag), tag
    assert "latest" not in tag
    check = service["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries"} <= set(check)
    limits = service["deploy"]["resources"]["limits"]
    assert {"cpus", "memory"} <= set(limits)
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["restart"] == "unless-stopped"
    assert service["init"] is True
    assert not service.get("privileged")
    assert service["logging"]["options"]["max-size"]


def test_every_service_waits_for_those_it_needs_to_be_healthy() -> None:
    waits = {name: set(service.get("depends_on", {})) for name, service in services().items()}
    assert waits["milvus"] == {"etcd", "minio"}
    assert waits["eidetic"] == waits["eidetic-gpu"] == {"milvus"}
    conditions = {
        wait["condition"]
        for service in services().values()
        for wait in service.get("depends_on", {}).values()
    }
    assert conditions == {"service_healthy"}


def test_no_password_stands_in_the_file_and_a_missing_one_is_an_error() -> None:
    secrets = {
        key: str(value)
        for service in services().values()
        for key, value in service.get("environment", {}).items()
        if SECRET.search(key)
    }
    assert len(secrets) >= 6
    for key, value in secrets.items():
        rules = [match["rule"] for match in VARIABLE.finditer(value)]
        assert rules == [":?"], f"{key}: {value}"
        with pytest.raises(KeyError):
            filled_in(value, {})
        # Beside the variable nothing but the name of Milvus's user.
        assert VARIABLE.sub("", value) in ("", "root:")


def test_milvus_asks_for_the_password_that_eidetic_gives() -> None:
    milvus = services()["milvus"]["environment"]
    assert milvus["COMMON_SECURITY_AUTHORIZATIONENABLED"] == "true"
    password = milvus["COMMON_SECURITY_DEFAULTROOTPASSWORD"]
    for service in own_services().values():
        assert service["environment"]["EIDETIC_TOKEN"] == f"root:{password}"
        assert service["environment"]["EIDETIC_URI"] == "http://milvus:19530"
    minio = services()["minio"]["environment"]
    assert milvus["MINIO_ACCESS_KEY_ID"] == minio["MINIO_ROOT_USER"]
    assert milvus["MINIO_SECRET_ACCESS_KEY"] == minio["MINIO_ROOT_PASSWORD"]


def test_only_eidetic_has_a_door_and_only_to_this_machine() -> None:
    doors = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert set(doors) == {"eidetic", "eidetic-gpu"}
    for ports in doors.values():
        (port,) = ports
        assert filled_in(port, {}) == "127.0.0.1:8484:8484"
        assert filled_in(port, {"EIDETIC_PORT": "80"}) == "127.0.0.1:80:8484"


def test_what_has_no_password_is_reached_by_milvus_alone() -> None:
    networks = compose()["networks"]
    members = {
        network: {name for name, service in services().items() if network in service["networks"]}
        for network in networks
    }
    assert members == {
        "storage": {"etcd", "minio", "milvus"},
        "rows": {"milvus", "eidetic", "eidetic-gpu"},
        "edge": {"eidetic", "eidetic-gpu"},
    }
    assert networks["storage"]["internal"]
    assert networks["rows"]["internal"]


@pytest.mark.parametrize("name", own_services())
def test_eidetic_runs_as_nobody_over_a_root_it_cannot_write(name: str) -> None:
    service = own_services()[name]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    (data, images) = service["volumes"]
    assert data == "eidetic:/data"
    assert images["target"] == "/images"
    assert images["read_only"] is True
    assert service["deploy"]["resources"]["limits"]["pids"]


def test_the_image_for_gpus_asks_for_one_and_takes_a_torch_that_can_use_it() -> None:
    gpu = services()["eidetic-gpu"]
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert gpu["build"]["args"] == {"TORCH_INDEX": ""}
    assert gpu["image"] != services()["eidetic"]["image"]


def test_the_images_carry_the_version_of_the_product() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    tags = {name: service["image"] for name, service in own_services().items()}
    assert tags == {"eidetic": f"eidetic:{version}", "eidetic-gpu": f"eidetic:{version}-gpu"}


def test_every_volume_is_named_and_used() -> None:
    named = {
        volume.partition(":")[0]
        for service in services().values()
        for volume in service["volumes"]
        if isinstance(volume, str)
    }
    assert named == set(compose()["volumes"])


def test_the_example_names_every_setting_and_gives_no_password() -> None:
    used = {
        match["name"]: match["rule"]
        for text in values(compose()["services"])
        for match in VARIABLE.finditer(text)
    }
    assert set(example()) == {*used, "COMPOSE_PROFILES"}
    for name, rule in used.items():
        if rule == ":?":
            assert example()[name] == ""
        assert not (SECRET.search(name) and example()[name])


def test_the_settings_with_passwords_are_kept_out_of_git_and_of_the_image() -> None:
    assert "/.env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    assert not any(line.startswith("!.env") for line in ignored)
