"""Reads training logs of many programs: bytes in, columns out.

Pure: no files, clocks or logging here, and nothing but numpy.
"""
