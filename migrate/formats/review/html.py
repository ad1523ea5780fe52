"""The report as one HTML file: no network, no script, and a policy in it that allows neither.

Whatever a document says is text: Jinja escapes every expression, and control characters are shown as
escapes, so that nothing on the page can come from a session's data, a waiver or a note.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from typing import TYPE_CHECKING, Any

from migrate.core.document import Document
from migrate.formats.figures import clean, count, duration, plural
from migrate.formats.review import drawn
from migrate.formats.review.plots import legend

if TYPE_CHECKING:
    from jinja2 import Environment

SIGNS = {
    "passed": "✓",
    "failed": "✗",
    "unproven": "?",
    "open": "✓",
    "shut": "✗",
    "expired": "–",
    "refused": "✗",
    "unasked": "?",
    "yes": "✓",
    "no": "✗",
}
"""What stands beside each word, so that no colour is needed to tell them apart."""

MEANS = {
    "passed": "good",
    "open": "good",
    "yes": "good",
    "failed": "bad",
    "shut": "bad",
    "refused": "bad",
    "no": "bad",
    "expired": "neutral",
}
"""And their colours; the others are open questions."""


def html_text(document: Document) -> str:
    """The report as HTML, complete."""
    from markupsafe import Markup

    environment = _environment()
    style = environment.get_template("style.css").render().strip()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = environment.get_template("report.html")
    ours = Markup(style)  # noqa: S704 (a file of this package, without a placeholder)
    kinds = {one["sha256"][:12]: one["kind"] for one in document["of"]["documents"]}
    return page.render(report=document, style=ours, style_digest=digest, kinds=kinds) + "\n"


@functools.cache
def _environment() -> Environment:
    # imported here: every command imports the formats, and few write HTML
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader("migrate.formats.review"),
        autoescape=select_autoescape(
            enabled_extensions=("html",), default=True, disabled_extensions=("css",)
        ),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain,
    )
    environment.filters |= {
        "count": count,
        "duration": duration,
        "plural": plural,
        "words": lambda name: str(name).replace("_", " ").replace("-", " "),
        "short": lambda digest: str(digest)[:12],
        "day": lambda moment: moment["iso"][:16].replace("T", " "),
        "legend": lambda plot: legend(_means(plot)),
    }
    environment.globals |= {"drawn": drawn, "signs": SIGNS, "means": MEANS, "wide": drawn.WIDE}
    return environment


def _plain(value: Any) -> Any:
    """Text from elsewhere on one line, without what a browser would obey; markup stays what it is."""
    return clean(value) if type(value) is str else value


def _means(plot: Any) -> list[str]:
    if hasattr(plot, "bars"):
        return [segment.means for bar in plot.bars for segment in bar.segments]
    return [mark.means for lane in plot.lanes for mark in lane.marks] if hasattr(plot, "lanes") else []
