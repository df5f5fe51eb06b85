"""``python -m counterbot``."""

from .cli import main

main()
