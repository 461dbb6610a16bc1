"""Markup → plain text. What leaves here holds no tag, no entity that makes one, and no control character."""

import html
import re
from typing import Final

import nh3

#: Texts are cut to this before they are read. Teasers are shorter; of whole articles the beginning is enough; and tags nested on
#: purpose cost the square of their number.
LONGEST: Final = 20_000
#: Feeds escape twice, some three times; what still looks like a tag after that is taken out by force.
_ROUNDS: Final = 4
#: Elements whose content is for machines.
_MACHINES: Final = {"script", "style", "noscript", "template", "iframe", "object", "svg", "math", "title", "textarea"}
#: These end a word; others (b, em, a) may stand inside one.
_BREAKS: Final = re.compile(
    r"<(?=/?(?:p|br|div|li|ul|ol|h[1-6]|tr|td|th|table|blockquote|hr|img|figure|section)\b)", re.I
)
#: How a tag, a comment or a declaration begins (HTML §13.2.5.6): "5 < 6" and "<3" are none.
_TAG: Final = re.compile(r"<(?=[a-zA-Z/!?])")
#: Controls, and what turns the direction of writing about or joins to nothing: invisible at best, a disguise at worst.
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_SPACES: Final = re.compile(r"\s+")


def plain(text: str, longest: int = 5_000) -> str:
    """One line of plain text, at most `longest` characters, cut at a word."""
    text = text[:LONGEST]
    for _ in range(_ROUNDS):
        if not (_TAG.search(text) or "&" in text):
            break
        before = text
        text = html.unescape(nh3.clean(_BREAKS.sub(" <", text), tags=set(), clean_content_tags=_MACHINES))
        if text == before:
            break
    text = _SPACES.sub(" ", _INVISIBLE.sub(" ", text)).strip()
    # Last of all, for what was taken out above may have stood inside a tag's name.
    text = _TAG.sub("< ", text)
    if len(text) > longest:
        text = text[: longest - 1].rsplit(" ", 1)[0].rstrip() + "…"
    return text
