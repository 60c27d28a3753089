//! Verifies signatures of minisign, with one or several keys.
//!
//! Both kinds are supported: of the file's BLAKE2b-512 hash, minisign's default, and of the file itself. Keys and
//! signatures must be formatted exactly as minisign does it; only the text of the untrusted comment is free, since it is
//! not signed. The formats are described at <https://jedisct1.github.io/minisign/>.

use core::fmt;

use blake2::{Blake2b512, Digest};
use ed25519_dalek::{Signature, VerifyingKey};

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The trusted comment was changed.
    Comment,
    /// The file or its signature was changed.
    File,
    /// The key file is not one or more public keys of minisign.
    Key,
    /// The signature was made with a key that is not in the key file.
    OtherKey,
    /// The signature file is not a signature of minisign.
    Signature,
}

impl Refusal {
    /// The reason as text for the log.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Comment => "the trusted comment is not what was signed",
            Self::File => "the file is not what was signed",
            Self::Key => "the key is no public key of minisign",
            Self::OtherKey => "the signature is by another key",
            Self::Signature => "the signature is no signature of minisign",
        }
    }
}

/// A signature that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed<'a> {
    /// The number of the key that it was made with.
    pub key: KeyId,
    /// The trusted comment.
    pub comment: &'a [u8],
}

/// The number of a key, which minisign shows in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyId([u8; ID]);

impl fmt::Display for KeyId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{:016X}", u64::from_le_bytes(self.0))
    }
}

/// Accepts `signature`, if it was made for this `file` with the secret key of one of `keys`, which are key files one
/// after the other.
///
/// # Errors
/// Returns why the signature is not accepted.
pub fn verify<'a>(keys: &[u8], signature: &'a [u8], file: &[u8]) -> Result<Signed<'a>, Refusal> {
    // A file that is torn behind the key in question is refused too.
    let mut lines = Lines(keys);
    while read_key(&mut lines).map(|_| !lines.is_over()).ok_or(Refusal::Key)? {}
    let parts = Parts::read(signature).ok_or(Refusal::Signature)?;
    let hash = Blake2b512::digest(file);
    let signed = if parts.hashed { hash.as_slice() } else { file };
    let mut refusal = Refusal::OtherKey;
    let mut lines = Lines(keys);
    while let Some((id, key)) = read_key(&mut lines) {
        // Several keys may have one number.
        if id == parts.key {
            match parts.verify(&key, signed) {
                Ok(()) => return Ok(Signed { key: id, comment: parts.comment }),
                // The signature itself was made with this key.
                Err(_) if refusal == Refusal::Comment => {}
                Err(this) => refusal = this,
            }
        }
    }
    Err(refusal)
}

/// Reads a public key and its number.
fn read_key(lines: &mut Lines<'_>) -> Option<(KeyId, VerifyingKey)> {
    lines.next()?.strip_prefix(UNTRUSTED)?;
    let key: [u8; 2 + ID + 32] = base64(lines.next()?)?;
    let (kind, rest) = key.split_first_chunk()?;
    let (id, point) = rest.split_first_chunk()?;
    (kind == b"Ed").then_some(())?;
    Some((KeyId(*id), VerifyingKey::from_bytes(point.try_into().ok()?).ok()?))
}

/// The fields of a signature file.
struct Parts<'a> {
    /// True if the hash of the file is signed, false if the file itself is.
    hashed: bool,
    /// The number of the key.
    key: KeyId,
    signature: Signature,
    comment: &'a [u8],
    of_both: Signature,
}

impl<'a> Parts<'a> {
    fn read(file: &'a [u8]) -> Option<Self> {
        let mut lines = Lines(file);
        lines.next()?.strip_prefix(UNTRUSTED)?;
        let signature: [u8; 2 + ID + SIGNATURE] = base64(lines.next()?)?;
        let comment = lines.next()?.strip_prefix(TRUSTED)?;
        let of_both: [u8; SIGNATURE] = base64(lines.next()?)?;
        (lines.is_over() && comment.len() <= COMMENT).then_some(())?;
        let (kind, rest) = signature.split_first_chunk()?;
        let (key, signature) = rest.split_first_chunk()?;
        let hashed = match kind {
            b"ED" => true,
            b"Ed" => false,
            _ => return None,
        };
        let signature = Signature::from_bytes(signature.try_into().ok()?);
        Some(Self { hashed, key: KeyId(*key), signature, comment, of_both: Signature::from_bytes(&of_both) })
    }

    /// Checks both signatures; `signed` is the file or its hash.
    fn verify(&self, key: &VerifyingKey, signed: &[u8]) -> Result<(), Refusal> {
        key.verify_strict(signed, &self.signature).map_err(|_| Refusal::File)?;
        // The second signature is of the first one followed by the comment.
        let mut both = heapless::Vec::<u8, { SIGNATURE + COMMENT }>::new();
        let whole = both.extend_from_slice(&self.signature.to_bytes()).is_ok()
            && both.extend_from_slice(self.comment).is_ok()
            && key.verify_strict(&both, &self.of_both).is_ok();
        if whole { Ok(()) } else { Err(Refusal::Comment) }
    }
}

/// The remaining lines of a file, each of which must end in a newline.
struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == b'\n')?;
        let (line, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(1..)?;
        Some(line)
    }

    const fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

/// Decodes exactly N bytes of base64, RFC 4648 section 4; the padding is required, and its unused bits must be 0.
#[allow(clippy::arithmetic_side_effects)] // lengths of a line, and letters of a checked range
fn base64<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let mut bits = 0_u32;
    let mut left = bytes.iter_mut();
    (text.len() == N.div_ceil(3).checked_mul(4)?).then_some(())?;
    for (group, last) in text.chunks(4).zip((0..text.len() / 4).rev()) {
        let padding = if last == 0 { N.div_ceil(3) * 3 - N } else { 0 };
        for (place, letter) in group.iter().enumerate() {
            let digit = match *letter {
                b'=' if place + padding > 3 => 0,
                _ if place + padding > 3 => return None,
                b'A'..=b'Z' => letter - b'A',
                b'a'..=b'z' => letter - b'a' + 26,
                b'0'..=b'9' => letter - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(digit);
        }
        let [_, decoded @ ..] = bits.to_be_bytes();
        bits = 0;
        for (place, byte) in decoded.into_iter().enumerate() {
            if place + padding > 2 {
                (byte == 0).then_some(())?;
            } else {
                *left.next()? = byte;
            }
        }
    }
    Some(bytes)
}

const ID: usize = 8;
const SIGNATURE: usize = 64;
/// The longest trusted comment, bytes; minisign's own limit is 8,192 with the prefix.
const COMMENT: usize = 8_192;

const UNTRUSTED: &[u8] = b"untrusted comment: ";
const TRUSTED: &[u8] = b"trusted comment: ";
