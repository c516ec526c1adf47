"""Makes pictures of these pages from what the commands really print and write.

``python docs/pictures.py [terminals] [store] [sheets] [pages]`` runs them with a store and a
Prefect server of their own, on the tiny checkpoint; all if none is named.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from xml.sax.saxutils import escape

import httpx
import torch
from playwright.sync_api import sync_playwright
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.settings import PREFECT_API_URL, temporary_settings
from safetensors.torch import save_file

from blocks.safety_checker import SafetyChecker
from tests.browser import PICTURES, Seen

_DOCS = Path(__file__).parent
_LTX = Path(sys.executable).with_name("ltx")
_WIDTH, _LINE, _SIZE, _LETTER = 76, 19, 13, 7.9
_FIRST, _LAST = 3, 11
"""Lines of a long answer that are shown."""
_TINY_WIDTH, _STRENGTH = 384, 0.1
_START_SECONDS = 120
_INK, _PROMPT, _PAPER = "#e6e6e6", "#8ab4f8", "#1e1e1e"
_REQUEST = {
    "prompt": "a cat looks up",
    "images": [{"image_url": "cat.jpg"}],
    "resolution": "480p",
    "aspect_ratio": "1:1",
    "number_of_frames": 17,
    "seed": 7,
}


def main() -> None:
    """Make all pictures."""
    os.environ[PICTURES] = str(_DOCS)
    with tempfile.TemporaryDirectory(prefix="ltx-docs-") as folder, _server(folder) as server:
        desk = _Desk(Path(folder), f"{server}/api")
        shutil.copy(_DOCS.parent / "samples" / "cat.jpg", folder)
        desk.write("request.json", _REQUEST)
        with temporary_settings({PREFECT_API_URL: f"{server}/api"}):
            kinds = {
                "terminals": lambda: _terminals(desk),
                "store": lambda: _store(desk),
                "sheets": lambda: _sheets(desk),
                "pages": lambda: _pages(desk, server),
            }
            for kind in sys.argv[1:] or kinds:
                kinds[kind]()


def _terminals(desk: _Desk) -> None:
    made = ["generate", "request.json", "--model", "tiny"]
    _keep("caching.svg", [desk.together([made, made])])
    desk.run([*made, "-o", "cat.mp4"])
    whole = _middle_left_out(desk.run(["inspect", "cat.mp4"]))
    clip = bytearray((desk.place / "cat.mp4").read_bytes())
    clip[len(clip) // 2] ^= 1
    (desk.place / "changed.mp4").write_bytes(clip)
    broken = _middle_left_out(desk.run(["inspect", "changed.mp4"], code=1))
    _keep("provenance.svg", [[whole, broken]])
    killed = desk.killed([*made, "--seed", "8"], at="second_pass 1/3")
    run = next(line for line in killed if line.startswith("Flow run")).split()[-1]
    _keep("resume.svg", [[killed, [*desk.run(["resume"]), *desk.run(["resume", run[:4]])]]])


def _store(desk: _Desk) -> None:
    made = ["generate", "request.json", "--model", "tiny"]
    for seed in ("11", "12"):
        desk.run([*made, "--seed", seed])
    _keep("storage.svg", [[desk.sizes(".ltx/store")]])


def _sheets(desk: _Desk) -> None:
    sweep = ["sweep", "request.json", "--model", "tiny", "--sheet", "sheet.jpg"]
    moves = json.dumps(["pan left", "pan right", "pan up", "pan down"])
    desk.run([*sweep, "--vary", f"prompt={moves}"])
    shutil.copy(desk.place / "sheet.jpg", _DOCS / "prompts.jpg")
    _write_lora(desk.place / "noise.safetensors")
    desk.write(
        "request.json", {**_REQUEST, "prompt": "hold", "loras": [{"path": "noise.safetensors"}]}
    )
    desk.run([*sweep, "--vary", "loras.0.scale=0,0.5,1,2"])
    shutil.copy(desk.place / "sheet.jpg", _DOCS / "loras.jpg")


def _pages(desk: _Desk, server: str) -> None:
    desk.write("request.json", _REQUEST)
    desk.run(["generate", "request.json", "--model", "tiny"])
    with get_client(sync_client=True) as client:
        (page, *_) = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["safety"]))
        )
        kind = client.read_block_type_by_slug(SafetyChecker.get_block_type_slug())
    program = next(filter(None, map(shutil.which, ["chromium", "google-chrome"])))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        seen = Seen(browser)
        seen.page.goto(f"{server}/v2/blocks/catalog/{kind.slug}/create")
        seen.page.get_by_label("Name", exact=True).first.wait_for()
        seen.keep("blocks")
        seen.page.goto(f"{server}/v2/artifacts/artifact/{page.id}")
        seen.page.get_by_text("highest score").first.wait_for()
        seen.keep("safety")


@contextmanager
def _server(folder: str) -> Iterator[str]:
    """Start a Prefect server with its UI; its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    home = {
        **os.environ,
        "PREFECT_HOME": f"{folder}/.prefect",
        "PREFECT_API_URL": f"{address}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with Path(folder, "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], env=home, stdout=log, stderr=log
        )
    try:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            with suppress(httpx.TransportError):
                if httpx.get(f"{address}/api/health", trust_env=False).is_success:
                    break
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


