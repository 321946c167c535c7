"""Settings: flags over variables over defaults; what is unknown or impossible is refused."""

from pathlib import Path

import pytest

from server.settings import ServerSettings, SettingsError, parse_command_line


def test_defaults_serve_on_port_8000() -> None:
    invocation = parse_command_line([], {})
    assert invocation.command == "serve"
    assert invocation.settings == ServerSettings()
    assert invocation.settings.port == 8000


def test_flags_win_over_variables() -> None:
    env = {"JETVOICE_PORT": "1234", "JETVOICE_HOST": "0.0.0.0", "PATH": "/bin"}
    settings = parse_command_line(["--port", "99"], env).settings
    assert (settings.port, settings.host) == (99, "0.0.0.0")


@pytest.mark.parametrize("command", [[], ["serve"]])
def test_settings_may_stand_before_or_after_the_command(command: list[str]) -> None:
    settings = parse_command_line([*command, "--mesh", "data=4"], {}).settings
    assert settings.num_data == 4


def test_settings_before_the_command_are_kept() -> None:
    settings = parse_command_line(["--port", "99", "serve", "--host", "::1"], {}).settings
    assert (settings.port, settings.host) == (99, "::1")


def test_generate_takes_a_file_and_a_folder() -> None:
    invocation = parse_command_line(
        ["generate", "--text-file", "book.txt", "--out", "dir", "--seed", "7"], {}
    )
    assert invocation.command == "generate"
    assert invocation.text_file == Path("book.txt")
    assert invocation.options["seed"] == 7


def test_unknown_variable_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(SettingsError, match="JETVOICE_PROT.*JETVOICE_PORT"):
        parse_command_line([], {"JETVOICE_PROT": "1"})


@pytest.mark.parametrize("argv", [["--prot", "1"], ["--prot=1"], ["serve", "--prot", "1"]])
def test_unknown_flag_is_refused_with_the_valid_ones(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_command_line(argv, {})
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert "there is no setting --prot" in message and "--port" in message


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--port", "65536"),
        ("--port", "-1"),
        ("--port", "http"),
        ("--mesh", "model=2"),
        ("--mesh", "data=0"),
        ("--mesh", "data=²"),
        ("--chunk-policy", "random"),
        ("--chunk-ms", "1"),
        ("--log-level", "loud"),
        ("--cors-origins", "*"),
        ("--max-concurrent-requests", "0"),
    ],
)
def test_impossible_values_name_the_setting(flag: str, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_command_line([flag, text], {})
    assert caught.value.field == flag[2:].replace("-", "_")


def test_origins_are_a_list() -> None:
    settings = parse_command_line(["--cors-origins", "https://a.example, http://b:1"], {}).settings
    assert settings.cors_origins == ("https://a.example", "http://b:1")
