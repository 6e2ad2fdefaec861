//! Recognizes the texts of keys where random bytes are expected.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};

use crate::crypto::key_encoding::is_der_key;
use crate::encoding::json_object;

/// Whether bytes that are meant as an HMAC secret are a key of another kind in any of its usual texts: PEM,
/// OpenSSH, DER, JWK or JWK Set, or base64 or hexadecimal of one of these. Who knows such a public key would
/// otherwise know the secret.
pub(crate) fn is_key_text(bytes: &[u8]) -> bool {
    let is_decoded_key = |inner: Vec<u8>| is_plain_key_text(&inner);
    is_plain_key_text(bytes)
        || decoded_base64(bytes).is_some_and(is_decoded_key)
        || HEXLOWER_PERMISSIVE.decode(bytes.trim_ascii()).is_ok_and(is_decoded_key)
}

fn is_plain_key_text(bytes: &[u8]) -> bool {
    if is_der_key(bytes.trim_ascii_end()) || is_der_key(bytes) || is_openssh_blob(bytes) {
        return true;
    }
    // Text in UTF-16, as some systems write files, is the same text with zeros between the letters.
    if bytes.contains(&0) {
        let marks: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];
        let unmarked = marks.iter().find_map(|mark| bytes.strip_prefix(*mark)).unwrap_or(bytes);
        let letters: Vec<u8> = unmarked.iter().copied().filter(|byte| *byte != 0).collect();
        return is_plain_key_text(&letters);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
    const OPENSSH: [&str; 3] = ["ssh-", "ecdsa-sha2-", "sk-"];
    const MEMBERS: [&str; 4] = ["\"kty\"", "\"keys\"", "'kty'", "'keys'"];
    let has_marker = |marker: &str| {
        text.as_bytes().windows(marker.len()).any(|letters| letters.eq_ignore_ascii_case(marker.as_bytes()))
    };
    has_marker("-----BEGIN")
        || has_marker("---- BEGIN")
        || (OPENSSH.iter().any(|prefix| text.starts_with(prefix)) && text.contains(" AAAA"))
        || text.contains("<RSAKeyValue>")
        || ["k1.public.", "k2.public.", "k3.public.", "k4.public."].iter().any(|form| text.starts_with(form))
        || (text.starts_with(['{', '[']) && (MEMBERS.iter().any(|name| text.contains(name)) || is_jwk(text)))
}

/// Whether the bytes are what stands in base64 in an OpenSSH public key: a length and the algorithm's name (RFC 4253
/// section 6.6).
fn is_openssh_blob(bytes: &[u8]) -> bool {
    let name = bytes.strip_prefix(&[0, 0, 0]).and_then(|rest| rest.split_first()).map(|(_, name)| name);
    name.is_some_and(|name| {
        [&b"ssh-"[..], b"ecdsa-sha2-", b"sk-"].iter().any(|prefix| name.starts_with(prefix))
    })
}

/// Whether JSON text is a key or a set of keys, however its members are spelled.
fn is_jwk(text: &str) -> bool {
    json_object(text.as_bytes())
        .is_ok_and(|members| members.contains_key("kty") || members.contains_key("keys"))
}

/// The bytes of base64 text of either alphabet, with or without padding and line breaks.
fn decoded_base64(text: &[u8]) -> Option<Vec<u8>> {
    let letters: Vec<u8> =
        text.iter().copied().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').collect();
    BASE64_NOPAD.decode(&letters).or_else(|_| BASE64URL_NOPAD.decode(&letters)).ok()
}
