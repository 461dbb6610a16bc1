"""Logging in with a browser: a second web server beside the stack's, with access on."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from pipeline.store.session import Session
from pipeline.store.users import Users
from tests.browser import DESKTOP, Terminal
from tests.dashboard.people import HASH, PASSWORD, SECRET
from tests.e2e.conftest import Stack
from tests.stack import Program, eventually, free_port

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def guarded(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    session = Session(stack.up.setting("database_url"))
    Users(session).add("ann", HASH, "admin")
    Users(session).add("bob", HASH)
    session.close()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    web = Program(
        "web", "--port", str(port), log=tmp_path_factory.mktemp("guarded") / "web.log",
        CRYPTOVIZ_DATABASE_URL=stack.up.setting("database_url"), CRYPTOVIZ_REDIS_URL=stack.up.setting("redis_url"),
        CRYPTOVIZ_ACCESS="on", CRYPTOVIZ_SECRET_KEY=SECRET,
    )  # fmt: skip
    assert eventually(lambda: _answers(url)), web.log.read_text()
    yield url
    assert web.stop(10) == 0


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def visitor(browser: Browser, guarded: str) -> Iterator[Terminal]:
    """Somebody new: no cookie, nothing stored."""
    context = browser.new_context(**DESKTOP, color_scheme="dark")  # type: ignore[arg-type]
    terminal = Terminal(context, guarded)
    yield terminal
    context.close()


def log_in(visitor: Terminal, name: str = "ann", password: str = PASSWORD) -> None:
    visitor.page.fill("[name=name]", name)
    visitor.page.fill("[name=password]", password)
    visitor.page.click("text=Log in >> nth=-1")


def test_in_and_out(visitor: Terminal) -> None:
    visitor.page.goto(visitor.url + "/t/ETH-USDT?tf=5m")
    assert "/login?next=/t/ETH-USDT" in visitor.page.url
    log_in(visitor, password="guess")
    visitor.page.wait_for_selector(".wrong >> text=The name or the password is wrong.")
    visitor.problems.clear()  # the refusal itself
    log_in(visitor)
    visitor.ready()
    assert "/t/ETH-USDT" in visitor.page.url
    visitor.page.wait_for_selector("#terminal[data-connection=live]")

    assert visitor.text("#header .user") == "ann"
    visitor.page.click("#header .user")
    visitor.page.click("#menu >> text=Settings")
    visitor.page.wait_for_selector("#settings .users[data-state=live]")
    assert "ann" in visitor.text("#settings .account")
    assert visitor.page.locator("#settings .logins .line").count() == 1
    visitor.page.fill("#settings .keys [placeholder]", "nightly")
    visitor.page.click("text=Make a key")
    visitor.page.wait_for_selector("#settings .made code")
    key = visitor.text("#settings .made code")
    head = {"Authorization": f"Bearer {key}"}
    assert httpx.get(f"{visitor.url}/api/v1/crypto/symbols", headers=head).status_code == 200
    visitor.page.click("#settings .keys .line >> text=Revoke")
    visitor.page.wait_for_selector("text=nightly is refused from now on.")
    assert eventually(lambda: httpx.get(f"{visitor.url}/api/v1/crypto/symbols", headers=head).status_code == 401)
    visitor.page.click("#settings .users .line:has-text('bob') >> text=Keep out")
    visitor.page.wait_for_selector("#settings .users .line:has-text('bob') >> text=kept out")

    visitor.page.click("text=Log out")
    visitor.page.wait_for_selector(".login form")
    visitor.page.goto(visitor.url + "/")
    assert "/login" in visitor.page.url
    assert visitor.problems == []


def test_a_login_that_is_over_leads_to_the_login_page(visitor: Terminal, stack: Stack) -> None:
    visitor.page.goto(visitor.url)
    log_in(visitor)
    visitor.ready()
    session = Session(stack.up.setting("database_url"))
    with session.transaction() as cursor:
        cursor.execute("UPDATE logins SET revoked_at = now()")
    session.close()
    # The socket is closed with 4401, and what it takes to open it again is refused.
    visitor.page.wait_for_url("**/login?next=*")


def test_settings_without_access(stack: Stack, terminal: Terminal) -> None:
    terminal.page.goto(stack.url + "/settings")
    terminal.page.wait_for_selector("#settings .account >> text=Nobody logs in")
    before = terminal.value("getComputedStyle(document.documentElement).getPropertyValue('--up')")
    terminal.page.get_by_label("Rising and falling").select_option("blue")
    terminal.page.get_by_label("Theme").select_option("light")
    assert terminal.value("document.documentElement.dataset.theme") == "light"
    assert terminal.value("getComputedStyle(document.documentElement).getPropertyValue('--up')") != before
    terminal.page.reload()
    terminal.page.wait_for_selector("#settings .account[data-state=live]")
    assert terminal.page.get_by_label("Theme").input_value() == "light"
    assert terminal.page.get_by_label("Rising and falling").input_value() == "blue"
    terminal.page.get_by_label("Rising and falling").select_option("")
    terminal.page.get_by_label("Theme").select_option("")
    assert terminal.value("getComputedStyle(document.documentElement).getPropertyValue('--up')") == before


def test_layouts_are_the_users_not_the_browsers(visitor: Terminal, browser: Browser, guarded: str) -> None:
    visitor.page.goto(visitor.url + "/t/BTC-USDT")
    log_in(visitor)
    visitor.ready()
    visitor.page.click("#layout-button")
    visitor.page.click("#layouts >> text=Order book")
    visitor.page.fill("#layouts form input", "Left hand")
    visitor.page.click("#layouts >> text=Save")
    visitor.page.wait_for_selector("#layouts .named >> text=Left hand")
    visitor.until("CV.rest.get('layouts').then((kept) => 'Left hand' in kept)")

    elsewhere = Terminal(browser.new_context(**DESKTOP), guarded)  # type: ignore[arg-type]
    elsewhere.page.goto(guarded + "/t/BTC-USDT")
    log_in(elsewhere)
    elsewhere.ready()
    elsewhere.page.click("#layout-button")
    elsewhere.page.click("#layouts >> text=Left hand")
    elsewhere.until("document.querySelector('#terminal').querySelector('#book').classList.contains('hidden')")
    elsewhere.page.click("#layouts [aria-label='Remove Left hand']")
    elsewhere.page.wait_for_selector("#layouts .named", state="detached")
    elsewhere.page.context.close()
