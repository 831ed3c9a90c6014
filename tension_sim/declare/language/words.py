"""Which names a file may use: identifiers that mean nothing else in the languages of generated code.

A name goes into Brian2's equations and from there into generated Python, Cython, C++ and CUDA. It must
be an identifier by Brian2's own rule and no word of these languages, nor of ours.
"""

from __future__ import annotations

import builtins
import errno
import keyword
import re
import signal

from ...errors import InvalidTypeError, InvalidValueError, message
from .functions import CONSTANTS, FUNCTIONS
from .unit_table import EQUATION_UNITS

__all__ = ["MAX_NAME", "SEED", "check_name", "meaning_of"]

#: Longest name.
MAX_NAME = 64
#: Whole numbers that equations may use: the seed of their noise.
SEED = "noise_seed"

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

_PYTHON = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
_CYTHON = set(
    "DEF ELIF ELSE IF NULL by cdef cimport cpdef ctypedef cppclass emit_event fused gil include inline namespace "
    "nogil numpy np public readonly sizeof".split()
)
# ISO C++23, C23 and the alternative tokens; the qualifiers and variables of CUDA begin with an
# underscore but for those below
_CPP = set(
    "alignas alignof and and_eq asm atomic_cancel atomic_commit atomic_noexcept auto bitand bitor bool break case "
    "catch char char8_t char16_t char32_t class compl concept const consteval constexpr constinit const_cast "
    "continue contract_assert co_await co_return co_yield decltype default delete do double dynamic_cast else enum "
    "explicit export extern false final float for friend goto if import inline int long module mutable namespace "
    "new noexcept not not_eq nullptr operator or or_eq override private protected public reflexpr register "
    "reinterpret_cast requires restrict return short signed sizeof static static_assert static_cast struct switch "
    "synchronized template this thread_local throw true try typedef typeid typename typeof typeof_unqual union "
    "unsigned using virtual void volatile wchar_t while xor xor_eq".split()
)
_CUDA = set(
    "blockDim blockIdx gridDim threadIdx warpSize bid tid brian2cuda num_blocks num_threads neuron_id spike_index "
    "first_run INITIAL_SIZE THREADS_PER_BLOCK CUDA_SAFE_CALL CUDA_CHECK_ERROR CUDA_CHECK_MEMORY".split()
)
# used by generated code or by the headers that it includes
_CODE = set(
    "acos asin atan atan2 brian fabs fmod fmax fmin isfinite isinf isnan log2 main pow std stderr stdin stdout tsim "
    "objects network dereference preincrement free malloc size_t ssize_t bool_t "
    "int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t "
    "logical_and logical_not logical_or rint where nan oo zoo int_ sign_ exprel_ "
    "LazyArange numpy_True numpy_False".split()
)
# macros of the C library: their names cannot be used for variables
_MACROS = {
    *errno.errorcode.values(),
    *(name for name in dir(signal) if name.startswith("SIG")),
    *(
        "BIG_ENDIAN BUFSIZ BYTE_ORDER CLOCKS_PER_SEC CSIGNAL EOF EXIT_FAILURE EXIT_SUCCESS HUGE INFINITY LITTLE_ENDIAN "
        "MAXFLOAT MAX_CANON MAX_INPUT MINSIGSTKSZ NAN NFDBITS NGREG NSIG NULL NZERO PDP_ENDIAN PIPE_BUF TIME_UTC WEOF "
        "CLOSE_RANGE_CLOEXEC CLOSE_RANGE_UNSHARE TEMP_FAILURE_RETRY EDEADLK EHWPOISON EOPNOTSUPP EWOULDBLOCK ENOTSUP "
        "WORD_BIT alloca assert errno issubnormal linux major makedev math_errhandling minor offsetof sched_priority "
        "sigmask unix P_tmpdir SIGSTKSZ"
    ).split(),
}
_MACRO_FAMILY = re.compile(
    r"(?:U?(?:INT|CHAR|SHRT|LONG|LLONG|LONG_LONG|SCHAR|S?SIZE|PTRDIFF|WCHAR|WINT|BOOL|INTMAX|INTPTR"
    r"|INT(?:_LEAST|_FAST)?\d+)_(?:MAX|MIN|WIDTH|C|BIT)"
    r"|(?:AIO|BC|COLL|DELAYTIMER|EXPR|FILENAME|FOPEN|HOST_NAME|IOV|LINE|LOGIN_NAME|MB|MQ|NAME|NGROUPS|NL|PATH|RAND"
    r"|RE_DUP|RTSIG|SEM_VALUE|TMP|TTY_NAME|XATTR|CHARCLASS)_\w*MAX"
    r"|(?:M|FP|FD|HUGE|CLOCK|CLONE|CPU|LC|NL|PTHREAD|SCHED|ADJ|MOD|STA|TIMER|FE|SIG|SIGEV|SA|SI|SS|SV|BUS|CLD|FPE"
    r"|ILL|SEGV|TRAP|POLL|REG|SEEK|RENAME|MATH|STDIN|STDOUT|STDERR)_[A-Z0-9_]+[a-z0-9]*"
    r"|[FRWXL]_(?:OK|U?LOCK|TLOCK|TEST|INCR|SET|XTND|ctermid|cuserid|tmpnam)|W[A-Z]{5,}|SNANF?\d*[XL]?"
    r"|(?:be|le)\d\dtoh|hto(?:be|le)\d\d|(?:si|sa|sigev|pthread)_[a-z_]+)"
)
# of Brian2, in a group of neurons or beside it
_BRIAN = set(
    "t dt t_in_timesteps xi i j k_in N N_pre N_post lastspike not_refractory refractory boolean integer".split()
)
# parts and variables of a circuit
_OURS = {SEED, "r", "unit", "rate_time", "z_now", "activation"}


def meaning_of(name: str) -> str:
    """Say what else a name means, in words; empty if it means nothing else.

    Examples
    --------
    >>> meaning_of("lambda"), meaning_of("mV"), meaning_of("tau")
    ('a word of Python', 'a unit', '')
    """
    if name in FUNCTIONS or name in CONSTANTS:
        return "a function or constant of equations"
    if name in EQUATION_UNITS:
        return "a unit"
    if name in _BRIAN or name.startswith("xi_"):
        return "a word of equations"
    if name in _OURS:
        return "a variable of every network"
    for words, language in ((_PYTHON, "Python"), (_CPP, "C++"), (_CYTHON, "Cython"), (_CUDA, "CUDA")):
        if name in words:
            return f"a word of {language}"
    if name in _CODE or name in _MACROS or _MACRO_FAMILY.fullmatch(name):
        return "a name of the C++ library or of generated code"
    return ""


def check_name(where: str, name: object, *, ours: bool = False) -> str:
    """Return a name that a file gives to a variable or parameter, or refuse it.

    With `ours`, names of a circuit's own variables pass as well.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If it is no identifier, or means something else.

    Examples
    --------
    >>> check_name("mine.toml: parameters", "tau_mem")
    'tau_mem'
    """
    if not isinstance(name, str):
        raise InvalidTypeError(message(where, "a name", name))
    if not _IDENTIFIER.fullmatch(name) or len(name) > MAX_NAME:
        expected = f"a name of at most {MAX_NAME} letters, digits and underscores that begins with a letter"
        raise InvalidValueError(message(where, expected, name, "choose another name."))
    meaning = meaning_of(name)
    if meaning and not (ours and name in _OURS):
        fix = f"{name!r} is {meaning}: choose another name."
        raise InvalidValueError(message(where, "a name that is free", name, fix))
    return name
