"""The application factory: settings in, a Flask application with every department out."""

from __future__ import annotations

import itertools
import os
import time
import uuid
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog
from apiflask import APIFlask
from flask import Flask, Response, abort, current_app, g, jsonify, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError, CSRFProtect  # type: ignore[import-untyped]
from markupsafe import escape
from secure import (
    ContentSecurityPolicy,
    PermissionsPolicy,
    ReferrerPolicy,
    Secure,
    StrictTransportSecurity,
    XFrameOptions,
)
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import select
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map
from werkzeug.wrappers import Response as BaseResponse

from catalog.offer import keep_offers
from catalog.products import Product
from configurator import db
from configurator.auth import ROLE_WORDS, Role, init_auth
from configurator.compression import init_compression
from configurator.config import Settings
from configurator.errors import DomainError
from configurator.i18n import init_i18n
from configurator.logs import configure_logs
from configurator.metrics import init_metrics
from configurator.planning.options import configure as configure_planning
from configurator.sales.payment_terms import configure as configure_payments

log = structlog.get_logger()
PACKAGE = Path(__file__).parent
csrf = CSRFProtect()
MAX_BODY_BYTES = 2 * 1024 * 1024
# By endpoint: what is too large is said beside its question.
LARGER_BODIES = {
    "upload.send": 32 * 1024 * 1024, "api.upload": 32 * 1024 * 1024, "api.post_free_capacity": 8 * 1024 * 1024,
    "api.analyse_feature_model": 8 * 1024 * 1024,
}


def create_app(settings: Settings) -> APIFlask:
    """The application over the database that the settings name."""
    configure_logs(settings.log_format, settings.log_level)
    configure_planning(settings)
    configure_payments(settings)
    keep_offers(
        settings.folder / "compiled", offers=settings.offers_kept, megabytes=settings.offers_megabytes
    )
    db.connect(settings.database)
    app = APIFlask(
        "configurator", title="Configurator", version="1", json_errors=False, docs_path=None,
        spec_path="/api/v1/openapi.json", root_path=str(PACKAGE), template_folder=str(_templates()),
        static_folder=str(PACKAGE / "static"),
    )
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        SESSION_COOKIE_NAME="configurator_form",
        SESSION_COOKIE_SECURE=settings.cookies_over_https_only,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        TRUSTED_HOSTS=settings.hosts or None,
        WTF_CSRF_TIME_LIMIT=None,
        SEND_FILE_MAX_AGE_DEFAULT=31536000,
        BABEL_TRANSLATION_DIRECTORIES=str(PACKAGE / "translations"),
        OPENAPI_VERSION="3.1.0",
    )
    if settings.proxies:
        count = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count, x_prefix=0)  # type: ignore[method-assign]
    app.url_map.converters["int"] = RowIdConverter
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    init_compression(app)
    _init_requests(app)
    init_metrics(app)
    init_i18n(app)
    csrf.init_app(app)
    init_auth(app)
    _init_errors(app)
    _init_templates(app)
    register_departments(app)
    return app


class RowIdConverter(IntegerConverter):
    """A whole number that a database can keep; anything else in an address is not found."""

    def __init__(self, map: Map, *arguments: Any, **more: Any) -> None:  # noqa: A002 - werkzeug's name
        super().__init__(map, *arguments, **{"max": 2**31 - 1} | more)


def _templates() -> Path:
    """Templates stand beside the packages in a checkout and inside the package in a wheel."""
    inside = PACKAGE / "templates"
    return inside if inside.is_dir() else PACKAGE.parent / "templates"


# Department -> the modules with its blueprints (each named `bp`).
DEPARTMENTS = (
    "configurator.storefront.views",
    "configurator.storefront.cart_views",
    "configurator.storefront.address_views",
    "configurator.storefront.change_views",
    "configurator.storefront.draft_views",
    "configurator.storefront.upload_views",
    "configurator.storefront.account_views",
    "configurator.sales.views",
    "configurator.planning.views",
    "configurator.planning.floor",
    "configurator.modelling.views",
    "configurator.admin.views",
    "configurator.sales.delivery_views",
    "configurator.sales.payment_terms_views",
    "configurator.api.views",
)


