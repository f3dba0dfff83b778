"""The image: what it is built from, who runs in it, and that its commands are the product's."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from eidetic.cli.app import app
from tests.conftest import free_port
from tests.deploy.composed import ROOT, example, filled_in, instructions, own_services
from tests.images import write_colours

EIDETIC = str(Path(sys.executable).with_name("eidetic"))
TOKEN = "a token of the test's own"
IS_SERVED = "serve" in get_command(app).commands  # type: ignore[attr-defined]


def only(name: str) -> str:
    """The rest of an instruction that the final stage has once."""
    final = max(i for i, (each, _) in enumerate(instructions()) if each == "FROM")
    (rest,) = [rest for each, rest in instructions()[final:] if each == name]
    return rest


def test_it_is_built_in_a_stage_of_its_own_from_a_pinned_image() -> None:
    stages = [rest for name, rest in instructions() if name == "FROM"]
    assert stages == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]
    (image,) = [rest for name, rest in instructions() if "PYTHON_IMAGE=" in rest and name == "ARG"]
    assert re.fullmatch(r"PYTHON_IMAGE=python:\d+\.\d+\.\d+-slim-\w+", image)


def test_what_is_copied_is_there_and_not_ignored() -> None:
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY"]
    sources = [source for each in copied if not each[0].startswith("--from") for source in each]
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {"pyproject.toml", "constraints.txt", "schema", "eidetic"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in allowed, source


def test_what_is_copied_is_enough_to_build_the_package(tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    for _, rest in (each for each in instructions() if each[0] == "COPY"):
        *sources, target = rest.split()
        if sources[0].startswith("--from"):
            continue
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, context / target)
            else:
                shutil.copy(ROOT / source, context / target)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run([*build, str(context)], check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "embed/builtin/data/image.onnx" in names
    assert "eidetic/cli/app.py" in names


def test_its_extras_are_those_of_the_package() -> None:
    (extras,) = [json.loads(rest[7:]) for name, rest in instructions() if rest[:7] == "EXTRAS="]
    with (ROOT / "pyproject.toml").open("rb") as file:
        known = tomllib.load(file)["project"]["optional-dependencies"]
    assert set(extras.split(",")) <= set(known)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ("", []),
        ("https://cpu.example/x y", ["--extra-index-url", "https://cpu.example/x y"]),
    ],
)
def test_the_index_of_torch_is_an_argument_of_the_build(index: str, expected: list[str]) -> None:
    (install,) = [rest for name, rest in instructions() if name == "RUN" and "pip install" in rest]
    (option,) = re.findall(r"\$\{TORCH_INDEX:\+.*?\"\}", install)
    done = subprocess.run(
        ["sh", "-c", f'for word in {option} --end; do printf "%s\\n" "$word"; done'],
        env={"TORCH_INDEX": index, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [*expected, "--end"]
    assert "--constraint constraints.txt" in install


def test_it_runs_as_a_user_who_is_not_root_and_owns_the_data_alone() -> None:
    user = only("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert {service["user"] for service in own_services().values()} == {user}
    assert only("VOLUME") == "/data"
    environ = dict(pair.split("=", 1) for pair in only("ENV").split())
    for name in ("HOME", "EIDETIC_DATA_DIR", "HF_HOME"):
        assert environ[name].startswith("/data")


def entrypoint() -> list[str]:
    parsed: list[str] = json.loads(only("ENTRYPOINT"))
    return parsed


TOLD = re.compile(r"docker compose (?:run --rm|exec) (?:-\S+ )*eidetic(?:-gpu)? (.*)")


def commands() -> Iterator[Any]:
    """What the image runs: its own command, those of the services, and those of the page."""
    yield pytest.param(json.loads(only("CMD")), id="image")
    for name, service in own_services().items():
        yield pytest.param(service["command"], id=name)
    for line in (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8").splitlines():
        told = re.fullmatch(
            r"docker compose (?:run --rm|exec) (?:-\S+ )*eidetic(?:-gpu)? (.*)", line
        )
        if told:
            command = [word for word in shlex.split(told[1], comments=True) if word != "eidetic"]
            yield pytest.param(command, id=told[1])


@pytest.mark.parametrize("command", list(commands()))
def test_what_it_is_asked_to_run_are_commands_of_the_product(command: list[str]) -> None:
    assert entrypoint() == ["eidetic"]
    if command[0] == "serve" and not IS_SERVED:
        pytest.skip("this version has no `eidetic serve` yet")
    done = subprocess.run(
        [EIDETIC, *command, "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert command[0] in done.stdout


@pytest.mark.skipif(not IS_SERVED, reason="this version has no `eidetic serve` yet")
def test_the_composed_command_serves_and_its_own_check_finds_it_healthy(tmp_path: Path) -> None:
    service = own_services()["eidetic"]
    given = example() | {"EIDETIC_SERVE_TOKEN": TOKEN, "MILVUS_ROOT_PASSWORD": "unused"}
    environ = {key: value for key, value in os.environ.items() if not key.startswith("EIDETIC_")}
    for key, value in service["environment"].items():
        environ[key] = filled_in(value, given)
    # In the place of the composed Milvus, the embedded store.
    del environ["EIDETIC_URI"], environ["EIDETIC_TOKEN"]
    environ |= {"EIDETIC_DATA_DIR": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path)}
    images = write_colours(tmp_path / "images", "red", "green")
    subprocess.run([EIDETIC, "ingest", str(images), "-q"], env=environ, check=True, timeout=60)

    port = str(free_port())
    command = [*entrypoint(), *service["command"], "--port", port]
    with subprocess.Popen([EIDETIC, *command[1:]], env=environ, stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            process.stderr.readline()
            probe = [part.replace("8484", port) for part in service["healthcheck"]["test"][1:]]
            assert probe[0] == "python"
            subprocess.run([sys.executable, *probe[1:]], check=True, timeout=60)
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/api/search?q=name:red",
                headers={"Authorization": f"Bearer {TOKEN}"},
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert len(json.load(answer)["hits"]) == 1
        finally:
            process.terminate()
            process.wait(timeout=60)


def test_the_check_of_the_image_is_that_of_the_compose_file() -> None:
    _, _, command = only("HEALTHCHECK").partition("CMD ")
    for service in own_services().values():
        assert service["healthcheck"]["test"] == ["CMD", *json.loads(command)]
