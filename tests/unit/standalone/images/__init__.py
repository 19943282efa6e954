"""Tests of image archives."""
