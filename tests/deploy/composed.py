"""docker-compose.yml, .env.example and the Dockerfile as data."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]

VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?P<rule>:[?-])?(?P<rest>[^}]*)\}")


def compose() -> dict[str, Any]:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def own_services() -> dict[str, dict[str, Any]]:
    """The services of Eidetic's own image."""
    return {name: service for name, service in services().items() if "build" in service}


def values(node: Any) -> list[str]:
    """Every scalar below a node, as text."""
    if isinstance(node, dict):
        return [text for value in node.values() for text in values(value)]
    if isinstance(node, list):
        return [text for value in node for text in values(value)]
    return [str(node)]


def example() -> dict[str, str]:
    """The settings that .env.example gives or leaves empty, those commented out among them."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    pairs = [re.fullmatch(r"#?([A-Z_]+)=(.*)", line) for line in lines]
    return {pair[1]: pair[2] for pair in pairs if pair}


def filled_in(text: str, environ: dict[str, str]) -> str:
    """What compose makes of a text: `${NAME:-default}` and `${NAME:?error}`."""

    def value(match: re.Match[str]) -> str:
        found = environ.get(match["name"], "")
        if found or match["rule"] is None:
            return found
        if match["rule"] == ":?":
            raise KeyError(match["name"])
        return match["rest"]

    return VARIABLE.sub(value, text)


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, lines that are continued joined and comments left out."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", text)).splitlines()
    return [
        (name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines) if name
    ]
