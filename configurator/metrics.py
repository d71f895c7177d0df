"""/healthz and /metrics: is this process well, and how long do its answers take?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, current_app, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from sqlalchemy import text

from configurator import db
from configurator.auth import bears, public

SECONDS = Histogram("configurator_request_seconds", "Time to answer, by endpoint.", ["endpoint", "method"],
                    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2, 5))
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
ANSWERS = Counter("configurator_answers_total", "Answers by endpoint and status.", ["endpoint", "status"])


def init_metrics(app: Flask) -> None:
    """Measure every request and serve the two addresses."""

    @app.before_request
    def begin() -> None:
        g.metrics_started = time.perf_counter()

    @app.after_request
    def measure(response: Response) -> Response:
        endpoint = request.endpoint or "none"
        if "metrics_started" in g and endpoint != "static":
            method = request.method if request.method in METHODS else "other"  # anybody can invent some
            SECONDS.labels(endpoint, method).observe(time.perf_counter() - g.metrics_started)
            ANSWERS.labels(endpoint, str(response.status_code)).inc()
        return response

    app.add_url_rule("/healthz", "healthz", public(healthz), methods=["GET"])
    app.add_url_rule("/metrics", "metrics", public(metrics), methods=["GET"])


def healthz() -> tuple[dict[str, Any], int]:
    """Well means: the database answers."""
    try:
        with db.reading() as session:
            session.execute(text("SELECT 1"))
    except Exception:  # noqa: BLE001 - any failure is the answer
        return {"status": "database unavailable"}, 503
    return {"status": "ok"}, 200


def metrics() -> Response:
    """Prometheus text, for this machine or for whoever has the token."""
    token = current_app.config["SETTINGS"].metrics_token
    if not (bears(token) if token else request.remote_addr in ("127.0.0.1", "::1")):
        abort(404)
    registry = CollectorRegistry()
    folder = _multiprocess_folder()
    if folder:
        multiprocess.MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _multiprocess_folder() -> str | None:
    import os

    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return folder if folder and Path(folder).is_dir() else None
