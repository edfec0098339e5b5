"""The program behind ``chatctl join``.

A conversation (controller.py, or classic.py for a server of the first version) decides, and knows no terminal. A screen
(prompt_screen.py on prompt-toolkit, or plain_screen.py for pipes) shows it. They meet in interfaces.py; app.py puts the
two together.
"""
