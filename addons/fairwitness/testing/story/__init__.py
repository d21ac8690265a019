"""Half an hour of honest work in a real browser and with curl: no rule may cry wolf over it."""
