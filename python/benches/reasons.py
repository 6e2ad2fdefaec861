"""Why a peer is faster, or an aim is missed: by the language and the beginning of a row's title.

The page lists only those rows of which it was measured.
"""

from __future__ import annotations

CURVE = (
    "All but 1 us is arithmetic on the curve, which RFC 7518, section 4.6, asks for with each token; OpenSSL does it "
    "for joserfc."
)
PLAIN = "The peer reads a text; Jam hashes the id, sees whether this use is to be written down, and reads the JSON."
INDEX = (
    "The peer writes one key; Jam's script also keeps the index of the owner's sessions in the same atomic step, for "
    "which the server needs 9 us."
)
LOOP = (
    "Half of the time is the event loop's, a quarter that of the thread which has the connection, and a quarter the "
    "server's, on the same cores."
)
NONCE = (
    "A third of it is BLAKE2b and a sixth the system call for the nonce, of which none is kept in reserve: after a "
    "fork, two processes would use the same."
)

REASONS = {
    "Python: JWE ECDH-ES": CURVE,
    "Python: PASETO v4.local, encode": NONCE,
    "Python: session_get": LOOP,
    "Python: session_create": INDEX,
    "Rust: session_get": PLAIN,
    "Rust: session_create": INDEX,
}
NOT_KNOWN = "Not looked into yet."


def reason(language: str, title: str) -> str:
    """What is known of a row."""
    row = f"{language}: {title}"
    return next((why for beginning, why in REASONS.items() if row.startswith(beginning)), NOT_KNOWN)