class _Desk:
    """A folder, and a home of its own, in which commands are run."""

    def __init__(self, place: Path, api: str) -> None:
        self.place = place
        self._home = {
            **os.environ,
            "HOME": str(place),
            "OMP_NUM_THREADS": "1",
            "PREFECT_API_URL": api,
        }

    def write(self, name: str, content: object) -> None:
        """Write a JSON file."""
        (self.place / name).write_text(json.dumps(content))

    def run(self, command: Sequence[str], *, code: int = 0) -> list[str]:
        """Run a command that ends with an exit code, and return what it prints."""
        return _Run(command, self.place, self._home).lines(code=code)

    def sizes(self, folder: str) -> list[str]:
        """Return what ``du`` says of the folders in one."""
        command = ["du", "--human-readable", "--max-depth=1", folder]
        told = subprocess.run(command, cwd=self.place, capture_output=True, text=True, check=True)
        lines = sorted(told.stdout.expandtabs().splitlines(), key=lambda line: line.split()[1])
        return [f"$ {' '.join(command)}", *lines]

    def killed(self, command: Sequence[str], *, at: str) -> list[str]:
        """Run a command that is killed once it prints a text, and return what it prints."""
        return _Run(command, self.place, self._home, doom=at).lines(code=-signal.SIGKILL)

    def together(self, commands: Sequence[Sequence[str]]) -> list[list[str]]:
        """Return what commands print that are started at the same moment."""
        runs = [_Run(command, self.place, self._home) for command in commands]
        return [run.lines() for run in runs]


def _write_lora(file: Path) -> None:
    """Write a LoRA of random numbers for the tiny transformer."""
    noise = torch.Generator().manual_seed(1)
    name = "transformer.transformer_blocks.{}.attn1.to_v.lora_{}.weight"
    tensors = {}
    for block in range(2):
        tensors[name.format(block, "A")] = torch.randn(4, _TINY_WIDTH, generator=noise) * _STRENGTH
        tensors[name.format(block, "B")] = torch.randn(_TINY_WIDTH, 4, generator=noise) * _STRENGTH
    save_file(tensors, file)


def _middle_left_out(lines: Sequence[str]) -> list[str]:
    return [*lines[:_FIRST], "  …", *lines[-_LAST:]]


def _keep(name: str, rows: Sequence[Sequence[Sequence[str]]]) -> None:
    (_DOCS / name).write_text(_picture(rows))


class _Run:
    """A command, and its lines in the order in which they come."""

    def __init__(
        self, command: Sequence[str], place: Path, home: Mapping[str, str], *, doom: str = ""
    ) -> None:
        self._doom = doom
        self._lines = [f"$ ltx {' '.join(command)}"]
        self._process = subprocess.Popen(
            [str(_LTX), *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=place,
            env=dict(home),
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def lines(self, *, code: int = 0) -> list[str]:
        """Wait for its end.

        Raises:
            RuntimeError: It ended with another code, and so would the picture be another.
        """
        self._reader.join()
        if self._process.wait() != code:
            raise RuntimeError("\n".join(self._lines))
        return self._lines

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.append(line.rstrip("\n"))
            if self._doom and self._doom in line:
                self._process.kill()
                self._lines.append("Killed")  # a shell says so
                return


def _picture(rows: Sequence[Sequence[Sequence[str]]]) -> str:
    """Return an SVG of terminals beside and below each other."""
    wide = _WIDTH * _LETTER + 28
    parts: list[str] = []
    top = 0
    for row in rows:
        panes = [_wrapped(lines) for lines in row]
        tall = max(map(len, panes)) * _LINE + 26
        for number, lines in enumerate(panes):
            left = number * (wide + 10)
            parts.append(
                f'<rect x="{left:g}" y="{top}" width="{wide:g}" height="{tall}" rx="6" '
                f'fill="{_PAPER}"/>'
            )
            parts += [
                f'<text x="{left + 14:g}" y="{top + 26 + at * _LINE}" '
                f'fill="{_PROMPT if line.startswith("$ ") else _INK}">{_spaced(line)}</text>'
                for at, line in enumerate(lines)
            ]
        top += tall + 10
    across = max(len(row) for row in rows) * (wide + 10) - 10
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across:g} {top - 10}" '
        f'font-family="DejaVu Sans Mono, monospace" font-size="{_SIZE}">'
    )
    return "\n".join([head, *parts, "</svg>", ""])


def _spaced(line: str) -> str:
    """Return a line as SVG text; viewers fold plain spaces."""
    return escape(line).replace(" ", "\N{NO-BREAK SPACE}")


def _wrapped(lines: Sequence[str]) -> list[str]:
    """Return lines as a terminal of this width breaks them; results end where a folder begins."""
    shown: list[str] = []
    for line in lines:
        before, address, _ = line.partition("file:///")
        whole = f"{before}{address}…" if address and before.startswith("{") else line
        shown += re.findall(rf".{{1,{_WIDTH}}}", whole)
    return shown


if __name__ == "__main__":
    main()
