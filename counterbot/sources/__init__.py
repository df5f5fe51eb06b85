"""Where events come from. Nothing here looks at what they say."""
