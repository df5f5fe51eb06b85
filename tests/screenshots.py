"""Makes the documentation's pictures of comments: a message by Gerrit's rules, drawn by Chromium.

Needs chromium, markdown-it-py and pillow.

    python tests/screenshots.py docs/examples/comment.txt docs/rules/comment.png
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from PIL import Image

from tests.gerrit_page import page

WIDTH = 760
LINE = 20
"""Height of a line of text in the page, in pixels."""

COLOURS = 32
"""Enough for text on white; with all of them the file is three times as large."""

PAGE = """\
<!DOCTYPE html>
<meta charset="utf-8">
<style>
body {{ font: 14px/20px Roboto, "DejaVu Sans", sans-serif; color: #202124; background: #fff; margin: 12px 16px; }}
header {{ color: #5f6368; margin-bottom: 12px; }}
header b {{ color: #202124; font-weight: 500; }}
p {{ margin: 0 0 8px; overflow-wrap: break-word; }}
a {{ color: #1a73e8; }}
code {{ background: #f8f9fa; border: 1px solid #dadce0; font: 12px/16px "Roboto Mono", "DejaVu Sans Mono", monospace; }}
p > code {{ padding: 0 4px; }}
pre {{ margin: 8px 0; }}
pre > code {{ display: block; padding: 1px 4px; overflow-x: auto; white-space: pre; }}
</style>
<header><b>counterbot</b> &nbsp; Patch Set 1</header>
{message}
"""


def main(comment: str, picture: str) -> None:
    """Draws the comment in one file into another."""
    message = page(Path(comment).read_text())
    height = 72 + LINE * sum(message.count(end) for end in ("\n", "<a"))
    with tempfile.TemporaryDirectory() as folder:
        html = Path(folder) / "page.html"
        html.write_text(PAGE.format(message=message))
        subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                        f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{height}",
                        f"--screenshot={Path(picture).absolute()}", html.as_uri()], check=True, capture_output=True)
    with Image.open(picture) as drawn:
        few = drawn.convert("RGB").quantize(COLOURS)
    few.save(picture, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
