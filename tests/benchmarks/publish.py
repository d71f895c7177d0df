"""Suite `publish`: compiling a revision once, what that takes to store, and how soon another process has it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.apart import Apart, Ended, Overdue
from tests.benchmarks.domains import Settings, asked, each_source, read
from tests.benchmarks.models import Source
from tests.benchmarks.report import Row

SUITE = "publish"


def run(*, full: bool, folder: Path | None = None, only: Sequence[str] = ()) -> Iterator[Row]:
    """All models."""
    settings = Settings.of(full=full, folder=folder, only=only, peers="")
    for source, files in each_source(settings):
        yield from _measure(source, files, settings)


def _measure(source: Source, files: Path, settings: Settings) -> Iterator[Row]:
    name, stored = source.name, str(files / "compiled")
    try:
        with Apart("tests.benchmarks.ours") as process:
            model = read(process, source, files, settings.ready)
            published = asked(process, "publish", settings.publish + 60, seconds=settings.publish)
            file = asked(process, "store", 60, path=stored)
        with Apart("tests.benchmarks.ours") as process:
            read(process, source, files, settings.ready)
            loaded = asked(process, "load", 60, path=stored)
    except (Ended, Overdue) as error:
        yield Row(SUITE, name, "ours", "publish_s", float("nan"), "s", f"not measured: {error}")
        return
    yield Row(SUITE, name, "ours", "publish_s", published["seconds"], "s", published["facts"])
    yield Row(SUITE, name, "ours", "memory_mb", published["memory_mb"], "MB", "the whole process, at most")
    yield Row(SUITE, name, "ours", "compiled_share", published["compiled_share"], "")
    yield Row(SUITE, name, "ours", "file_mb", file["file_mb"], "MB")
    read_before = f"its file was read in {model['seconds']:.2f} s before"
    yield Row(SUITE, name, "ours", "load_s", loaded["seconds"], "s", read_before)
    yield Row(SUITE, name, "ours", "loaded_memory_mb", loaded["memory_mb"], "MB", "the whole process, at most")
    yield Row(SUITE, name, "ours", "first_click_ms", loaded["click_ms"], "ms", "the first click after loading")
