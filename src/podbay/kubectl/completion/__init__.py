"""Completion of command lines: the scripts that shells read, and the questions that these scripts ask.

The protocol is cobra's, so that kubectl's habits carry over: ``podbay __complete WORDS...`` answers one candidate a
line and a number that says what the shell may add of its own.
"""
