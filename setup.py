"""Build entry point: scikit-build-core's setuptools plugin runs CMakeLists.txt.

Metadata is in pyproject.toml; this file only names the folder that holds CMakeLists.txt.
"""

from setuptools import setup

setup(cmake_source_dir=".")
