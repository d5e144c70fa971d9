//! The `Authorization` header (management-api.md §2.2).

use super::Refusal;
use super::signing::Algorithm;

/// The head of a request has at most as many lines.
const MOST_HEADERS: usize = 100;

/// The longest access key that is looked up.
const LONGEST_KEY: usize = 64;

/// The one service whose derived keys open the API, as every SDK names it.
pub(super) const SERVICE: &str = "iotdm";

/// What the header says.
#[derive(Debug)]
pub(super) struct Authorization<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) access_key: &'a str,
    /// In the order given; each once, in lower case.
    pub(super) signed_headers: Vec<&'a str>,
    pub(super) signature: [u8; 32],
}

impl<'a> Authorization<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(value).ok().filter(|text| text.is_ascii());
        let text = text.ok_or(Refusal::Malformed("it is not ASCII"))?;
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        let credential = match name {
            "SDK-HMAC-SHA256" => "Access",
            "V11-HMAC-SHA256" => "Credential",
            other => return Err(Refusal::UnknownAlgorithm(other.chars().take(40).collect())),
        };
        let [credential, signed_headers, signature] =
            items(rest, [credential, "SignedHeaders", "Signature"])?;
        let (algorithm, access_key) = if name.starts_with("V11") {
            scope(credential)?
        } else {
            (Algorithm::Sdk, credential)
        };
        let is_key = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if !(1..=LONGEST_KEY).contains(&access_key.len()) || !access_key.bytes().all(is_key) {
            return Err(Refusal::Malformed("the access key has another form"));
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(signature, &mut bytes)
            .map_err(|_| Refusal::Malformed("Signature must be 64 hexadecimal digits"))?;
        Ok(Self {
            algorithm,
            access_key,
            signed_headers: names(signed_headers)?,
            signature: bytes,
        })
    }
}

/// The values of `name=value` items, each there once, in any order, and no others.
fn items<'a>(text: &'a str, names: [&str; 3]) -> Result<[&'a str; 3], Refusal> {
    let mut values = [None; 3];
    for item in text.split(',') {
        let (name, value) = item
            .trim()
            .split_once('=')
            .ok_or(Refusal::Malformed("its items must be name=value"))?;
        let slot = names
            .iter()
            .zip(&mut values)
            .find(|(known, _)| **known == name)
            .ok_or(Refusal::Malformed("it has an item that is not known"))?;
        if slot.1.replace(value).is_some() {
            return Err(Refusal::Malformed("an item stands twice"));
        }
    }
    match values {
        [Some(one), Some(two), Some(three)] => Ok([one, two, three]),
        _ => Err(Refusal::Malformed("an item is missing")),
    }
}

/// `<access_key>/<yyyymmdd>/<region>/iotdm`.
fn scope(credential: &str) -> Result<(Algorithm, &str), Refusal> {
    let (access_key, info) = credential
        .split_once('/')
        .ok_or(Refusal::Malformed("Credential has no scope"))?;
    let parts: Vec<&str> = info.split('/').collect();
    match parts[..] {
        [date, region, service] if date.len() == 8 && !region.is_empty() => {
            if service != SERVICE {
                return Err(Refusal::Scope("is of another service than iotdm"));
            }
            let info = info.to_owned();
            Ok((Algorithm::V11 { info }, access_key))
        }
        _ => Err(Refusal::Malformed("the scope must be <yyyymmdd>/<region>/iotdm")),
    }
}

fn names(list: &str) -> Result<Vec<&str>, Refusal> {
    let mut names: Vec<&str> = Vec::new();
    for name in list.split(';') {
        let is_lower_token = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.!#$%&'*+^`|~".contains(&byte)
        };
        if name.is_empty() || !name.bytes().all(is_lower_token) {
            return Err(Refusal::Malformed(
                "SignedHeaders must be header names in lower case, joined by ';'",
            ));
        }
        if names.contains(&name) {
            return Err(Refusal::Malformed("SignedHeaders names a header twice"));
        }
        if names.len() == MOST_HEADERS {
            return Err(Refusal::Malformed("SignedHeaders names too many headers"));
        }
        names.push(name);
    }
    Ok(names)
}
