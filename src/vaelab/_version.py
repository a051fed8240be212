"""The version of the package, read by the build and written into run folders."""

__version__ = "0.2.0"
