"""Intake's rules, without any I/O: when an extract or a row is good, and what a row does to what is held."""
