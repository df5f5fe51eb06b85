"""counterbot tells people when a change makes a CI job work harder, or when a job failed by a known bug."""

__version__ = "0.1.0"
