"""Names in the letters that banks take: SEPA's set (EPC217-08), which is within ACH's, too."""

from __future__ import annotations

import re
import unicodedata

_LATIN = "ßss æae œoe øo łl đd ðd þth ħh ıi ŋn"
_GREEK = "αa βv γg δd εe ζz ηi θth ιi κk λl μm νn ξx οo πp ρr σs ςs τt υy φf χch ψps ωo"
_BULGARIAN = "аa бb вv гg дd еe жzh зz иi йy кk лl мm нn оo пp рr сs тt уu фf хh цts чch шsh щsht ъa ьy юyu яya"
_SMALL = {each[0]: each[1:] for each in f"{_LATIN} {_GREEK} {_BULGARIAN}".split()}
_WRITTEN = str.maketrans(_SMALL | {small.upper(): text.capitalize() for small, text in _SMALL.items() if small != "ß"})
_OTHER = re.compile(r"[^A-Za-z0-9/?:().,'+ -]")


def latin(text: str) -> str:
    """The text without marks on its letters, Greek and Bulgarian transliterated; a dot for whatever else is not in the set.

    Has no space or slash at its ends and no two in a row, as the set's rules ask; may be empty.
    """
    # й is a letter of its own, and must not come apart.
    written = unicodedata.normalize("NFKC", text).translate(_WRITTEN)
    plain = "".join(c for c in unicodedata.normalize("NFKD", written) if not unicodedata.combining(c))
    return re.sub(r"([ /])[ /]*", r"\1", _OTHER.sub(".", plain.translate(_WRITTEN))).strip(" /")
