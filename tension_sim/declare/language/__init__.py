"""The language of equation files and recipes, and the only way from their texts to generated code.

`check_name` says which names a file may give, `parse` which expressions it may hold, `read_equations`,
`read_condition`, `read_statements` and `read_refractory` which equations, thresholds, resets and refractory
clauses. What these return is written anew from what was understood: nothing but known tokens reaches Brian2,
and with it Python, Cython, C++ and CUDA. No engine is loaded here.
"""

from .checks import METHODS as METHODS
from .checks import REFRACTORINESS as REFRACTORINESS
from .checks import check_equations as check_equations
from .checks import check_linear as check_linear
from .checks import check_meaning as check_meaning
from .checks import check_method as check_method
from .equations import Equation as Equation
from .equations import declared_unit as declared_unit
from .equations import read_equations as read_equations
from .meaning import Meaning as Meaning
from .meaning import Reader as Reader
from .statements import read_condition as read_condition
from .statements import read_refractory as read_refractory
from .statements import read_statements as read_statements
from .syntax import names_in as names_in
from .syntax import parse as parse
from .syntax import render as render
from .syntax import replaced as replaced
from .words import SEED as SEED
from .words import check_name as check_name
