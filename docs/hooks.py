"""For `make docs`: the README is the first page, what links to files of the repository is named instead, and diagrams are drawn by a
script that the site itself serves, on the pages that have some."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.utils import get_relative_url

_REPOSITORY = Path(__file__).parent.parent
_MERMAID = _REPOSITORY / ".tools" / "mermaid" / "node_modules" / "@mermaid-js" / "tiny" / "dist" / "mermaid.tiny.js"
_LOGO = _REPOSITORY / "assets" / "icons" / "logo.svg"
_SCRIPT = "scripts/mermaid.js"


def on_files(files: Files, config: Any) -> Files:
    readme = re.sub(r"\[([^\]]+)\]\((?!docs/|http)[^)]+\)", r"\1", (_REPOSITORY / "README.md").read_text("utf-8"))
    readme = readme.replace("](docs/", "](")
    files.append(File.generated(config, "index.md", content=readme))
    files.append(File.generated(config, _SCRIPT, content=_MERMAID.read_bytes()))
    files.append(File.generated(config, "site/logo.svg", content=_LOGO.read_bytes()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    return re.sub(r"\[([^\]]+)\]\(\.\./[^)]+\)", r"\1", markdown)


def on_page_content(html: str, **_: Any) -> str:
    """In a table a bar within code is written with a backslash, which only the forge takes out."""
    return re.sub(r"<code>[^<]*</code>", lambda code: code[0].replace("\\|", "|"), html)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """The theme fetches mermaid from a foreign host unless it is there before the theme's own script."""
    if 'class="mermaid"' not in output:
        return output
    script = f'<script src="{get_relative_url(_SCRIPT, page.url)}"></script>'
    return re.sub(r'(<script src="[^"]*assets/javascripts/bundle)', script + r"\1", output, count=1)
