"""The harness of compare.py: chatctl and the programs one would use instead, the runs, the page.

peers.py           the servers: how each is started, joined and spoken to
floor.c            the lower bound of the work: a loop of send()
server_process.py  one server on a core of its own, ended in every case; a deadline for every step
scenarios.py       what is measured, and who takes part
loads.py           runs in which messages are sent
crowds.py          runs in which many members join, resume or stop reading
results.py         results.json: each turn of each scenario, so that one can be measured again alone
targets.py         the aims, and whether they are met
page.py            RESULTS.md
plot.py            its SVG pictures
"""
