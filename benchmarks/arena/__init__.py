"""The arena in which chatctl and what one would pick instead are measured: peers, one run of each, the page.

peers.py      the servers: how each is started, entered and spoken to
floor.c       the least that any of them can do: a loop of send()
ring.py       one server on a core of its own, ended in every case; a deadline for every step
scenarios.py  what is measured
kept.py       results.json: each turn of each scenario, so that one can be measured again alone
targets.py    what is aimed at, and whether it is met
page.py       RESULTS.md
plot.py       its SVG pictures
"""
