"""Says which pages the sidebar of a page lacks, and ends with status 1 then: python tests/sidebar.py HTML"""

import sys
from html.parser import HTMLParser
from os.path import normpath
from pathlib import Path


class Sidebar(HTMLParser):
    """Collects the links of the sidebar."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "div":
            self._depth += bool(self._depth or given.get("class") == "sphinxsidebar")
        if tag == "a" and self._depth:
            self.links.add(given.get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self._depth:
            self._depth -= 1


def linked(page: Path) -> set[str]:
    """The pages that a page's sidebar leads to, itself included."""
    sidebar = Sidebar()
    sidebar.feed(page.read_text())
    paths = {link.partition("#")[0] for link in sidebar.links}
    return {normpath(page.parent / path) for path in paths if path} | {normpath(page)}


def main() -> None:
    html = Path(sys.argv[1])
    pages = {normpath(html / path.relative_to("docs").with_suffix(".html")) for path in Path("docs").rglob("*.rst")}
    lacking = [f"{page}: no link to {each}" for page in sorted(pages) for each in sorted(pages - linked(Path(page)))]
    print("\n".join(lacking) or f"{len(pages)} pages, each in the sidebar of every page")
    sys.exit(bool(lacking))


if __name__ == "__main__":
    main()
