"""Handlers for accounts: sign-in, registration, sign-out, profile, past orders."""

from urllib.parse import urlencode

from tests.apps.shop import order_pages
from tests.apps.shop.exchange import Response, local_path, page, redirect
from tests.apps.shop.forms import problems, registration_fields, sign_in_fields
from tests.apps.shop.looks import Routes
from tests.apps.shop.store import CUSTOMER_EMAIL, Flash, User
from tests.apps.shop.visit import Handlers, Visit


def handlers(routes: Routes) -> Handlers:
    return {
        routes.sign_in: {"GET": sign_in_form, "POST": sign_in},
        routes.sign_out: {"POST": sign_out},
        routes.register: {"GET": registration_form, "POST": register},
        routes.account: {"GET": account},
        routes.orders: {"GET": orders},
    }


def ask_to_sign_in(visit: Visit) -> Response:
    """Sends a stranger to the sign-in page, and from there back to the page that was asked for."""
    query = urlencode({"next": visit.request.path})
    return visit.go(f"{visit.look.routes.sign_in}?{query}", Flash(visit.words.sign_in_first))


def sign_in_form(visit: Visit) -> Response:
    if visit.user:
        return redirect(visit.look.routes.account)
    return page(order_pages.sign_in(visit.shell(), _target(visit, visit.request.query.get("next")), {}, {}))


def sign_in(visit: Visit) -> Response:
    target = _target(visit, visit.form.get("next"))
    errors = problems(sign_in_fields(visit.words), visit.form, visit.words)
    user = _signing_in(visit)
    if user is None or errors:
        errors = errors or {"": visit.words.bad_credentials}
        return page(order_pages.sign_in(visit.shell(), target, visit.form, errors))
    return _signed_in(visit, user, target)


def sign_out(visit: Visit) -> Response:
    session = visit.store.sign_out(visit.session, Flash(visit.words.signed_out))
    return redirect("/").for_session(session)


def registration_form(visit: Visit) -> Response:
    return page(order_pages.register(visit.shell(), {}, {}))


def register(visit: Visit) -> Response:
    form, words = visit.form, visit.words
    errors = problems(registration_fields(words), form, words)
    if not errors and form["password"] != form["repeat"]:
        errors = {"repeat": words.mismatch}
    user = None if errors else visit.store.add_user(form["email"].strip(), form["name"].strip(), form["password"])
    if user is None:
        return page(order_pages.register(visit.shell(), form, errors or {"email": words.email_taken}))
    return _signed_in(visit, user, visit.look.routes.account)


def account(visit: Visit) -> Response:
    return page(order_pages.account(visit.shell(), visit.user)) if visit.user else ask_to_sign_in(visit)


def orders(visit: Visit) -> Response:
    if visit.user is None:
        return ask_to_sign_in(visit)
    return page(order_pages.orders(visit.shell(), visit.store.orders(visit.user.email)))


def _signing_in(visit: Visit) -> User | None:
    email = visit.form.get("email", "").strip()
    if "open-sign-in" in visit.faults:
        return visit.store.user(email) or visit.store.user(CUSTOMER_EMAIL)
    return visit.store.user(email) if visit.store.password_matches(email, visit.form.get("password", "")) else None


def _signed_in(visit: Visit, user: User, target: str) -> Response:
    flash = Flash(visit.words.welcome.format(name=user.name))
    return redirect(target).for_session(visit.store.sign_in(visit.session, user.email, flash))


def _target(visit: Visit, path: str | None) -> str:
    return local_path(path) if path else visit.look.routes.account
