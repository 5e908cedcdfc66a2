"""What gives orders to a terminal, taken out of texts that people read.

Servers, models and Azure write text. In an error, a log line or a command's output it must not
change a terminal's title or colours, what a link points to, or what was written before. Each error
of this package is cleaned where it is made, a response's headers where they come in, and whatever
else the command line shows where it is shown.
"""

from __future__ import annotations

# Control characters in 7 and in 8 bits; those that turn the direction of writing around; and bytes
# that were no UTF-8, which a terminal's stream may write as they were.
_ORDERS = {
    *range(32),
    *range(0x7F, 0xA0),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
    *range(0xDC80, 0xDCA0),
} - {9, 10}
_LEFT_OUT = dict.fromkeys(_ORDERS)
_ON_ONE_LINE = dict.fromkeys({*_ORDERS, 9, 10, 0x2028, 0x2029}, " ")
_ESCAPED = {order: f"\\u{order:04x}" for order in _ORDERS}


def harmless(text: str) -> str:
    """Return a text without orders; lines and tabs stay."""
    return text.translate(_LEFT_OUT)


def on_one_line(text: str) -> str:
    """Return a text without orders and without ends of lines, which become spaces."""
    return text.translate(_ON_ONE_LINE)


def escaped(lines: str) -> str:
    """Return lines of JSON with the same values, in which orders are escaped."""
    # JSON itself escapes only those below 32. They can stand nowhere but in a text.
    return lines.translate(_ESCAPED)
