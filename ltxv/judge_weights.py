"""Weights of a model that judges: a folder, or a repository of the Hub at one commit.

A judge whose weights could change unseen would be none: a repository counts only with the commit
that was looked at, a folder by the digest of what is in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ltxv.errors import Misconfigured, Transient
from ltxv.file_digest import files_digest
from ltxv.hub_id import is_hub_id

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SUFFIXES = {".json", ".safetensors", ".txt", ".jinja", ".model"}
"""What transformers reads of a checkpoint, pickles and code left out."""


@dataclass(frozen=True)
class JudgeWeights:
    """Where the weights are.

    Attributes:
        name: Absolute path of a folder, or ``owner/name`` on the Hub.
        commit: The repository's commit; none for a folder.
    """

    name: str
    commit: str | None = None

    def __post_init__(self) -> None:
        """Refuse what could not be told from another.

        Raises:
            ValueError: It is neither a folder nor a repository at a commit.
        """
        if self._folder is not None:
            if self.commit is not None:
                raise ValueError("a folder has no revision; leave it out")
        elif not is_hub_id(self.name):
            raise ValueError(
                f"{self.name!r} is neither the absolute path of a folder nor owner/name on the Hub"
            )
        elif not _COMMIT.fullmatch(self.commit or ""):
            raise ValueError(
                f"{self.name} needs its revision, the 40 digits of the commit that you trust; the "
                "Hub shows them under Files and versions"
            )

    @property
    def identity(self) -> str:
        """Name and commit, or the digest of a folder's files; part of cache keys.

        Raises:
            Misconfigured: There is no such folder.
        """
        folder = self._folder
        if folder is None:
            return f"{self.name}@{self.commit}"
        return f"sha256:{files_digest(_files(folder))}"

    def fetch(self) -> Path:
        """Return a folder with the weights; those of the Hub are downloaded at the first call.

        Raises:
            Transient: The Hub cannot be reached.
            Misconfigured: There is no such folder, repository or commit.
        """
        folder = self._folder
        if folder is not None:
            _files(folder)
            return folder
        from huggingface_hub import snapshot_download  # noqa: PLC0415 - only for the Hub
        from huggingface_hub.errors import (  # noqa: PLC0415
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )

        patterns = [f"*{suffix}" for suffix in sorted(_SUFFIXES)]
        try:
            return Path(snapshot_download(self.name, revision=self.commit, allow_patterns=patterns))
        except (RepositoryNotFoundError, RevisionNotFoundError) as error:
            raise Misconfigured(
                f"the Hub has no {self.name} at {self.commit}, or it is gated; check both, and the "
                "token in HF_TOKEN"
            ) from error
        except Exception as error:  # of several HTTP libraries
            raise Transient(
                f"{self.name} cannot be had from the Hub ({type(error).__name__}); check the "
                "network, or download it and name the folder"
            ) from error

    @property
    def _folder(self) -> Path | None:
        return Path(self.name).expanduser() if self.name.startswith(("/", "~")) else None


def _files(folder: Path) -> dict[str, Path]:
    """Return the files that loading reads, by their path in the folder."""
    found = {
        str(path.relative_to(folder)): path
        for path in sorted(folder.rglob("*"))
        if path.suffix in _SUFFIXES and path.is_file()
    }
    if not any(name.endswith(".safetensors") for name in found):
        raise Misconfigured(
            f"{folder} has no .safetensors file; copy the checkpoint there (pickles are not read)"
        )
    return found
