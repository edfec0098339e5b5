"""Tests that drive whole programs."""
