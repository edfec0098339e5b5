"""The proof that nothing is lost and nothing comes twice.

Senders (sender.py) and readers (reader.py) talk through a bad network (proxy.py) to a real server (child.py) that a
tormentor kills, stops and starves (tormentor.py). Each client keeps a diary (diary.py). One verifier, which knows none
of them, compares the diaries with the log (verifier.py). ordeal.py puts it all together: for the tests here, and for
benchmarks/chaos.py.
"""
