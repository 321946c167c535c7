"""Server settings: one frozen record, filled from the command line and JETVOICE_* variables.

Every flag `--some-name` has a variable JETVOICE_SOME_NAME; flags win. Unknown flags and unknown
JETVOICE_* variables are refused with the list of valid ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from itertools import takewhile
from pathlib import Path
from typing import Any, NoReturn

from inference_types import CHUNK_POLICIES, ChunkPolicy, ModelLoadError

ENV_PREFIX = "JETVOICE_"
LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingsError(ModelLoadError):
    """A setting that does not exist or has a value it cannot have."""

    code = "settings_invalid"


def _setting(default: Any, words: str, **limits: Any) -> Any:
    return field(default=default, metadata={"help": words, **limits})


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """All settings of `python main.py`, with their defaults and ranges."""

    host: str = _setting("127.0.0.1", "address to listen on; 0.0.0.0 for all interfaces")
    port: int = _setting(8000, "TCP port; 0 picks a free one", low=0, high=65535)
    model: str = _setting(
        "",
        "model folder, F5-TTS .safetensors file or hf://owner/repo/folder/file.safetensors;"
        " empty: the shipped voice",
    )
    vocoder: str = _setting("", "Vocos file for F5 checkpoints; empty: beside the model")
    voice_dir: str = _setting(
        "~/.local/share/jetvoice/voices", "folder where uploaded voices are kept"
    )
    mesh: str = _setting("data=1", "device mesh, such as data=4")
    max_concurrent_requests: int = _setting(
        64, "speech requests admitted at once", low=1, high=4096
    )
    chunk_policy: ChunkPolicy = _setting(
        "exponential", "how text is cut into segments", choices=CHUNK_POLICIES
    )
    chunk_ms: int = _setting(250, "milliseconds of audio in a chunk", low=20, high=2000)
    max_text_chars: int = _setting(
        60_000, "characters of text in one request (about an hour of speech)", low=1, high=10**6
    )
    max_body_mb: int = _setting(16, "MiB of one request body", low=1, high=256)
    resume_s: int = _setting(
        60, "seconds an unheard stream waits for its listener", low=1, high=3600
    )
    grace_s: int = _setting(
        25, "seconds running streams get to finish on SIGTERM", low=0, high=3600
    )
    cors_origins: tuple[str, ...] = _setting(
        (), "comma-separated origins whose pages may use this server"
    )
    compile_cache: str = _setting(
        "~/.cache/jetvoice", "folder of compiled executables; empty: no cache"
    )
    log_level: str = _setting("info", "how much to log", choices=LOG_LEVELS)

    def __post_init__(self) -> None:
        for spec in fields(self):
            _check(spec, getattr(self, spec.name))
        _parse_mesh(self.mesh)
        for origin in self.cors_origins:
            if origin == "*" or "://" not in origin:
                raise SettingsError(
                    "cors-origins takes whole origins such as https://example.org, no wildcard",
                    field="cors_origins",
                )

    @property
    def num_data(self) -> int:
        """Devices on the data axis of the mesh."""
        return _parse_mesh(self.mesh)

    @property
    def voice_path(self) -> Path:
        return Path(self.voice_dir).expanduser()

    @classmethod
    def from_sources(cls, flags: Mapping[str, str], env: Mapping[str, str]) -> ServerSettings:
        """Flags over variables over defaults. Raises SettingsError naming the culprit."""
        texts = {**_from_environment(env), **flags}
        specs = {spec.name: spec for spec in fields(cls)}
        return cls(**{name: _convert(specs[name], text) for name, text in texts.items()})


def _from_environment(env: Mapping[str, str]) -> dict[str, str]:
    given = {
        key[len(ENV_PREFIX) :].lower(): text
        for key, text in env.items()
        if key.startswith(ENV_PREFIX)
    }
    valid = {spec.name for spec in fields(ServerSettings)}
    if unknown := sorted(given.keys() - valid):
        names = ", ".join(ENV_PREFIX + name.upper() for name in sorted(valid))
        raise SettingsError(
            f"unknown variable {ENV_PREFIX}{unknown[0].upper()}; valid ones are: {names}"
        )
    return given


def _convert(spec: Field[Any], text: str) -> Any:
    if isinstance(spec.default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if not isinstance(spec.default, int):
        return text
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"{_flag(spec)} takes a whole number", field=spec.name) from None


def _check(spec: Field[Any], value: Any) -> None:
    limits = spec.metadata
    if "low" in limits and not limits["low"] <= value <= limits["high"]:
        raise SettingsError(
            f"{_flag(spec)} must be from {limits['low']} to {limits['high']}", field=spec.name
        )
    if "choices" in limits and value not in limits["choices"]:
        raise SettingsError(
            f"{_flag(spec)} must be one of {', '.join(limits['choices'])}", field=spec.name
        )


def _parse_mesh(text: str) -> int:
    name, _, count = text.partition("=")
    if name != "data" or not (count.isascii() and count.isdecimal()) or not 1 <= int(count) <= 1024:
        raise SettingsError("mesh must look like data=N with N from 1 to 1024", field="mesh")
    return int(count)


def _flag(spec: Field[Any]) -> str:
    return "--" + spec.name.replace("_", "-")


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """What the command line asked for. `text_file` and `out_dir` are set for `generate`."""

    command: str
    settings: ServerSettings
    text_file: Path | None = None
    out_dir: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)


COMMANDS = ("serve", "generate")


class _Parser(argparse.ArgumentParser):
    """Refuses unknown flags with the list of valid ones."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        # Left alone, argparse takes an unknown flag's value for a command and blames that.
        for token in takewhile(lambda token: token not in COMMANDS, args or ()):
            flag = token.partition("=")[0]
            if flag.startswith("--") and flag not in self._option_string_actions:
                self.error(f"there is no setting {flag}")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        flags = ", ".join(sorted(key for key in self._option_string_actions if key[:2] == "--"))
        self.exit(2, f"{self.prog}: {message}\nvalid settings: {flags}\n")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("settings (also JETVOICE_* environment variables)")
    for spec in fields(ServerSettings):
        default = "" if spec.default in ((), "", MISSING) else f" (default: {spec.default})"
        group.add_argument(
            _flag(spec),
            dest=f"setting_{spec.name}",
            metavar=spec.name.upper(),
            default=argparse.SUPPRESS,
            help=(spec.metadata["help"] + default).replace("%", "%%"),
        )


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python main.py",
        description="JetVoice: speech from text, streamed while it is made.",
        allow_abbrev=False,
    )
    _add_settings(parser)
    commands = parser.add_subparsers(dest="command", parser_class=_Parser)
    serve = commands.add_parser("serve", help="run the HTTP server (the default)")
    _add_settings(serve)
    generate = commands.add_parser("generate", help="speak a text file into a folder, resumable")
    _add_settings(generate)
    generate.add_argument("--text-file", type=Path, required=True, help="UTF-8 text to speak")
    generate.add_argument("--out", type=Path, required=True, help="folder for the audio")
    generate.add_argument("--voice", help="a stored voice; default: the default voice")
    generate.add_argument("--seed", type=int, default=0, help="0 to 2147483647")
    generate.add_argument("--steps", type=int, help="Euler steps; default: the model's schedule")
    generate.add_argument("--speed", type=float, default=1.0, help="0.25 to 4.0")
    return parser


def parse_command_line(argv: Sequence[str], env: Mapping[str, str]) -> Invocation:
    """Settings and command. Exits with status 2 on unknown flags; raises SettingsError."""
    given = vars(_make_parser().parse_args(argv))
    flags = {
        key.removeprefix("setting_"): text
        for key, text in given.items()
        if key.startswith("setting_")
    }
    settings = ServerSettings.from_sources(flags, env)
    if given["command"] != "generate":
        return Invocation(command="serve", settings=settings)
    options = {name: given[name] for name in ("voice", "seed", "steps", "speed")}
    return Invocation(
        command="generate",
        settings=settings,
        text_file=given["text_file"],
        out_dir=given["out"],
        options=options,
    )
