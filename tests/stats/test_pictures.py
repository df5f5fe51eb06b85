"""docs/pictures: what the script draws by the code as it is."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_pictures_show_what_the_code_does(tmp_path):
    subprocess.run([sys.executable, "docs/pictures.py", str(tmp_path)], cwd=ROOT, check=True)
    made, kept = ({each.name: each.read_text() for each in folder.glob("*.svg")}
                  for folder in (tmp_path, ROOT / "docs/pictures"))
    assert made == kept, "run: python docs/pictures.py"
