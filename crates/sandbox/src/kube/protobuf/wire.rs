//! Protobuf's wire format, and what Go's generated readers say of what is none.

/// Go's `io.ErrUnexpectedEOF`.
const END: &str = "unexpected EOF";

/// Wire types.
pub(super) const NUMBER: u8 = 0;
pub(super) const DOUBLE: u8 = 1;
pub(super) const BYTES: u8 = 2;

/// Reads a message field by field.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    depth: u8,
}

/// As deep as JSON may nest. Go has no limit here, but a stack that grows.
const DEEPEST: u8 = 128;

impl<'a> Reader<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            depth: 0,
        }
    }

    /// Reads a message that is a field of this one.
    pub(super) fn field_of<'b>(&self, bytes: &'b [u8]) -> Result<Reader<'b>, String> {
        if self.depth == DEEPEST {
            return Err("proto: messages nest too deep".to_owned());
        }
        Ok(Reader {
            rest: bytes,
            depth: self.depth + 1,
        })
    }

    pub(super) fn double(&mut self) -> Result<f64, String> {
        let bytes = self.take(8)?.try_into().map_err(|_| END)?;
        Ok(f64::from_le_bytes(bytes))
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The number and the wire type of the next field, if there is one.
    pub(super) fn field(&mut self, message: &str) -> Result<Option<(i32, u8)>, String> {
        if self.is_at_end() {
            return Ok(None);
        }
        let (number, kind, tag) = self.tag()?;
        if kind == 4 {
            return Err(format!(
                "proto: {message}: wiretype end group for non-group"
            ));
        }
        if number <= 0 {
            return Err(format!(
                "proto: {message}: illegal tag {number} (wire type {tag})"
            ));
        }
        Ok(Some((number, kind)))
    }

    /// The number and the wire type of a field, and both as they stand there.
    pub(super) fn tag(&mut self) -> Result<(i32, u8, u64), String> {
        let tag = self.number()?;
        #[expect(clippy::cast_possible_truncation, reason = "cut as Go cuts it")]
        Ok(((tag >> 3) as i32, (tag & 7) as u8, tag))
    }

    pub(super) fn number(&mut self) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(END)?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Ok(number);
            }
        }
        Err("proto: integer overflow".to_owned())
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], String> {
        let length = self.number()?.cast_signed();
        let length = usize::try_from(length)
            .map_err(|_| "proto: negative length found during unmarshaling".to_owned())?;
        self.take(length)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(END)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Passes over a field that nobody knows, a group with all that is in it.
    pub(super) fn skip(&mut self, mut kind: u8) -> Result<(), String> {
        let mut depth = 0_usize;
        loop {
            match kind {
                NUMBER => drop(self.number()?),
                DOUBLE => drop(self.take(8)?),
                BYTES => drop(self.bytes()?),
                3 => depth += 1,
                4 => {
                    let less = depth.checked_sub(1);
                    depth = less.ok_or("proto: unexpected end of group")?;
                }
                5 => drop(self.take(4)?),
                other => return Err(format!("proto: illegal wireType {other}")),
            }
            if depth == 0 {
                return Ok(());
            }
            if self.is_at_end() {
                return Err(END.to_owned());
            }
            kind = self.tag()?.1;
        }
    }
}
