"""The program behind ``chatctl join``.

``desk.py`` is what it does, ``lines.py`` what it shows; neither knows a terminal. Two screens show it: ``prompt.py``
(prompt-toolkit, with ``painter.py`` as its output path) and ``plain.py`` (lines in, lines out).
"""
