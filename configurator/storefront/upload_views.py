"""Files that a product asks for: sent with the configuration of the address, handed out to those they are for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from typing import Any

from flask import Blueprint, flash, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from catalog.offer import Offer
from catalog.products import UploadContent
from catalog.uploads import NotTaken
from configurator.app import INERT
from configurator.auth import company_id, public
from configurator.errors import NotFound
from configurator.sales.orders import order_by_token
from configurator.sales.uploads import TooManyFiles, file_for, keep_file
from configurator.sales.visitors import HOUSE
from configurator.storefront import service
from configurator.storefront.address import Reading
from configurator.storefront.present import file_fault_words
from configurator.storefront.views import page_again, read
from configurator.storefront.visiting import remember, visitor

bp = Blueprint("upload", __name__)


@bp.post("/products/<product>/files/<question>")
@public
def send(product: str, question: str) -> ResponseReturnValue:
    """Keep a file beside the texts of the address, and go on with it."""
    offer, reading = read(product)
    content = _asked(offer, question)
    sent = request.files.get("file")
    data = sent.read() if sent is not None else b""
    try:
        file, holder = keep_file(company_id(), visitor(), content, (sent and sent.filename) or "", data)
    except NotTaken as error:
        return page_again(offer, reading, {question: file_fault_words(content, error, len(data))}), 422
    except TooManyFiles as error:
        return page_again(offer, reading, {question: error.message()}), error.status
    response = _on_with(offer, reading, question, file.answer, holder)
    remember(response, holder)
    return response


@bp.post("/products/<product>/files/<question>/remove")
@public
def remove(product: str, question: str) -> ResponseReturnValue:
    """Go on without the file."""
    offer, reading = read(product)
    _asked(offer, question)
    return _on_with(offer, reading, question, "")


@bp.get("/files/<file>")
@public
def show(file: str) -> ResponseReturnValue:
    """A file, for whoever sent it and for those who work here."""
    return _attached(*file_for(company_id(), visitor(), file))


@bp.get("/orders/<token>/files/<file>")
@public
def of_order(token: str, file: str) -> ResponseReturnValue:
    """A file of an order, for everybody who has the order's unguessable address."""
    order = order_by_token(company_id(), token)
    if file not in {one.file.token for unit in order.units for one in unit.choices if one.file is not None}:
        raise NotFound(field="file")
    return _attached(*file_for(company_id(), HOUSE, file))


@bp.errorhandler(413)
def too_large(_error: Exception) -> ResponseReturnValue:
    """Larger than anything that a product may ask for: nothing of it was read, and the address still has the rest."""
    flash(_("This file is far too large and was not read. What is allowed stands beside the question."), "warning")
    product = (request.view_args or {}).get("product", "")
    return redirect(f"{url_for('storefront.configure', product=product)}?{request.query_string.decode()}", 303)


def _asked(offer: Offer, question: str) -> UploadContent:
    content = next((upload for upload in offer.product.uploads if upload.id == question), None)
    if content is None:
        raise NotFound(field="question")
    return content


def _on_with(offer: Offer, reading: Reading, question: str, answer: str, holder: str = "") -> Any:
    """To the configuring page, with this answer beside what was typed and sent before."""
    who = visitor()
    kept: Mapping[str, str] = service.typed_texts(
        company_id(), reading.address.token, replace(who, holder=holder or who.holder)
    )
    token = service.keep_texts(company_id(), offer, reading.decisions, kept, {**kept, question: answer})
    address = reading.address.with_token(token)
    return redirect(
        f"{url_for('storefront.configure', product=offer.product.code)}?{address.query()}#q-{question}", 303
    )


def _attached(name: str, data: bytes) -> ResponseReturnValue:
    """To be saved, never to be shown: whatever is in it acts for nobody."""
    response = send_file(BytesIO(data), "application/octet-stream", as_attachment=True, download_name=name)
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Security-Policy"] = INERT
    return response
