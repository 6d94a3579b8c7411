"""Names and numbers as XML holds them."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

from yolo_tl.errors import DataError

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escaped(text: str) -> str:
    """`text` as element text or as an attribute in double quotes.

    Raises:
        DataError: it holds a control character, which XML has no way to write.

    >>> escaped('<a> & "b"')
    '&lt;a&gt; &amp; &quot;b&quot;'
    """
    if found := _NOT_XML.search(text):
        raise DataError(
            f"{text!r} cannot be written in XML: it holds {found.group()!r}", hint="rename the file or the class"
        )
    return escape(text, {'"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})


def number(value: float) -> str:
    """The shortest text that reads back as `value`.

    >>> number(3.0), number(0.1)
    ('3', '0.1')
    """
    return str(int(value)) if float(value).is_integer() else repr(float(value))
