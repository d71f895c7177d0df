"""Saved drafts: an account's, or those of a browser with our cookie; each opens by an unguessable address too."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from configurator.app import settings
from configurator.auth import company_id, public
from configurator.i18n import language
from configurator.sales.configurations import Selection, query_of
from configurator.sales.uploads import TooManyFiles
from configurator.storefront import drafts, service
from configurator.storefront.address import MOST_BESIDE, Address, compact, link_to_choices, offered_as
from configurator.storefront.drafts import DraftView, Trouble
from configurator.storefront.drawings import draw
from configurator.storefront.forms import DraftForm, MailForm, PressForm
from configurator.storefront.present import joined, said_as_one
from configurator.storefront.views import answer_to, read
from configurator.storefront.visiting import remember, visitor
from configurator.throttle import TooManyMails

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
        words=joined((said_as_one(offer, d, lang) for d in answered.decisions), lang),
    )


@bp.get("/drafts")
@public
def index() -> ResponseReturnValue:
    """What was saved, by products, under today's catalog."""
    return _drafts_page()


def _drafts_page(wrong: tuple[str, MailForm] | None = None) -> str:
    """`wrong`: the token of the draft whose link could not be sent, and what was typed."""
    lang = language()
    found: dict[str, list[DraftView]] = {}
    for one in drafts.drafts_of(company_id(), visitor()):
        found.setdefault(one.product.code, []).append(one)
    return render_template(
        "storefront/drafts.html", products=found, lang=lang, draw=draw, press=PressForm(), most=MOST_BESIDE + 1,
        link=lambda one: url_for(".show", token=one.token, _external=True), guest=not current_user.is_authenticated,
        words=lambda one: joined((said_as_one(one.offer, d, lang) for d in one.decisions), lang)
        if one.trouble is None else "",
        wrong=wrong[0] if wrong else "", mail_form=partial(_mail_form, wrong),
    )


def _mail_form(wrong: tuple[str, MailForm] | None, token: str) -> MailForm:
    form = wrong[1] if wrong and wrong[0] == token else MailForm(None)
    form.mail.id = f"mail-{token}"
    return form


@bp.get("/drafts/<token>")
@public
def show(token: str) -> ResponseReturnValue:
    """Go on with a draft: the configuring page says what has changed since, and offers repairs."""
    draft = drafts.draft_by_token(company_id(), token)
    if draft.trouble is Trouble.WITHDRAWN:
        flash(_("This product is no longer offered."), "warning")
        return redirect(url_for(".index"))
    return redirect(link_to_choices(
        draft.product.code, draft.decisions, draft.country, token=draft.texts_token,
        offered=offered_as(*draft.made_under),
    ))


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


@bp.post("/drafts/<token>/mail")
@public
def send(token: str) -> ResponseReturnValue:
    """Send the link to an own draft by mail. What is answered does not depend on whose the address is."""
    form = MailForm()
    if not form.validate_on_submit():
        drafts.draft_by_token(company_id(), token)  # or it is not found
        return _drafts_page((token, form)), 422
    mail = form.mail.data or ""
    try:
        drafts.mail_link(
            company_id(), visitor(), token, mail, language(), address=request.remote_addr or "",
            secret=settings().secret_key,
        )
    except TooManyMails as refused:
        form.mail.errors = [refused.message()]
        return _drafts_page((token, form)), refused.status
    flash(_("The link is on its way to %(mail)s.", mail=mail), "success")
    return redirect(url_for(".index"), 303)


@bp.get("/drafts/<token>/take")
@public
def offered(token: str) -> ResponseReturnValue:
    """What the link in the mail opens: the draft, to be kept here too or only looked at."""
    draft = drafts.draft_by_token(company_id(), token)
    lang = language()
    return render_template(
        "storefront/draft_offered.html", draft=draft, lang=lang,
        drawing=draw(draft.product, draft.standing, lang) if draft.standing is not None else "",
        words=joined((said_as_one(draft.offer, d, lang) for d in draft.decisions), lang)
        if draft.trouble is None else "",
    )


@bp.post("/drafts/<token>/take")
@public
def take(token: str) -> ResponseReturnValue:
    """Keep the draft in this browser, or in the account, too."""
    try:
        taken = drafts.take_draft(company_id(), visitor(), token)
    except (drafts.DraftsFull, TooManyFiles) as full:
        flash(full.message(), "warning")
        return redirect(url_for(".index"), 303)
    response = redirect(url_for(".show", token=taken.token), 303)
    remember(response, taken.holder)
    return response


@bp.post("/drafts/<token>/delete")
@public
def delete(token: str) -> ResponseReturnValue:
    """Delete a draft."""
    files = drafts.delete_drafts(company_id(), visitor(), [token])
    flash(_("The draft and its files are deleted.") if files else _("The draft is deleted."), "success")
    return redirect(url_for(".index"), 303)
