"""Real servers as context managers. Standard library and requests alone; nothing of counterbot, nothing of pytest."""
