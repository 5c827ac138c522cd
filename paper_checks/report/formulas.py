"""LaTeX to MathML that browsers render without a script: latex2mathml, repaired for MathML Core and checked tag by tag.

Browsers implement MathML Core, which knows neither ``mathvariant="script"`` nor ``columnalign``: such letters become the
Unicode letters they mean, such columns get a style. What is not plain MathML in the end is shown as its LaTeX source.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from functools import cache

from latex2mathml.converter import convert
from markupsafe import Markup, escape

_TAGS = frozenset((
    "math", "mrow", "mi", "mn", "mo", "ms", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup",
    "munder", "mover", "munderover", "mmultiscripts", "mprescripts", "none", "mtable", "mtr", "mtd", "mpadded",
    "mphantom", "mstyle",
))  # fmt: skip
_ATTRIBUTES = frozenset((
    "display", "displaystyle", "stretchy", "fence", "form", "accent", "accentunder", "separator", "largeop",
    "movablelimits", "symmetric", "width", "height", "depth", "minsize", "maxsize", "lspace", "rspace",
    "linethickness", "scriptlevel", "mathvariant",
))  # fmt: skip

#: The first letters A, a of the alphabets in Unicode's block of mathematical letters, and the letters that live elsewhere.
_ALPHABETS = {
    "script": (0x1D49C, 0x1D4B6),
    "double-struck": (0x1D538, 0x1D552),
    "fraktur": (0x1D504, 0x1D51E),
    "sans-serif": (0x1D5A0, 0x1D5BA),
    "bold": (0x1D400, 0x1D41A),
    "bold-italic": (0x1D468, 0x1D482),
}
_ELSEWHERE = {
    "script": dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True)),
    "double-struck": dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True)),
    "fraktur": dict(zip("CHIRZ", "ℭℌℑℜℨ", strict=True)),
}
_SPACES = {"negativethinmathspace": "-0.167em", "negativemediummathspace": "-0.222em"}
#: Accents as LaTeX prints them, and the characters whose glyphs sit right above a letter.
_ACCENTS = {
    "~": "\u02dc",
    "^": "\u02c6",
    "\u00af": "\u00af",
    "\u2015": "\u2015",
    "\u02d9": "\u02d9",
    "\u00a8": "\u00a8",
}


@cache
def mathml(latex: str) -> Markup:
    """The formula as a block, or its source in ``<code>`` where it cannot be converted."""
    if latex.count("{") - latex.count(r"\{") != latex.count("}") - latex.count(r"\}"):
        return _source(latex)  # latex2mathml drops what follows an open brace
    try:
        root = ET.fromstring(convert(_prepared(latex), display="block"))
    except Exception:  # latex2mathml raises many kinds, KeyError and IndexError among them
        return _source(latex)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        if element.text == r"\|":
            element.text = "‖"
        if element.tag not in _TAGS or "\\" in (element.text or ""):
            return _source(latex)
        _repair(element)
    root.set("alttext", latex)
    return Markup(ET.tostring(root, encoding="unicode"))


def _prepared(latex: str) -> str:
    """What latex2mathml does not know, in words that it does."""
    named = re.sub(r"\\(arg|argmin|argmax|prox|sign|sgn|dist)(?![A-Za-z])", r"\\operatorname{\1}", latex)
    return named.replace("{aligned}", "{split}")


#: Indices in plain text: prox_{δJ}, J_δ, θ*_i, ‖·‖_∞ and D^sym, but not a name like my_claims or x_1_y.
_INDEXED = re.compile(
    r"_\{([^{}_]{1,12})\}|(?:(?<!\w{2})(?<=[^\W\d_\u0300-\u036f])|(?<=[\u0300-\u036f*‖]))(?:_([^\W_]|∞)(?![\w\u0300-\u036f])|\^(sym)(?:_(\w))?(?![\w\u0300-\u036f]))"
)


def symbols(plain: str) -> Markup:
    """Plain text with the indices of its symbols set low and their exponents set high."""

    def lift(match: re.Match[str]) -> str:
        group, index, exponent, below = match.groups()
        if exponent:
            return f"<sup>{exponent}</sup>" + (f"<sub>{below}</sub>" if below else "")
        return f"<sub>{group or index}</sub>"

    return Markup(_INDEXED.sub(lift, str(escape(plain))))


def _source(latex: str) -> Markup:
    return Markup('<code class="latex">{}</code>').format(latex)


def _repair(element: ET.Element) -> None:
    variant = element.get("mathvariant", "")
    if variant in _ALPHABETS:
        element.text = "".join(_letter(character, variant) for character in element.text or "")
    align = element.get("columnalign", "")
    if element.get("width") in _SPACES:
        element.set("width", _SPACES[element.get("width", "")])
    if element.tag == "mover" and len(element) == 2 and (element[1].text or "") in _ACCENTS:
        narrow = element.get("accent") or element[1].text != "^"
        element.set("accent", "true")
        if narrow:  # a hat, but not a widehat
            element[1].text = _ACCENTS[element[1].text or ""]
            element[1].set("stretchy", "false")
    if element.tag == "mo" and element.text in ("∂", "∇", "∞"):  # a letter, without an operator's space
        element.tag = "mi"
        element.set("mathvariant", "normal")
    if element.tag == "mi" and element.text == ":":
        element.tag = "mo"
    if element.tag == "mo" and element.text in tuple("|‖()[]{}"):  # a fence, not a relation
        element.attrib |= {"lspace": "0em", "rspace": "0em"}
    for name in list(element.attrib):
        if name not in _ATTRIBUTES or (name == "mathvariant" and element.get(name) != "normal"):
            del element.attrib[name]
    if element.tag == "mtd" and align in ("left", "right", "center"):
        element.set("style", f"text-align: {align}")


def _letter(character: str, variant: str) -> str:
    upper, lower = _ALPHABETS[variant]
    if character in _ELSEWHERE.get(variant, {}):
        return _ELSEWHERE[variant][character]
    if "A" <= character <= "Z":
        return chr(upper + ord(character) - ord("A"))
    if "a" <= character <= "z":
        return chr(lower + ord(character) - ord("a"))
    if variant.startswith("bold") and "α" <= character <= "ω":
        return chr((0x1D6C2 if variant == "bold" else 0x1D736) + ord(character) - ord("α"))
    return character
