"""Who may do what, written down: every endpoint with its audience. What is missing here fails the tests."""

from __future__ import annotations

from configurator.auth import Role

PUBLIC: frozenset[Role] = frozenset()

AUDIENCE: dict[str, frozenset[Role]] = {
    # files, health, documentation
    "static": PUBLIC,
    "healthz": PUBLIC,
    "metrics": PUBLIC,  # for this machine or with a token: its own test
    "openapi.spec": PUBLIC,
    # programs
    "api.products": PUBLIC,
    "api.product": PUBLIC,
    "api.decide": PUBLIC,
    "api.promise": PUBLIC,
    "api.order": PUBLIC,
    "api.track": PUBLIC,
    "api.analysis": PUBLIC,  # behind an unguessable token
    "api.free_capacity": PUBLIC,  # for partners, with a token: its own test
    # the shop: a configuration, a checkout and an order are behind unguessable tokens
    "storefront.index": PUBLIC,
    "storefront.configure": PUBLIC,
    "storefront.choose": PUBLIC,
    "storefront.dates": PUBLIC,
    "storefront.start": PUBLIC,
    "storefront.compare": PUBLIC,
    "storefront.texts": PUBLIC,
    "storefront.order": PUBLIC,
    "storefront.checkout": PUBLIC,
    "storefront.terms": PUBLIC,
    "storefront.place": PUBLIC,
    "storefront.track": PUBLIC,
    "storefront.confirmation": PUBLIC,
    "storefront.pay": PUBLIC,  # a demo's test provider only
    "api.payment": PUBLIC,  # believed for its signature only
    "change.show": PUBLIC,
    "change.texts": PUBLIC,
    "change.confirm": PUBLIC,
    "change.again": PUBLIC,
    "change.cancel": PUBLIC,
    # the cart: its browser's alone, by an unguessable cookie
    "cart.show": PUBLIC,
    "cart.add": PUBLIC,
    "cart.change": PUBLIC,
    "cart.country": PUBLIC,
    "cart.deliveries": PUBLIC,
    "cart.hold": PUBLIC,
    "cart.renew": PUBLIC,
    "cart.checkout": PUBLIC,
    "cart.terms": PUBLIC,
    "cart.place": PUBLIC,
    # users
    "admin.login": PUBLIC,
    "admin.do_login": PUBLIC,
    "admin.logout": PUBLIC,
    "admin.index": frozenset({Role.ADMINISTRATOR}),
    "admin.new_user": frozenset({Role.ADMINISTRATOR}),
    "admin.add_user": frozenset({Role.ADMINISTRATOR}),
    "admin.user": frozenset({Role.ADMINISTRATOR}),
    "admin.change_user": frozenset({Role.ADMINISTRATOR}),
    "admin.set_password": frozenset({Role.ADMINISTRATOR}),
    "admin.retry_job": frozenset({Role.ADMINISTRATOR}),
    "admin.retry_mail": frozenset({Role.ADMINISTRATOR}),
    # catalogs
    "modelling.index": frozenset({Role.MODELLER}),
    "modelling.load": frozenset({Role.MODELLER}),
    "modelling.submit": frozenset({Role.MODELLER}),
    "modelling.submission": frozenset({Role.MODELLER}),
    "modelling.cancel": frozenset({Role.MODELLER}),
    "modelling.publish": frozenset({Role.MODELLER}),
    "modelling.discard": frozenset({Role.MODELLER}),
    # quotes and orders: the desk, and what a customer's unguessable link opens
    "sales.index": frozenset({Role.SALES}),
    "sales.order_list": frozenset({Role.SALES}),
    "sales.order": frozenset({Role.SALES}),
    "sales.deposit": frozenset({Role.SALES}),
    "sales.new_quote": frozenset({Role.SALES}),
    "sales.quote": frozenset({Role.SALES}),
    "sales.quote_document": frozenset({Role.SALES}),
    "sales.revise": frozenset({Role.SALES}),
    "sales.send": frozenset({Role.SALES}),
    "sales.public_quote": PUBLIC,
    "sales.public_document": PUBLIC,
    "sales.decline": PUBLIC,
    # the board and the shop floor
    "planning.index": frozenset({Role.PLANNER}),
    "planning.bars": frozenset({Role.PLANNER}),
    "planning.operations": frozenset({Role.PLANNER}),
    "planning.order": frozenset({Role.PLANNER}),
    "planning.why": frozenset({Role.PLANNER}),
    "planning.seek": frozenset({Role.PLANNER}),
    "planning.remedies": frozenset({Role.PLANNER}),
    "planning.end_remedies": frozenset({Role.PLANNER}),
    "planning.propose": frozenset({Role.PLANNER}),
    "planning.find": frozenset({Role.PLANNER}),
    "planning.search": frozenset({Role.PLANNER}),
    "planning.job": frozenset({Role.PLANNER}),
    "planning.cancel": frozenset({Role.PLANNER}),
    "planning.proposal": frozenset({Role.PLANNER}),
    "planning.publish": frozenset({Role.PLANNER}),
    "planning.discard": frozenset({Role.PLANNER}),
    "floor.index": frozenset({Role.OPERATOR}),
    "floor.line": frozenset({Role.OPERATOR}),
    "floor.start": frozenset({Role.OPERATOR}),
    "floor.finish": frozenset({Role.OPERATOR}),
}