def register_departments(app: APIFlask) -> None:
    """Every department's views. A view that names no audience answers nobody (`auth`)."""
    for name in DEPARTMENTS:
        module = import_module(name)
        app.register_blueprint(module.bp)
        if name == "configurator.api.views":
            csrf.exempt(module.bp)  # the API reads no cookie, so there is nothing to forge


def warm(app: APIFlask) -> None:
    """Answer the first pages once: the compiled catalog, the books and the templates are then shared by all workers."""
    config: Settings = app.config["SETTINGS"]
    with db.reading() as session:
        codes = session.exec(select(Product.code).order_by(Product.code)).all()
    client = app.test_client()
    host = config.hosts[0] if config.hosts else "localhost"
    for path in ("/", *(f"/products/{code}" for code in codes)):
        answer = client.get(path, base_url=f"http://{host}")
        if answer.status_code >= 500:
            log.error("warm.failed", path=path, status=answer.status_code)


INERT = "default-src 'none'; sandbox"  # the content policy of what somebody sent: it may do nothing at all
_LONGEST_SECRET = 40  # characters


def settings() -> Settings:
    """The settings of the running application."""
    return current_app.config["SETTINGS"]  # type: ignore[no-any-return]


def keep_secret(response: BaseResponse, name: str, secret: str, kept_for: timedelta) -> None:
    """Have the browser keep a secret in a cookie that no script can read and other sites' forms do not bring."""
    response.set_cookie(
        name, secret, max_age=kept_for, httponly=True, samesite="Lax", secure=settings().cookies_over_https_only
    )


def kept_secret(name: str) -> str:
    """The secret that the browser was given with `keep_secret`, or whatever it sends; "" without one."""
    return request.cookies.get(name, "")[:_LONGEST_SECRET]


def forget_secret(response: BaseResponse, name: str) -> None:
    """Have the browser forget what `keep_secret` had it keep."""
    response.delete_cookie(name, httponly=True, samesite="Lax", secure=settings().cookies_over_https_only)


# --- requests ---------------------------------------------------------------------------------------------------------

SECURE = Secure(
    csp=ContentSecurityPolicy().default_src("'self'").script_src("'self'").style_src("'self'")
    .img_src("'self'", "data:").connect_src("'self'").object_src("'none'").base_uri("'none'").form_action("'self'")
    .frame_ancestors("'none'"),
    referrer=ReferrerPolicy().same_origin(),
    permissions=PermissionsPolicy().geolocation().camera().microphone(),
    xfo=XFrameOptions().deny(),
)
HSTS = StrictTransportSecurity().max_age(31536000).include_subdomains()


def _init_requests(app: Flask) -> None:
    headers = dict(SECURE.headers) | {"X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin"}

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()
        g.request_id = uuid.uuid4().hex[:16]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=g.request_id)
        request.max_content_length = LARGER_BODIES.get(request.endpoint or "", MAX_BODY_BYTES)

    @app.before_request
    def refuse_nul() -> None:
        """No text of ours has a NUL in it, and PostgreSQL cannot even be asked for one."""
        if "\0" in request.path:
            abort(404)
        typed = request.form if request.method == "POST" and not wants_json() else MultiDict[str, str]()
        for name, value in itertools.chain(request.args.items(multi=True), typed.items(multi=True)):
            if "\0" in name or "\0" in value:
                abort(400)

    @app.after_request
    def finish(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        if request.is_secure:
            response.headers.setdefault(HSTS.header_name, HSTS.header_value)
        if request.endpoint != "static" and not (request.endpoint or "").endswith(".static"):
            response.headers.setdefault("Cache-Control", "no-store")
            milliseconds = round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000, 1)
            log.info("request", method=request.method, endpoint=request.endpoint, status=response.status_code,
                     ms=milliseconds)
        return response


def _init_templates(app: Flask) -> None:
    stamps: dict[str, str] = {}

    def asset(filename: str) -> str:
        """A static file's address, with its content's age so that browsers keep it for good."""
        if filename not in stamps:
            stamps[filename] = f"{int(os.stat(PACKAGE / 'static' / filename).st_mtime):x}"
        return f"{app.static_url_path}/{filename}?v={stamps[filename]}"

    app.jinja_env.globals.update(asset=asset, Role=Role, ROLE_WORDS=ROLE_WORDS)


