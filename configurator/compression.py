"""Pages, scripts and styles are sent compressed to browsers that take them so: a phone waits for a quarter of them."""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

KINDS = frozenset({
    "text/html", "text/css", "text/plain", "text/javascript", "application/javascript", "application/json",
    "image/svg+xml",
})
LEAST = 1000  # bytes: less than a packet gets no quicker
QUICK, BEST = 1, 9  # levels of what is made for one answer, and of a file that is compressed once


def init_compression(app: Flask) -> None:
    """Compress what is worth it, after everything else was said about the answer."""
    files: dict[tuple[str, str], bytes] = {}  # one entry a version of a static file

    @app.after_request
    def compress(response: Response) -> Response:
        if response.mimetype not in KINDS or response.status_code != 200 or "Content-Encoding" in response.headers:
            return response
        response.vary.add("Accept-Encoding")
        if request.method == "HEAD" or not request.accept_encodings["gzip"]:
            return response
        file = (request.path, response.get_etag()[0] or "") if response.direct_passthrough else None
        if file is None and response.is_streamed:
            return response
        response.direct_passthrough = False
        data = response.get_data()
        if len(data) < LEAST:
            return response
        # The one secret of a page, its CSRF token, is signed anew every second: lengths tell nothing about it.
        if file is None:
            response.set_data(gzip.compress(data, QUICK, mtime=0))
        else:
            if file not in files:
                files[file] = gzip.compress(data, BEST, mtime=0)
            response.set_data(files[file])
            response.set_etag(file[1], weak=True)  # the same file in other bytes
        response.headers["Content-Encoding"] = "gzip"
        return response
