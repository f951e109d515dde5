//! A fingerprint of a state.

use std::fmt;

/// 128 bits that stand for all text written into it.
#[derive(Clone, Copy, Debug)]
pub struct Digest {
    a: u64,
    b: u64,
}

impl Default for Digest {
    fn default() -> Self {
        Self {
            a: 0xcbf2_9ce4_8422_2325,
            b: 0x9e37_79b9_7f4a_7c15,
        }
    }
}

impl Digest {
    /// Takes a number in.
    pub fn number(&mut self, n: i64) {
        let n = n.cast_unsigned();
        self.a = (self.a ^ n).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self.a ^= self.a >> 32;
        self.b = (self.b.rotate_left(29) ^ n).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        self.b ^= self.b >> 29;
    }

    /// Takes a text in.
    pub fn text(&mut self, text: &str) {
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.number(i64::from_le_bytes(word));
        }
        self.number(i64::try_from(text.len()).unwrap_or(-1));
    }

    pub(super) fn value(self) -> u128 {
        u128::from(self.a) << 64 | u128::from(self.b)
    }
}

impl fmt::Write for Digest {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.text(s);
        Ok(())
    }
}
