"""Tests of Hubpulse: one folder per room, real servers through the fixtures of conftest.py."""