# --- errors -----------------------------------------------------------------------------------------------------------


def wants_json() -> bool:
    return request.path.startswith("/api/")


def problem(status: int, code: str, message: str, field: str | None = None, **more: Any) -> Response:
    """The API's answer to anything that went wrong: a stable code, a sentence, the field."""
    body: dict[str, Any] = {"error": {"code": code, "message": message, "field": field, "fields": [], **more}}
    response = jsonify(body)
    response.status_code = status
    return response


def _page(status: int, title: str, message: str) -> tuple[str, int]:
    name = "_error_partial.html" if request.headers.get("HX-Request") else "error.html"
    try:
        return render_template(name, title=title, message=message, status=status), status
    except Exception:
        log.exception("error_page.failed")  # whatever is broken, the answer is a sentence
        return f"<!doctype html><title>{escape(title)}</title><h1>{escape(title)}</h1><p>{escape(message)}</p>", status


def _init_errors(app: Flask) -> None:
    @app.errorhandler(DomainError)
    def refused(error: DomainError) -> Any:
        if wants_json():
            return problem(error.status, error.code, error.message(), error.field)
        return _page(error.status, _("That did not work"), error.message())

    @app.errorhandler(CSRFError)
    def forged(error: CSRFError) -> Any:
        title = _("This form is no longer valid")
        return _page(400, title, _("Please open the page again and send the form once more."))

    @app.errorhandler(PoolTimeout)
    @app.errorhandler(OperationalError)
    def database_down(error: OperationalError | PoolTimeout) -> Any:
        log.error("database.unavailable", error=type(getattr(error, "orig", error)).__name__)
        message = _("We cannot reach our records just now. Nothing was lost; please try again in a minute.")
        answer = problem(503, "unavailable", message) if wants_json() else app.make_response(
            _page(503, _("One moment, please"), message))
        answer.headers["Retry-After"] = "10"
        return answer

    @app.errorhandler(DataError)
    @app.errorhandler(OverflowError)
    def no_such_value(error: DataError | OverflowError) -> Any:
        """A number or a text that no database keeps, such as 10 ** 30: it cannot have come from our pages."""
        log.info("request.no_such_value", error=type(error).__name__)
        return http(BadRequest())

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Any:
        status = error.code or 500
        if status < 400:
            return error
        title, message = (str(words) for words in HTTP_WORDS.get(status, SOMETHING))
        if wants_json():
            response = problem(status, CODES.get(status, "refused"), str(PROGRAM_WORDS.get(status, title)))
        else:
            response = app.make_response(_page(status, title, message))
        if error.get_response().headers.get("Allow"):
            response.headers["Allow"] = error.get_response().headers["Allow"]
        return response

    @app.errorhandler(Exception)
    def broken(error: Exception) -> Any:
        if app.testing and app.config.get("PROPAGATE_EXCEPTIONS"):
            raise error
        log.exception("request.failed")
        message = _("Something went wrong on our side. It was noted as %(id)s.", id=g.get("request_id", "-"))
        if wants_json():
            return problem(500, "internal", message)
        return _page(500, _("That did not work"), message)


CODES = {400: "bad_request", 401: "login_required", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
         413: "too_large", 415: "unsupported_media_type", 422: "invalid_input", 429: "too_many_requests"}


SOMETHING = (_l("That did not work"), _l("Please go back and try again."))
PROGRAM_WORDS = {  # a program has opened no page and sees no buttons
    404: _l("There is nothing at this address, or it is not yours to see."),
    405: _l("This address does not take this method."),
}
HTTP_WORDS = {  # by status; said in the request's language
    400: (_l("We could not read that request"), _l("Please go back and try again.")),
    403: (_l("This page is not for your role"), _l("Log in as somebody who may see it, or go back.")),
    404: (_l("There is no such page"), _l("The address may be old, or it is not yours to see.")),
    405: (_l("That is not possible here"), _l("Please use the page's own buttons.")),
    413: (_l("That is too large"), _l("At most 2 MiB can be sent at once.")),
    429: (_l("Too many requests"), _l("Please wait a moment and try again.")),
}
