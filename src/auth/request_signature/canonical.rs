//! The canonical request (management-api.md §2.4, steps 3 to 7).

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};

use super::{Payload, Refusal, RequestHead, UNSIGNED_PAYLOAD};

/// Everything of the canonical request before the payload's hash.
pub(super) fn head(head: &RequestHead<'_>, signed: &[(&str, &[u8])]) -> Result<Vec<u8>, Refusal> {
    if !head.method.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refusal::NotCanonical("method"));
    }
    let uri = uri(head.path).ok_or(Refusal::NotCanonical("path"))?;
    let query = query(head.query).ok_or(Refusal::NotCanonical("query"))?;
    let mut out = format!("{}\n{uri}\n{query}\n", head.method).into_bytes();
    for (name, value) in signed {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        out.extend_from_slice(value);
        out.push(b'\n');
    }
    out.push(b'\n');
    let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
    out.extend_from_slice(names.join(";").as_bytes());
    out.push(b'\n');
    Ok(out)
}

/// The lower-case hexadecimal SHA-256 of the canonical request. Without a body it is the hash of nothing, whatever a
/// header says.
pub(super) fn finish(head: &[u8], payload: Payload, body: &[u8]) -> String {
    let mut whole = head.to_vec();
    if payload == Payload::Unsigned && !body.is_empty() {
        whole.extend_from_slice(UNSIGNED_PAYLOAD);
    } else {
        whole.extend_from_slice(hex_sha256(body).as_bytes());
    }
    hex_sha256(&whole)
}

fn hex_sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// The path: decoded as a whole, then split, so that an encoded slash is a slash; ends in one.
pub(super) fn uri(raw: &str) -> Option<String> {
    let path = decode(raw, false)?;
    let mut out = String::with_capacity(raw.len() + 1);
    for (number, segment) in path.split('/').enumerate() {
        if number > 0 {
            out.push('/');
        }
        encode(segment, &mut out);
    }
    if !out.ends_with('/') {
        out.push('/');
    }
    Some(out)
}

/// The query: pairs decoded as a form's are (`+` is a space, as the handlers read it), sorted, encoded again.
pub(super) fn query(raw: &str) -> Option<String> {
    let mut pairs = Vec::new();
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((decode(key, true)?, decode(value, true)?));
    }
    pairs.sort_unstable();
    let mut out = String::with_capacity(raw.len());
    for (key, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        encode(&key, &mut out);
        out.push('=');
        encode(&value, &mut out);
    }
    Some(out)
}

/// Percent-decoded UTF-8. A `%` without two digits, or bytes that are no UTF-8, have no one meaning: none.
fn decode(raw: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => nibble(rest.next()?)? << 4 | nibble(rest.next()?)?,
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| value.try_into().ok())
}

/// RFC 3986's unreserved characters as they are, every other byte as `%XX`.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}
