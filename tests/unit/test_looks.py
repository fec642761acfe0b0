"""The design system holds together: values stand in one place, all of them are used, and text can be read."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).resolve().parents[2] / "core"
SHEETS = {path.name: path.read_text() for path in (CORE / "static/core/css").glob("*.css") if path.name != "api.css"}
"""All but the one that answers the values of django-ninja's own page of the API."""
TOKENS = SHEETS.pop("tokens.css")
SCRIPTS = "".join(path.read_text() for path in (CORE / "static/core/js").glob("*.js"))
LIGHT, DARK = TOKENS.split("@media (prefers-color-scheme: dark)")

GROUNDS = ["ground", "surface", "sunken", "hover"]
TEXTS = [(text, ground) for ground in GROUNDS for text in ("ink", "ink-2", "ink-3", "accent")] + [
    ("warn", "warn-soft"),
    ("bad", "bad-soft"),
    ("bad", "surface"),
    ("rise", "surface"),
    ("fall", "surface"),
    ("accent", "accent-soft"),
    ("violet", "violet-soft"),
    ("blue", "blue-soft"),
    ("accent-ink", "accent"),
    ("accent-ink", "accent-hover"),
    ("bad-ink", "bad"),
    ("bad-ink", "bad-hover"),
    ("alert-ink", "alert"),
]
"""Text on what is behind it: WCAG AA asks for 4.5 : 1."""


def colours(sheet: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", sheet))


def luminance(colour: str) -> float:
    def linear(part: int) -> float:
        value = part / 255
        return value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[at : at + 2], 16)) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXTS, ids=lambda name: str(name))
def test_text_can_be_read(scheme: str, text: str, ground: str) -> None:
    """Every pair of text and ground that the sheets use has the contrast of WCAG AA, in light and in dark."""
    values = colours(LIGHT) | (colours(DARK) if scheme == "dark" else {})
    assert contrast(values[text], values[ground]) >= 4.5


def used(sheet: str) -> Iterator[str]:
    yield from re.findall(r"var\(--([a-z0-9-]+)\)", sheet)


def test_every_token_is_defined_and_used() -> None:
    """No sheet or script refers to a value that there is not, and no value is left that nobody uses."""
    defined = set(re.findall(r"^\s+--([a-z0-9-]+):", TOKENS, re.MULTILINE))
    everything = "".join([*SHEETS.values(), SCRIPTS])
    own = set(re.findall(r"(?<![\w-])--([a-z0-9-]+)\b(?=:|\")", everything))
    assert set(used(everything)) - own - defined == set()
    assert {name for name in defined if name not in set(used(everything + TOKENS))} == set()


@pytest.mark.parametrize("name", sorted(SHEETS))
def test_colours_stand_in_one_place(name: str) -> None:
    """Colours are named in tokens.css and nowhere else; light and dark could not both be right otherwise."""
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(", SHEETS[name]) == []
