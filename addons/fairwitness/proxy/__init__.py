"""How do we see traffic?  The only room that imports mitmproxy."""

from fairwitness.proxy.on_demand import read_addons_on_demand

read_addons_on_demand()
