"""What a file is, from its first bytes; in words for messages where it was not what was asked for."""

from __future__ import annotations

import codecs

GZIP = b"\x1f\x8b"
_PICKLE = "a pickle, which is never loaded here because a pickle can execute code"
_SIGNATURES = {
    b"PK\x03\x04": "a zip archive (files of PyTorch, Keras, NumPy's .npz and Excel are such)",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"\x93NUMPY": "a .npy file of NumPy",
    b"PAR1": "a Parquet file",
    GZIP: "a gzip file",
    b"\x89PNG": "a picture (PNG)",
    b"%PDF": "a PDF",
    codecs.BOM_UTF16_LE: "UTF-16 text",
    codecs.BOM_UTF16_BE: "UTF-16 text",
    **{bytes([0x80, protocol]): _PICKLE for protocol in range(2, 6)},
}


def known_kind(beginning: bytes) -> str:
    """Return the kind of file that has these first bytes; an empty text for text and for unknown ones.

    >>> known_kind(b"PAR1")
    'a Parquet file'
    """
    return next((kind for signature, kind in _SIGNATURES.items() if beginning.startswith(signature)), "")


def looks_like(beginning: bytes) -> str:
    r"""Return what a file with these first bytes seems to be, as the end of a sentence.

    >>> looks_like(b"x,y\n1,2\n")
    'it looks like a text file, perhaps a table (CSV)'
    """
    if not beginning:
        return "it is empty"
    if kind := known_kind(beginning):
        return f"it looks like {kind}"
    return _looks_like_text(beginning) or "it is not a safetensors file"


def _looks_like_text(beginning: bytes) -> str:
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(beginning)  # the end may cut a character
    except UnicodeDecodeError:
        return ""
    if not all(character.isprintable() or character in "\t\r\n\f" for character in text):
        return ""
    if text.lstrip().startswith(("{", "[")):
        return "it looks like a JSON text"
    first_line = text.partition("\n")[0]
    table = any(separator in first_line for separator in ",;\t")
    return "it looks like a text file" + (", perhaps a table (CSV)" if table else "")
