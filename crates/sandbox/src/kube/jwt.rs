//! Service account tokens, signed for real.

use std::fmt;

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
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

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
        Ok(Self { pair, random, id })
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

    /// The claims of a token that this key signed and that is valid now.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<Value, String> {
        let malformed = || "invalid bearer token".to_owned();
        let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (_, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key())
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| malformed())?;
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| malformed())?;
        let claims: Value = serde_json::from_slice(&claims).map_err(|_| malformed())?;
        let seconds = now.as_second();
        if claims["exp"].as_i64().is_some_and(|end| end < seconds) {
            return Err("service account token has expired".into());
        }
        Ok(claims)
    }

    /// `/openid/v1/jwks`.
    pub(crate) fn jwks(&self) -> Value {
        json!({"keys": []})
    }
}

/// `/.well-known/openid-configuration`.
pub(crate) fn discovery(issuer: &str, jwks_uri: &str) -> Value {
    json!({"issuer": issuer, "jwks_uri": jwks_uri})
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
