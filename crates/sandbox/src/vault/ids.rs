//! Ids and secrets: unlike one another, and the same again for the same seed.

/// SplitMix64. Nothing here is safe to keep a real secret with.
#[derive(Debug)]
pub(super) struct Ids(u64);

const BASE62: [u8; 62] = *b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Ids {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// That many letters and digits.
    pub(super) fn base62(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let mut bits = self.next();
            // Ten digits of base 62 fit into 64 bits.
            for _ in 0..10.min(length - text.len()) {
                let digit = usize::try_from(bits % 62).unwrap_or(0);
                text.push(char::from(BASE62[digit]));
                bits /= 62;
            }
        }
        text
    }

    /// Eight digits, as at the end of a mount's accessor.
    pub(super) fn hex8(&mut self) -> String {
        format!("{:08x}", self.next() >> 32)
    }

    pub(super) fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    }

    /// A lease id's last part, an accessor.
    pub(super) fn short(&mut self) -> String {
        self.base62(24)
    }

    /// The id of a service token, as long as Vault's.
    pub(super) fn service_token(&mut self) -> String {
        format!("hvs.CAESI{}", self.base62(82))
    }

    /// The id of a batch token: they carry all they are, and are longer.
    pub(super) fn batch_token(&mut self) -> String {
        format!("hvb.AAAAAQ{}", self.base62(128))
    }

    /// At least 0, less than 1.
    pub(super) fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap_or(0)) / 4_294_967_296.0
    }
}
