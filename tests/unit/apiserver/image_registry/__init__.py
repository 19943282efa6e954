"""Tests of the image registry."""
