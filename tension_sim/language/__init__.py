"""The language of equation files and recipes, and the only way from their texts to generated code.

`check_name` says which names a file may give, `parse` which expressions it may hold, `Model` which
equations. What these return is written anew from what was understood: nothing but known tokens
reaches Brian2, and with it Python, Cython, C++ and CUDA. No engine is loaded here.
"""

from .meaning import Meaning as Meaning
from .meaning import Reader as Reader
from .syntax import names_in as names_in
from .syntax import parse as parse
from .syntax import render as render
from .syntax import replaced as replaced
from .words import SEED as SEED
from .words import check_name as check_name
