"""Compile the headers that all of Cython's modules read, once for all: g++ takes half of its time to read them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

import numpy as np
from setuptools._distutils.ccompiler import new_compiler
from setuptools._distutils.sysconfig import customize_compiler

__all__ = ["shared_headers"]

#: As Cython's modules include them; what else they include is small.
_HEADERS = """\
#define PY_SSIZE_T_CLEAN
#include "Python.h"
#include <structmember.h>
#include "numpy/arrayobject.h"
#include "numpy/ufuncobject.h"
#include <atomic>
#include <cmath>
#include <complex>
#include <ios>
#include <set>
#include <stdexcept>
#include <type_traits>
"""


@cache
def shared_headers(folder: Path, flags: tuple[str, ...]) -> list[str]:
    """Return what to add to the flags of a module; a compiler that cannot use the compiled headers reads their text.

    Parameters
    ----------
    folder : Path
        Where they are kept, for other processes and later runs too.
    flags : tuple of str
        The flags of the modules.
    """
    if sys.platform != "linux":
        return []
    compiler = new_compiler()
    customize_compiler(compiler)
    includes = [f"-I{path}" for path in (np.get_include(), sysconfig.get_paths()["include"])]
    words = getattr(compiler, "compiler_so_cxx", compiler.compiler_so)  # older setuptools compile C++ as C
    command = [*words, *includes, *flags, "-x", "c++-header"]
    version = subprocess.run([command[0], "--version"], capture_output=True, text=True).stdout
    digest = hashlib.sha256(repr((_HEADERS, command, sys.version, version)).encode()).hexdigest()[:16]
    header = folder / f"cython_headers_{digest}" / "cython_headers.h"
    compiled = header.with_name(f"{header.name}.gch")
    if not compiled.exists():
        header.parent.mkdir(parents=True, exist_ok=True)
        header.write_text(_HEADERS)
        part = header.with_name(f"{os.getpid()}.part")  # another process may compile them too
        if subprocess.run([*command, header, "-o", part], capture_output=True).returncode:
            return []
        part.replace(compiled)
    return ["-include", str(header)]
