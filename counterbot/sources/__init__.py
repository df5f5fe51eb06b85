"""Where events come from. Their content is not interpreted here."""
