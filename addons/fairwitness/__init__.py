"""fairwitness: in scope or not at all, every request on record.

The rooms, each answering one question: ``model`` what are we talking about, ``policy`` may it go out,
``rules`` was it fair, ``detect`` what is in these bytes, ``evidence`` what happened, ``proxy`` how do we
see traffic, ``cli`` the front door.  ``witness`` conducts.  See docs/architecture.md.
"""

__version__ = "0.1.0"
