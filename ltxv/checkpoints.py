"""Which weights: names, Hub ids, folders and single files, found without loading anything."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ltxv.device import DType, device_class
from ltxv.engine import ModelIdentity
from ltxv.engine_options import EngineOptions
from ltxv.errors import Misconfigured
from ltxv.file_digest import files_digest
from ltxv.hub_id import is_hub_id

TINY = Path(__file__).parent / "tiny" / "checkpoint"
"""The embedded checkpoint: the 13B's classes and geometry, small enough for a CPU."""

UPSAMPLER = "Lightricks/ltxv-spatial-upscaler-0.9.7"
COMPANION = "Lightricks/LTX-Video-0.9.7-distilled"
"""Where a single file's text encoder, VAE and scheduler come from: it holds a transformer."""

FOLDERS = ("transformer", "vae", "text_encoder", "tokenizer", "scheduler")
"""The parts of a checkpoint in diffusers' layout; ``latent_upsampler`` may be among them."""

_NAMED = {
    "ltxv-13b-0.9.7-distilled": COMPANION,
    "ltxv-13b-0.9.7-dev": "Lightricks/LTX-Video-0.9.7-dev",
    "ltxv-13b-0.9.8-distilled": "Lightricks/LTX-Video-0.9.8-13B-distilled",
}
NAMES = ("tiny", *_NAMED)
"""The checkpoints that are known by a name."""

_NO_OPTIONS = EngineOptions()

_PICKLES = {".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth"}

Component = Literal[
    "transformer", "vae", "text_encoder", "tokenizer", "scheduler", "latent_upsampler"
]


@dataclass(frozen=True)
class Source:
    """Where files of a checkpoint lie: a folder, or a repository of the Hub at a revision."""

    location: str
    revision: str | None = None

    @property
    def folder(self) -> Path | None:
        """The folder on this machine, or None where the source is the Hub."""
        path = Path(self.location)
        return path if path.is_absolute() else None


@dataclass(frozen=True)
class Checkpoint:
    """Weights that were found but not loaded.

    ``components`` holds everything but the upsampler in diffusers' layout; where
    ``transformer_file`` is set, that file's transformer takes the place of the folder's.
    """

    name: str
    components: Source
    upsampler: Source
    transformer_file: Path | None = None

    def identity(
        self, *, dtype: DType, device: str, options: EngineOptions = _NO_OPTIONS
    ) -> ModelIdentity:
        """Return what tells this model's results from another's.

        The revision is the Hub's commit where the files are in the local cache, the revision
        asked for where they are not yet, and a digest of local files.

        Raises:
            Misconfigured: a local file cannot be read.
        """
        return ModelIdentity(
            checkpoint=self.name,
            revision=self._revision(),
            dtype=dtype,
            device=device_class(device),
            threads=options.threads_on(device),
            levers=options.levers_on(device),
        )

    def _revision(self) -> str:
        files: dict[str, Path] = {}
        remote: list[str] = []
        for label, source, parts in (
            ("", self.components, FOLDERS),
            ("upsampler:", self.upsampler, ("latent_upsampler",)),
        ):
            if source.folder is None:
                remote.append(label + hub_revision(source))
            else:
                files |= _files(source.folder, parts)
        if self.transformer_file is not None:
            files = {name: at for name, at in files.items() if not _is_transformer(name)}
            files["transformer_file"] = self.transformer_file
        try:
            digest = [files_digest(files)] if files else []
        except OSError as fault:
            raise Misconfigured(f"checkpoint {self.name}: {fault}; check the folder") from fault
        return "+".join([*remote, *digest])


def find_checkpoint(
    name: str = "tiny", revision: str | None = None, *, companion: str = COMPANION
) -> Checkpoint:
    """Return the checkpoint that ``name`` stands for, without loading or downloading it.

    Args:
        name: ``tiny``, one of the 13B names, a Hub id, a folder in diffusers' layout, or a
            ``.safetensors`` file with a transformer.
        revision: A commit, tag or branch of the Hub; local files have none.
        companion: Hub id that gives a single file the parts it lacks, unless the file lies in
            a folder that has them.

    Raises:
        Misconfigured: there is no such name or file, or the file is a pickle.
    """
    if name == "tiny":
        return _in_folder(name, TINY)
    if name in _NAMED:
        return _on_hub(name, _NAMED[name], revision)
    path = Path(name).expanduser()
    if path.is_dir():
        return _in_folder(name, path.resolve())
    if path.is_file():
        return _single_file(name, path.resolve(), companion)
    if is_hub_id(name) and path.suffix not in {*_PICKLES, ".safetensors"}:
        return _on_hub(name, name, revision)
    near = difflib.get_close_matches(name, NAMES, n=1)
    hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(NAMES)}, a Hub id, or"
    raise Misconfigured(
        f"checkpoint {name!r} is no known name, Hub id, folder or file; {hint}"
        + ("" if near else " the path of a folder or .safetensors file that exists")
    )


def _on_hub(name: str, repository: str, revision: str | None) -> Checkpoint:
    return Checkpoint(name, Source(repository, revision or "main"), Source(UPSAMPLER, "main"))


def _in_folder(name: str, folder: Path) -> Checkpoint:
    source = Source(str(folder))
    own = (folder / "latent_upsampler").is_dir()
    return Checkpoint(name, source, source if own else Source(UPSAMPLER, "main"))


def _single_file(name: str, file: Path, companion: str) -> Checkpoint:
    if file.suffix in _PICKLES:
        raise Misconfigured(
            f"checkpoint {name!r} is a pickle, which may run code; convert it to .safetensors"
        )
    if file.suffix != ".safetensors":
        raise Misconfigured(f"checkpoint {name!r} is no .safetensors file")
    beside = all((file.parent / part).is_dir() for part in FOLDERS)
    whole = _in_folder(name, file.parent) if beside else _on_hub(name, companion, None)
    return Checkpoint(name, whole.components, whole.upsampler, transformer_file=file)


def _files(folder: Path, parts: Sequence[str]) -> dict[str, Path]:
    """Return every file below ``parts`` that loading reads, by its path in the folder."""
    return {
        str(path.relative_to(folder)): path
        for part in parts
        for path in sorted((folder / part).rglob("*"))
        if path.suffix in {".safetensors", ".json", ".model"} and path.is_file()
    }


def _is_transformer(name: str) -> bool:
    """Tell the weights that a single file replaces; their configuration is still read."""
    return name.startswith("transformer/") and name.endswith(".safetensors")


def hub_revision(source: Source, *, file: str = "model_index.json") -> str:
    """Return the commit whose ``file`` is in the local cache, or the revision as it was given."""
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415  # half a second

    cached = try_to_load_from_cache(source.location, file, revision=source.revision or "main")
    if isinstance(cached, str):
        return Path(cached).parent.name
    return source.revision or "main"
