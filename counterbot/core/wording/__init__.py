"""Decisions -> what people read. Decides nothing."""
