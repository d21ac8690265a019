"""Who do we show it to?  One format a file; each takes what is shown and a stream, never a database."""
