"""What a file that is no model file looks like, from its first bytes: for the error message only."""

from __future__ import annotations

import codecs

_PICKLE = "it looks like a pickle, which is never loaded here because a pickle can execute code"
_SIGNATURES = {
    b"PK\x03\x04": "it looks like a zip archive (files of PyTorch, Keras, NumPy's .npz and Excel are such)",
    b"\x89HDF\r\n\x1a\n": "it looks like an HDF5 file",
    b"\x93NUMPY": "it looks like a .npy file of NumPy",
    b"PAR1": "it looks like a Parquet file",
    b"\x1f\x8b": "it looks like a gzip file",
    b"\x89PNG": "it looks like a picture (PNG)",
    b"%PDF": "it looks like a PDF",
    **{bytes([0x80, protocol]): _PICKLE for protocol in range(2, 6)},
}


def looks_like(beginning: bytes) -> str:
    r"""Return what a file with these first bytes seems to be, as the end of a sentence.

    >>> looks_like(b"x,y\n1,2\n")
    'it looks like a text file, perhaps a table (CSV)'
    """
    if not beginning:
        return "it is empty"
    for signature, words in _SIGNATURES.items():
        if beginning.startswith(signature):
            return words
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
