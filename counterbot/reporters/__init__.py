"""How people are told. Nothing here decides what is said."""
