"""What tests share: one idea a file, and nothing in it is a test.

This file imports nothing: ``needs`` has to run before anything is installed.
"""
