"""From a build to its counters: the artifact, or the manifest and the files that it names. Judges nothing."""

from .counters import Artifacts, Reading

__all__ = ["Artifacts", "Reading"]
