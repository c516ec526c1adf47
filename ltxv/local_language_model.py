"""A language model from the Hub or a folder, run here by transformers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ltxv.checkpoints import Source, hub_revision
from ltxv.device import DType, default_dtype, device_class, resolve_device
from ltxv.errors import LTXError, Misconfigured
from ltxv.expansion import ExpansionWork, turns
from ltxv.file_digest import files_digest
from ltxv.frozen import digest_of
from ltxv.hub_id import is_hub_id

_READ = {".safetensors", ".json", ".jinja", ".model", ".txt"}


class Weights(NamedTuple):
    """Weights on disk or on the Hub, and what they run as."""

    source: Source
    content: str
    """Digest of a folder's files, or the commit of a repository."""
    device: str
    dtype: DType


@dataclass(frozen=True)
class LocalLanguageModel:
    """Weights that load at the first prompt and stay loaded."""

    model: str
    """Hub id or folder."""
    revision: str | None
    device: str
    seconds: float

    @property
    def name(self) -> str:
        """The Hub id, or the folder's name."""
        return self.model if self._source.folder is None else Path(self.model).name

    @property
    def identity(self) -> str:
        """Digest of the weights, or their commit, and of what they run as.

        Raises:
            Misconfigured: There is no such folder.
        """
        weights = self._weights
        return digest_of([self.name, weights.content, device_class(weights.device), weights.dtype])

    @property
    def is_here(self) -> bool:
        """Whether nothing has to be downloaded."""
        weights = self._weights
        return weights.source.folder is not None or weights.content != weights.source.revision

    def write_out(self, work: ExpansionWork) -> str:
        """Return the model's answer.

        Raises:
            Transient: It took too long.
            Misconfigured: It cannot be loaded or ran into the limit of tokens.
        """
        from ltxv.model.text_generation import generated  # noqa: PLC0415 - heavy: torch

        try:
            return generated(self._weights, turns(work), seed=work.seed, seconds=self.seconds)
        except LTXError:
            raise
        except Exception as error:
            reason = str(error).strip().split("\n", 1)[0] or type(error).__name__
            raise Misconfigured(
                f"the language model {self.name} failed: {reason}; check the model, the revision, "
                "the device and the network in the LTX Prompt Expander block"
            ) from error

    @property
    def _weights(self) -> Weights:
        source, device = self._source, resolve_device(self.device)
        try:
            content = _content(source)
        except (OSError, ValueError) as error:
            raise Misconfigured(
                f"the language model {self.model!r} cannot be found: {error}; check its name"
            ) from error
        return Weights(source, content, device, default_dtype(device))

    @property
    def _source(self) -> Source:
        folder = Path(self.model).expanduser()
        if folder.is_dir():
            return Source(str(folder.resolve()))
        if is_hub_id(self.model):
            return Source(self.model, self.revision or "main")
        raise Misconfigured(
            f"there is no language model {self.model!r}; give a Hub id, owner/name, or a folder"
        )


def _content(source: Source) -> str:
    if source.folder is None:
        return hub_revision(source, file="config.json")
    files = sorted(path for path in source.folder.iterdir() if path.suffix in _READ)
    return files_digest({path.name: path for path in files})
