"""How the outside is spoken to, each protocol once. Nothing here decides what is said."""
