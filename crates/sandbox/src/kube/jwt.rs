//! Service account tokens, signed for real.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use serde_json::{Value, json};

/// The key that signs (ES256).
///
/// Fresh for each server, not made from a seed: ring takes a key only with its public half,
/// and a signature holds a random number anyway, so no two tokens are ever the same text.
pub(crate) struct Keys {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    id: String,
    /// Digests of the tokens last found to be signed by this key: a client shows its own with each
    /// request, and a signature takes longer than the rest of many.
    signed: Mutex<VecDeque<Digest>>,
}

type Digest = [u8; 32];

/// So many tokens are remembered.
const REMEMBERED: usize = 16;

/// Without the key.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What the server says of a token it cannot read.
const INVALID: &str = "invalid bearer token";

impl Keys {
    /// A new key.
    pub(crate) fn new() -> Result<Self, String> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| "no key could be made".to_owned())?;
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
                .map_err(|error| error.to_string())?;
        let id = encode(digest(&SHA256, pair.public_key().as_ref()).as_ref());
        Ok(Self {
            pair,
            random,
            id,
            signed: Mutex::default(),
        })
    }

    /// A token with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, String> {
        let header = json!({"alg": "ES256", "kid": self.id});
        let signed = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let signature = self
            .pair
            .sign(&self.random, signed.as_bytes())
            .map_err(|_| "no signature could be made".to_owned())?;
        Ok(format!("{signed}.{}", encode(signature.as_ref())))
    }

    /// The claims of a token that this key signed and that is valid now; an error is the text of
    /// a TokenReview. Whom it is for and whether its account is still there is not asked here.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<Value, String> {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, payload, signature] = parts[..] else {
            return Err(INVALID.into());
        };
        let (header, claims) = (object(header)?, object(payload)?);
        // No other algorithm, `none` least of all.
        if header["alg"] != "ES256" || !self.has_signed(token, signature) {
            return Err(refused("go-jose/go-jose: error in cryptographic primitive"));
        }
        let second = now.as_second();
        if claims["exp"].as_i64().is_none_or(|end| end < second) {
            return Err(refused("service account token has expired"));
        }
        if claims["nbf"].as_i64().is_some_and(|begin| begin > second) {
            return Err(refused("service account token is not valid yet"));
        }
        Ok(claims)
    }

    fn has_signed(&self, token: &str, signature: &str) -> bool {
        let whole = digest(&SHA256, token.as_bytes());
        let mut remembered = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.iter().any(|known| known == whole.as_ref()) {
            return true;
        }
        let signed = &token[..token.len() - signature.len() - 1];
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        let verified = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key())
            .verify(signed.as_bytes(), &signature);
        if verified.is_ok()
            && let Ok(whole) = whole.as_ref().try_into()
        {
            remembered.truncate(REMEMBERED - 1);
            remembered.push_front(whole);
        }
        verified.is_ok()
    }

    /// `/openid/v1/jwks`.
    pub(crate) fn jwks(&self) -> Value {
        // The point, uncompressed: 4, x, y.
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({"keys": [{"use": "sig", "kty": "EC", "kid": self.id, "crv": "P-256", "alg": "ES256",
            "x": encode(x), "y": encode(y)}]})
    }
}

/// What the server says of a token that is for others.
pub(crate) fn wrong_audience(has: &[String], wanted: &[String]) -> String {
    refused(&format!(
        "token audiences {} is invalid for the target audiences {}",
        listed(has),
        listed(wanted)
    ))
}

/// `/.well-known/openid-configuration`.
pub(crate) fn discovery(issuer: &str, jwks_uri: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    })
}

fn object(part: &str) -> Result<Value, String> {
    let decoded = URL_SAFE_NO_PAD.decode(part).ok();
    decoded
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .filter(Value::is_object)
        .ok_or_else(|| INVALID.into())
}

/// The server asks each of its authenticators, and the first never knows the token.
fn refused(why: &str) -> String {
    format!("[{INVALID}, {why}]")
}

