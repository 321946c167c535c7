"""Model files by address: a local path, or `hf://owner/repo[@revision]/folder/file` on the Hub."""

from __future__ import annotations

from pathlib import Path

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
    try:
        # Imported here: only those who ask for the Hub need the package.
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise ModelLoadError(
            f"{address} needs the huggingface_hub package; install it or give a local path"
        ) from error
    try:
        return Path(hf_hub_download(f"{owner}/{repo}", file, revision=revision or None))
    except (OSError, ValueError) as error:  # its error tree: HTTP, offline and bad names
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelLoadError(f"could not download {address}: {reason}") from error


def _parse(address: str) -> tuple[str, str, str]:
    parts = address.removeprefix(HUB_SCHEME).split("/", 2)
    if len(parts) != 3 or not all(parts):
        raise ModelLoadError(f"{address} should look like hf://owner/repo/folder/file.safetensors")
    return parts[0], parts[1], parts[2]
