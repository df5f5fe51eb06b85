"""Failures that no rule explains: what they show that passing builds do not, and which of them belong together."""
