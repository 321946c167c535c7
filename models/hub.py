"""Model files by address: a local path, or one on the Hugging Face Hub.

`hf://owner/repo[@revision]/folder/file` names a file; `hf://owner/repo` alone the only safetensors
file there is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from inference_types import ModelLoadError

HUB_SCHEME = "hf://"


def resolve_model_file(address: str | Path) -> Path:
    """A local file for `address`; downloads (and caches) only when it names the Hub.

    Raises ModelLoadError: nothing there, an address that does not parse, or no download.
    """
    if str(address).startswith(HUB_SCHEME):
        return _download(str(address))
    path = Path(address)
    if not path.is_file():
        raise ModelLoadError(f"there is no model file at {path}; give a path or hf://owner/repo/…")
    return path


def _download(address: str) -> Path:
    owner, repo, file = _parse(address)
    repo, _, revision = repo.partition("@")
    place = {"repo_id": f"{owner}/{repo}", "revision": revision or None}
    try:
        # Imported here: only those who ask for the Hub need the package.
        import huggingface_hub as hub
    except ImportError as error:
        raise ModelLoadError(
            f"{address} needs the huggingface_hub package; install it or give a local path"
        ) from error
    file = file or _only_file(address, _ask(address, hub.list_repo_files, **place))
    return Path(_ask(address, hub.hf_hub_download, filename=file, **place))


def _ask(address: str, call: Callable[..., Any], **arguments: Any) -> Any:
    try:
        return call(**arguments)
    except (OSError, ValueError) as error:  # its error tree: HTTP, offline and bad names
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelLoadError(f"could not download {address}: {reason}") from error


def _only_file(address: str, files: list[str]) -> str:
    found = [file for file in files if file.endswith(".safetensors")]
    if len(found) != 1:
        names = ", ".join(found) or "none"
        raise ModelLoadError(f"{address} must name one of its safetensors files: {names}")
    return found[0]


def _parse(address: str) -> tuple[str, str, str]:
    """Owner, repository with its revision, and file ("" where only a repository is named)."""
    parts = address.removeprefix(HUB_SCHEME).split("/", 2)
    if len(parts) < 2 or not all(parts):
        raise ModelLoadError(f"{address} should look like hf://owner/repo/folder/file.safetensors")
    return parts[0], parts[1], parts[2] if len(parts) == 3 else ""
