"""Tests of the servers that tests rely on."""
