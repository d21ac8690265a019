"""How do we see traffic?  The only room that imports mitmproxy."""
