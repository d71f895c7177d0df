"""Saved drafts: an account's, or those of a browser with our cookie; each opens by an unguessable address too."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from configurator.auth import company_id, public
from configurator.i18n import language
from configurator.sales.configurations import Selection, query_of
from configurator.storefront import drafts, service
from configurator.storefront.address import MOST_BESIDE, Address, compact, link_to_choices
from configurator.storefront.drafts import DraftView, Trouble
from configurator.storefront.drawings import draw
from configurator.storefront.forms import DraftForm, PressForm
from configurator.storefront.present import joined, said
from configurator.storefront.views import answer_to, read
from configurator.storefront.visiting import remember, visitor

bp = Blueprint("draft", __name__)


@bp.get("/products/<product>/draft")
@public
def new(product: str) -> ResponseReturnValue:
    """Under which name the configuration of the address is to be kept."""
    return _form_page(product, DraftForm())


@bp.post("/products/<product>/draft")
@public
def save(product: str) -> ResponseReturnValue:
    """Keep the configuration of the address under a name."""
    form = DraftForm()
    if not form.validate_on_submit():
        return _form_page(product, form), 422
    offer, reading = read(product)
    answered = answer_to(offer, reading)
    typed = service.typed_texts(company_id(), reading.address.token, visitor())
    name = form.name.data or ""
    try:
        saved = drafts.save_draft(
            company_id(), visitor(), name, offer, Selection(product, answered.decisions, typed), answered.country
        )
    except drafts.DraftsFull as full:
        form.name.errors = [full.message()]
        return _form_page(product, form), full.status
    flash(
        _("“%(name)s” is now what you chose here.", name=name) if saved.replaced
        else _("“%(name)s” is saved.", name=name), "success",
    )
    response = redirect(url_for(".index"), 303)
    remember(response, saved.holder)
    return response


def _form_page(product: str, form: DraftForm) -> str:
    offer, reading = read(product)
    answered = answer_to(offer, reading)
    back = f"{url_for('storefront.configure', product=product)}?{reading.address.query()}"
    lang = language()
    return render_template(
        "storefront/draft.html", form=form, offer=offer, back=back, query=reading.address.query(),
        drawing=draw(offer.product, answered.standing, lang),
        words=joined((": ".join(said(offer, d, lang)) for d in answered.decisions), lang),
    )


@bp.get("/drafts")
@public
def index() -> ResponseReturnValue:
    """What was saved, by products, under today's catalog."""
    lang = language()
    found: dict[str, list[DraftView]] = {}
    for one in drafts.drafts_of(company_id(), visitor()):
        found.setdefault(one.product.code, []).append(one)
    return render_template(
        "storefront/drafts.html", products=found, lang=lang, draw=draw, press=PressForm(), most=MOST_BESIDE + 1,
        link=lambda one: url_for(".show", token=one.token, _external=True), guest=not current_user.is_authenticated,
        words=lambda one: joined((": ".join(said(one.offer, d, lang)) for d in one.decisions), lang)
        if one.trouble is None else "",
    )


@bp.get("/drafts/<token>")
@public
def show(token: str) -> ResponseReturnValue:
    """Go on with a draft: the configuring page says what has changed since, and offers repairs."""
    draft = drafts.draft_by_token(company_id(), token)
    if draft.trouble is Trouble.WITHDRAWN:
        flash(_("This product is no longer offered."), "warning")
        return redirect(url_for(".index"))
    return redirect(link_to_choices(draft.product.code, draft.decisions, draft.country, token=draft.texts_token))


@bp.get("/drafts/compare")
@public
def compare() -> ResponseReturnValue:
    """Those that were ticked, side by side; all of one product."""
    tokens = list(dict.fromkeys(request.args.getlist("draft")))[: MOST_BESIDE + 1]
    wanted = [drafts.draft_by_token(company_id(), token) for token in tokens]
    wanted = [one for one in wanted if one.trouble is None and one.product.code == wanted[0].product.code]
    if len(wanted) < 2:
        flash(_("Tick at least two drafts of one product to compare them."), "info")
        return redirect(url_for(".index"))
    first, *others = wanted
    address = Address(
        first.product.code, query_of(first.decisions), first.country,
        beside=tuple(compact(query_of(one.decisions)) for one in others),
    )
    return redirect(f"{url_for('storefront.compare', product=address.product)}?{address.query()}")


@bp.post("/drafts/<token>/name")
@public
def rename(token: str) -> ResponseReturnValue:
    """Give a draft another name."""
    form = DraftForm()
    if form.validate_on_submit():
        drafts.rename_draft(company_id(), visitor(), token, form.name.data or "")
    else:
        drafts.draft_by_token(company_id(), token)  # or it is not found
        flash(" ".join(str(error) for error in form.name.errors), "warning")
    return redirect(url_for(".index"), 303)


@bp.post("/drafts/<token>/delete")
@public
def delete(token: str) -> ResponseReturnValue:
    """Delete a draft."""
    drafts.delete_drafts(company_id(), visitor(), [token])
    flash(_("The draft is deleted."), "success")
    return redirect(url_for(".index"), 303)
