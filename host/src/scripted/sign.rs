//! Signatures of requests to hooks, as providers make them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};

use super::script::Sign;

impl Sign {
    /// The value of the header for a body.
    pub(super) fn of(&self, secret: &[u8], body: &[u8]) -> String {
        let signed = self.text.as_ref().map_or(body, |text| text.as_bytes());
        macro_rules! hmac {
            ($hash:ty) => {{
                let mut mac = Hmac::<$hash>::new_from_slice(secret).expect("an HMAC takes keys of any length");
                mac.update(signed);
                mac.finalize().into_bytes().to_vec()
            }};
        }
        let signature = match self.algorithm.as_str() {
            "hmac-sha1" => hmac!(sha1::Sha1),
            "hmac-sha512" => hmac!(sha2::Sha512),
            _ => hmac!(sha2::Sha256),
        };
        let text = if self.base64 { STANDARD.encode(signature) } else { hex::encode(signature) };
        format!("{}{text}", self.prefix)
    }
}
