"""What did others record?  Each format's file turns recordings into exchanges, one at a time."""
