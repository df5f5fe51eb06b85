"""Text that is shown to people: harmless, in columns, with readable figures. Knows nothing of builds."""
