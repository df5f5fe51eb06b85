"""How other systems are spoken to, each protocol once. What is sent is decided elsewhere."""
