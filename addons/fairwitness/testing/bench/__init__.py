"""How well, and what it costs: the judge on recordings whose truth is known.

`scripts/bench` prints it; tests ask the same functions.  Unlike its siblings this folder knows the judge
and the rules, since it measures them.
"""
