//! What a call says: its parameters.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::errors::Error;
use crate::wire::Request;

/// The parameters of a call: a form, in the body or the query.
#[derive(Debug, Clone, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn of(request: &Request) -> Self {
        let mut params = form(request.query().as_bytes());
        if request.method == "POST" {
            params.extend(form(&request.body));
        }
        Self(params)
    }

    /// The value of a parameter; an empty one counts as absent, as with AWS.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Error> {
        self.get(name).ok_or_else(|| Error::missing(name))
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Error> {
        self.get(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| Error::malformed_input(name, "Integer"))
            })
            .transpose()
    }

    /// A number with AWS's limits and words.
    pub(super) fn number_within(
        &self,
        name: &str,
        min: i64,
        max: i64,
        default: i64,
    ) -> Result<i64, Error> {
        let number = self.number(name)?.unwrap_or(default);
        let bound = match number {
            _ if number < min => format!("greater than or equal to {min}"),
            _ if number > max => format!("less than or equal to {max}"),
            _ => return Ok(number),
        };
        let rule = format!("Member must have value {bound}");
        Err(Error::constraint(name, &number.to_string(), &rule))
    }

    /// `LIST.member.N.FIELD` for N from 1 on.
    pub(super) fn members_field(&self, list: &str, field: &str) -> Vec<&str> {
        (1..)
            .map_while(|n| self.get(&format!("{list}.member.{n}.{field}")))
            .collect()
    }

    /// `Tags.member.N.Key` and `.Value`.
    pub(super) fn tags(&self) -> Vec<(String, String)> {
        (1..)
            .map_while(|n| {
                let key = self.get(&format!("Tags.member.{n}.Key"))?;
                let value = self.get(&format!("Tags.member.{n}.Value"));
                Some((key.to_owned(), value.unwrap_or_default().to_owned()))
            })
            .collect()
    }

    /// One page of a list that is ordered by the keys: its items, and the
    /// marker of the next page if there is one.
    pub(super) fn page<'a, T>(
        &self,
        items: impl Iterator<Item = (&'a str, T)>,
    ) -> Result<(Vec<T>, Option<String>), Error> {
        let max = self.number_within("MaxItems", 1, 1000, 100)?;
        let max = usize::try_from(max).unwrap_or(100);
        let after = self.get("Marker").map(unmark).transpose()?;
        let mut items = items
            .skip_while(|(key, _)| after.as_deref().is_some_and(|after| *key <= after))
            .peekable();
        let (mut page, mut last) = (Vec::new(), "");
        while page.len() < max
            && let Some((key, item)) = items.next()
        {
            last = key;
            page.push(item);
        }
        let next = items
            .peek()
            .is_some()
            .then(|| BASE64_URL_SAFE_NO_PAD.encode(last));
        Ok((page, next))
    }
}

fn unmark(marker: &str) -> Result<String, Error> {
    BASE64_URL_SAFE_NO_PAD
        .decode(marker)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| Error::new(400, "InvalidInput", "Invalid Marker"))
}

/// The decoded pairs of a form or query.
pub(super) fn form(text: &[u8]) -> Vec<(String, String)> {
    text.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = at.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
            (decode(name, true), decode(value, true))
        })
        .collect()
}

/// Percent decoding; what is no valid escape stands for itself.
pub(super) fn decode(text: &[u8], plus_is_space: bool) -> String {
    let digit = |at: usize| {
        let byte = *text.get(at)?;
        char::from(byte)
            .to_digit(16)
            .and_then(|n| u8::try_from(n).ok())
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high * 16 + low);
                at += 2;
            }
            (b'+', ..) if plus_is_space => bytes.push(b' '),
            _ => bytes.push(*byte),
        }
        at += 1;
    }
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Percent encoding as RFC 3986 and AWS have it.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            const HEX: [u8; 16] = *b"0123456789ABCDEF";
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    encoded
}
