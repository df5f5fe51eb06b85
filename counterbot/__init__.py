"""counterbot tells people when a change makes a CI job work harder, or when a job failed by a known bug."""

try:
    from ._version import __version__ as __version__
except ModuleNotFoundError:
    __version__ = "0.dev0"  # a checkout that nothing was built from