fn listed(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
    format!("[{}]", quoted.join(" "))
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    fn claims(seconds: i64) -> Value {
        json!({"iss": "https://kubernetes.default.svc", "aud": ["vault"],
            "sub": "system:serviceaccount:default:sa", "exp": now().as_second() + seconds})
    }

    #[test]
    fn a_token_says_what_was_signed_until_it_ends() {
        let keys = Keys::new().unwrap();
        let token = keys.sign(&claims(600)).unwrap();
        assert_eq!(keys.verify(&token, now()), Ok(claims(600)));
        assert_eq!(keys.verify(&token, now()), Ok(claims(600)), "and once more");
        let later = now() + jiff::SignedDuration::from_secs(601);
        assert!(keys.verify(&token, later).is_err(), "known, and over");
        let old = keys.sign(&claims(-1)).unwrap();
        assert_eq!(
            keys.verify(&old, now()),
            Err("[invalid bearer token, service account token has expired]".into())
        );
        let endless = keys.sign(&json!({"sub": "x"})).unwrap();
        assert!(keys.verify(&endless, now()).is_err());
    }

    #[test]
    fn a_token_of_another_key_or_changed_or_unsigned_is_refused() {
        let keys = Keys::new().unwrap();
        let error =
            Err("[invalid bearer token, go-jose/go-jose: error in cryptographic primitive]".into());
        let foreign = Keys::new().unwrap().sign(&claims(600)).unwrap();
        assert_eq!(keys.verify(&foreign, now()), error);
        let token = keys.sign(&claims(600)).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let later = encode(claims(9999).to_string().as_bytes());
        assert_eq!(
            keys.verify(&format!("{}.{later}.{}", parts[0], parts[2]), now()),
            error
        );
        let none = encode(b"{\"alg\":\"none\"}");
        assert_eq!(keys.verify(&format!("{none}.{}.", parts[1]), now()), error);
        assert_eq!(
            keys.verify(&format!("{none}.{}.{}", parts[1], parts[2]), now()),
            error
        );
        for garbage in [
            "",
            "abc",
            "a.b.c",
            "a.b.c.d",
            &format!("{}.{}", parts[0], parts[1]),
        ] {
            assert_eq!(
                keys.verify(garbage, now()),
                Err("invalid bearer token".into()),
                "{garbage}"
            );
        }
    }

    #[test]
    fn another_verifies_with_the_published_key() {
        let keys = Keys::new().unwrap();
        let token = keys.sign(&claims(600)).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let key = &keys.jwks()["keys"][0];
        let mut point = vec![4];
        for part in ["x", "y"] {
            point.extend(URL_SAFE_NO_PAD.decode(key[part].as_str().unwrap()).unwrap());
        }
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point)
            .verify(
                signed.as_bytes(),
                &URL_SAFE_NO_PAD.decode(signature).unwrap(),
            )
            .unwrap();
        let header = object(token.split('.').next().unwrap()).unwrap();
        assert_eq!(header["kid"], key["kid"]);
    }

    #[test]
    fn neither_the_key_nor_its_halves_are_shown() {
        let keys = Keys::new().unwrap();
        assert_eq!(
            format!("{keys:?}"),
            format!("Keys {{ id: {:?}, .. }}", keys.id)
        );
    }

    #[test]
    fn discovery_names_the_algorithm_that_signs() {
        let document = discovery(
            "https://kubernetes.default.svc",
            "https://127.0.0.1:6443/openid/v1/jwks",
        );
        assert_eq!(
            document["id_token_signing_alg_values_supported"],
            json!(["ES256"])
        );
        assert_eq!(
            document["jwks_uri"],
            "https://127.0.0.1:6443/openid/v1/jwks"
        );
    }

    #[test]
    fn a_token_for_others_is_refused_with_both_audiences() {
        assert_eq!(
            wrong_audience(&["vault".into()], &["other".into()]),
            "[invalid bearer token, token audiences [\"vault\"] is invalid for the target audiences [\"other\"]]"
        );
    }
}
