"""What a page loads of ours: two files, which browsers keep, and its own layout."""

import re

from flask.testing import FlaskClient

from dashboard.page import ASSETS

#: Loaded before all others, or by the login page.
APART = {"theme.js", "texts.js", "login.js", "login.css"}


def test_a_page_asks_for_two_files_and_all_is_in_them(web: FlaskClient) -> None:
    page = web.get("/").text
    for suffix in (".js", ".css"):
        (address,) = re.findall(rf'(?:src|href)="(/assets/terminal-[0-9a-f]+\{suffix})"', page)
        answer = web.get(address)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.mimetype == {".js": "text/javascript", ".css": "text/css"}[suffix]
        files = {
            file.name: file.read_text("utf-8") for file in sorted(ASSETS.glob(f"*{suffix}")) if file.name not in APART
        }
        assert re.findall(r"^/\* (\S+\.(?:js|css)) \*/$", answer.text, re.M) == list(files)
        assert all(text in answer.text for text in files.values())
    assert sorted(re.findall(r'src="/assets/(\w+\.js)', page)) == ["texts.js", "theme.js"]


def test_a_page_of_another_version_is_served_and_nobody_keeps_it(web: FlaskClient) -> None:
    (ours,) = re.findall(r'"(/assets/terminal-[0-9a-f]+\.js)"', web.get("/").text)
    other = web.get("/assets/terminal-0123456789abcdef.js")
    assert other.headers["Cache-Control"] == "no-store"
    assert other.data == web.get(ours).data


def test_versions_that_nobody_has_do_not_fill_the_memory(web: FlaskClient) -> None:
    cache = web.application.extensions["compression"].cache
    address = "/_dash-component-suites/plotly/package_data/plotly.v1m{}.min.js"
    answers = [
        web.get(address.format(n), headers={"Accept-Encoding": "br"}).headers["Content-Encoding"] for n in range(20)
    ]
    assert answers == ["br"] * 20
    assert 1_000_000 < cache.size <= 16_000_000


def _laid_out(web: FlaskClient, referer: str | None) -> list[str]:
    answer = web.get("/_dash-layout", headers={"Referer": referer} if referer else {})
    assert answer.json is not None
    return [each["props"]["id"] for each in answer.json["props"]["children"] if each["type"] == "Main"]


def test_a_page_is_sent_alone(web: FlaskClient) -> None:
    names = ["console", "data", "markets", "news", "settings"]
    for name in names:
        assert _laid_out(web, f"http://localhost/{name}?symbol=BTC-USDT") == [name]
    for path in ("", "t/BTC-USDT?tf=5m", "markets/more"):
        assert _laid_out(web, f"http://localhost/{path}") == ["terminal"]
    assert _laid_out(web, None) == [*names, "terminal"]
